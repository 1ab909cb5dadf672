"""Prompts as versions: a run takes the current one when it begins, and keeps it to its end.

A prompt (system prompt, tool schemas, model, limit) is one text in a store, and a run carries its
reference. So a deployment changes the prompt of new runs only.
"""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from agentkit.activity_options import PIN_OPTIONS
from agentkit.claude import DEFAULT_MAX_TOKENS, call_claude, default_model
from agentkit.messages import ClaudeReply, ClaudeRequest, PinnedPrompt, ToolSchemas, Verbatim
from agentkit.stores import SQLiteStore, Store
from agentkit.tools import AnyTool

__all__ = ["PinnedPrompt", "Prompt", "load_prompt", "pin_prompt", "prompt_activities"]


@dataclass(frozen=True)
class Prompt:
    """All that Claude gets besides the conversation, as the store keeps it."""

    name: str
    system: str
    tools: Verbatim[ToolSchemas]
    max_tokens: int
    model: str

    def to_text(self) -> str:
        """Write it so that the same version has the same reference.

        Not as canonical JSON: the order of tools and fields is part of what Claude reads.
        """
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)


def prompt_activities(
    name: str,
    system: str,
    tools: Sequence[AnyTool] = (),
    *,
    model: str | None = None,
    max_tokens: int = DEFAULT_MAX_TOKENS,
    store: Store | None = None,
) -> list[Callable[..., Any]]:
    """Make the Activities that pin the current prompt and call Claude; give them to the Worker.

    Args:
        name: The prompt's name among people, such as "support".
        system: The system prompt.
        tools: The tools on offer.
        model: A model id; None takes `default_model()` of the worker that pins.
        max_tokens: The most tokens that a reply may have.
        store: Where prompts are kept, for all workers of these runs; by default
            `SQLiteStore()`. Keep a pinned prompt for as long as one of its runs may go on.

    Returns:
        The Activities `pin_prompt` and `call_claude`. The second calls with the prompt that
        the request is pinned to, or with the current one.
    """
    prompts = store or SQLiteStore()

    def current() -> Prompt:
        schemas = [each.schema() for each in tools]
        return Prompt(name, system, schemas, max_tokens, model or default_model())

    @activity.defn(name="pin_prompt")
    async def pin() -> PinnedPrompt:
        return PinnedPrompt(name, await asyncio.to_thread(prompts.put, current().to_text()))

    @activity.defn(name="call_claude")
    async def call(request: ClaudeRequest) -> ClaudeReply:
        if request.prompt is None:
            prompt = current()
        else:
            prompt = await asyncio.to_thread(load_prompt, prompts, request.prompt)
        return await call_with(prompt, request)

    return [pin, call]


async def pin_prompt(**options: Any) -> PinnedPrompt:
    """Pin the version that is current on the worker; call it first in Workflow code.

    It goes to `ask_claude(…, prompt=…)`. The `options` (`workflow.ActivityConfig`) replace
    `PIN_OPTIONS`.
    """
    settings: dict[str, Any] = {**PIN_OPTIONS, **options}
    pinned: PinnedPrompt = await workflow.execute_activity(
        "pin_prompt", result_type=PinnedPrompt, **settings
    )
    return pinned


def load_prompt(store: Store, pinned: PinnedPrompt) -> Prompt:
    """Read a pinned prompt; raise a non-retryable error if it isn't there or was altered."""
    try:
        return Prompt(**json.loads(store.get(pinned.reference)))
    except (KeyError, ValueError, TypeError, RecursionError) as err:
        raise ApplicationError(
            f"This run is pinned to {pinned.label}, which this worker can't read: "
            f"{err.args[0] if err.args else err}. Give all workers the store in which it was "
            "pinned (AGENTKIT_STORE, or `store=`), or restore it from a backup; then reset the "
            "run to its last good step.",
            type="prompt_not_found",
            non_retryable=True,
        ) from None


async def call_with(prompt: Prompt, request: ClaudeRequest) -> ClaudeReply:
    """Send a request, and take from the prompt what the request leaves out."""
    return await call_claude(
        request,
        system=prompt.system,
        tools=prompt.tools,
        model=prompt.model,
        max_tokens=prompt.max_tokens,
    )
