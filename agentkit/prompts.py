"""Prompts as versions: a run takes the current one when it begins, and keeps it to its end.

What Claude is told (system prompt, tool schemas, model, limit) is one artefact, kept in a store
under the SHA-256 of its text. A run carries the reference; the worker that makes a call reads
the artefact by it. So a deployment changes the prompt of new runs, and of no other, and history
holds neither prompts nor schemas.
"""

# No `from __future__ import annotations` here: see agentkit/claude.py.

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from agentkit.claude import (
    CLAUDE_OPTIONS,
    ClaudeReply,
    ClaudeRequest,
    call_claude,
    check_size,
    default_model,
)
from agentkit.messages import Messages, ToolSchemas, Verbatim
from agentkit.stores import SQLiteStore, Store
from agentkit.tools import HEARTBEAT_TIMEOUT

PIN_OPTIONS: workflow.ActivityConfig = {
    "start_to_close_timeout": timedelta(seconds=30),
    "schedule_to_close_timeout": timedelta(minutes=5),
    "heartbeat_timeout": HEARTBEAT_TIMEOUT,
    "retry_policy": RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_attempts=5),
}
"""What pinning gets unless told otherwise: it writes a few kilobytes to the store."""


@dataclass(frozen=True)
class PromptVersion:
    """All that Claude is told besides the conversation.

    Attributes:
        name: What people call it, such as "support".
        system: The system prompt.
        tools: Schemas of the tools on offer, from `Tool.schema()`.
        max_tokens: The most tokens that a reply may have.
        model: A model id; None takes `default_model()` of the worker that pins the version.
    """

    name: str
    system: str
    tools: Verbatim[ToolSchemas]
    max_tokens: int = 4096
    model: str | None = None

    def to_text(self) -> str:
        """Write it in the one way that gives the same version the same reference.

        The order of tools and of their fields stays: Claude reads it, so it is a part of them.
        """
        return json.dumps(asdict(self), separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class PinnedPrompt:
    """Which version a run has taken: what Workflow code carries and history records.

    Attributes:
        name: The version's name.
        reference: Where it is in the store, `sha256:` and 64 digits.
    """

    name: str
    reference: str

    @property
    def label(self) -> str:
        """For people: the name and eight digits, such as `support@3f2a9c1b`."""
        return f"{self.name}@{self.reference.removeprefix('sha256:')[:8]}"


def prompt_activities(
    current: PromptVersion, store: Store | None = None
) -> list[Callable[..., Any]]:
    """Make the Activities that pin a version and call Claude by it; give them to the Worker.

    Args:
        current: What runs that begin on this worker are given.
        store: Where versions are kept, for all workers of these runs; by default
            `SQLiteStore()`. Keep what was pinned for as long as such a run may go on.

    Returns:
        The Activities `pin_prompt` and `call_pinned_claude`.
    """
    versions = store or SQLiteStore()

    @activity.defn(name="pin_prompt")
    async def pin() -> PinnedPrompt:
        version = replace(current, model=current.model or default_model())
        reference = await asyncio.to_thread(versions.put, version.to_text())
        return PinnedPrompt(version.name, reference)

    @activity.defn(name="call_pinned_claude")
    async def call(prompt: PinnedPrompt, messages: Verbatim[Messages]) -> ClaudeReply:
        version = await asyncio.to_thread(_load, versions, prompt)
        return await call_claude(
            ClaudeRequest(
                *(messages, version.system, version.tools, version.max_tokens, version.model)
            )
        )

    return [pin, call]


async def pin_prompt(**options: Any) -> PinnedPrompt:
    """Take the version that is current where this runs; call it first in Workflow code.

    Args:
        **options: Activity options (`workflow.ActivityConfig`) that replace `PIN_OPTIONS`.

    Returns:
        The version's reference, for `ask_pinned_claude`; on replay, the recorded one.

    Raises:
        ActivityError: The store couldn't be written to.
    """
    settings: dict[str, Any] = {**PIN_OPTIONS, **options}
    pinned: PinnedPrompt = await workflow.execute_activity(
        "pin_prompt", result_type=PinnedPrompt, **settings
    )
    return pinned


async def ask_pinned_claude(
    prompt: PinnedPrompt, messages: Messages, **options: Any
) -> ClaudeReply:
    """Make one Messages call with the run's own version; call it from Workflow code.

    Args:
        prompt: From `pin_prompt`.
        messages: The conversation so far.
        **options: Activity options (`workflow.ActivityConfig`) that replace `CLAUDE_OPTIONS`.

    Returns:
        The reply. On replay it is read from history, and Claude isn't called.

    Raises:
        ActivityError: The call failed for good; its `cause` is that of `call_claude`, or of
            type "prompt_not_found" where the version isn't in the worker's store.
        ApplicationError: The conversation is larger than `MAX_PAYLOAD_BYTES`.
    """
    check_size(
        *(ClaudeRequest(messages), workflow.payload_converter(), "request_too_large"),
        "Shorten the conversation: return less from tools, or drop older turns.",
    )
    settings: dict[str, Any] = {**CLAUDE_OPTIONS, **options}
    reply: ClaudeReply = await workflow.execute_activity(
        "call_pinned_claude", args=[prompt, messages], result_type=ClaudeReply, **settings
    )
    return reply


def _load(store: Store, prompt: PinnedPrompt) -> PromptVersion:
    try:
        return PromptVersion(**json.loads(store.get(prompt.reference)))
    except (KeyError, ValueError, TypeError) as err:
        raise ApplicationError(
            f"This run is pinned to {prompt.label}, which this worker can't read: "
            f"{err.args[0] if err.args else err}. Give all workers the store in which it was "
            "pinned (AGENTKIT_STORE, or `store=`), or put it back from a copy; then reset the "
            "run to its last good step.",
            type="prompt_not_found",
            non_retryable=True,
        ) from None
