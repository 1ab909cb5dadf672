"""The prompt that new runs are given, and the call of Claude by the one that a run has taken."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import ClaudeReply, Messages
    from agentkit.prompts import PinnedPrompt, PromptVersion, ask_pinned_claude, prompt_activities
    from recipes.versioned_prompts.tools import TOOLS


def activities() -> list[Callable[..., Any]]:
    """Read prompt.md and the tools' schemas, once, when a worker starts."""
    system = Path(__file__).with_name("prompt.md").read_text(encoding="utf8")
    return prompt_activities(PromptVersion("support", system, [t.schema() for t in TOOLS]))


async def ask_claude(prompt: PinnedPrompt, messages: Messages) -> ClaudeReply:
    """One Messages call, with the prompt and the tools that the run began with."""
    return await ask_pinned_claude(prompt, messages, start_to_close_timeout=timedelta(minutes=2))
