"""What reaches out of the Workflow: Claude with a pinned prompt, notices, reviewers' keys."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import ClaudeReply, Messages
    from agentkit.approvals import (
        FileNotifier,
        Verify,
        approval_activities,
        signed_by,
        trust_names,
    )
    from agentkit.prompts import PinnedPrompt, PromptVersion, ask_pinned_claude, prompt_activities
    from recipes.research_agent.tools import TOOLS

SYSTEM = """You research a question for the supervisor of a small bookshop.
Plan first, then make all planned searches at once, then hand in a report with publish_report.
Say only what a source says, and cite it word for word. Name what contradicts itself, and what you
did not find. When the report comes back, mend what is wrong with it and hand it in again."""

MOST_TOKENS = 16_000

NOTIFIER = FileNotifier(os.environ.get("APPROVAL_INBOX", "approvals.jsonl"))

# Such as "ann=… bob=…". The worker keeps them in memory; history holds signatures only.
KEYS = dict(pair.split("=", 1) for pair in os.environ.get("APPROVAL_KEYS", "").split())
VERIFY: Verify = signed_by({n: k.encode() for n, k in KEYS.items()}) if KEYS else trust_names


def activities() -> list[Callable[..., Any]]:
    """The prompt that new runs are given, and what the gate needs; made when a worker starts."""
    version = PromptVersion("research", SYSTEM, [t.schema() for t in TOOLS], MOST_TOKENS)
    return [*prompt_activities(version), *approval_activities(NOTIFIER, VERIFY)]


async def ask_claude(prompt: PinnedPrompt, messages: Messages) -> ClaudeReply:
    """One Messages call, with the prompt and the tools that the run began with."""
    return await ask_pinned_claude(prompt, messages, start_to_close_timeout=timedelta(minutes=5))
