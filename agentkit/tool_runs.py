"""One dynamic Activity runs any tool; whatever becomes of a call, Claude gets a `tool_result`.

| what happens | tries | what Claude reads |
| --- | --- | --- |
| the tool answers | 1 | the answer |
| the answer is longer than `MOST_CHARACTERS` | 1 | its beginning, and where the rest is kept |
| there is no such tool | 1 | `is_error`: which tools there are |
| the arguments don't fit | 1 | `is_error`: which, and why |
| the tool says no (`ToolError`) | 1 | `is_error`: its words |
| it fails otherwise, or takes too long | as declared | `is_error`: the last reason |
| its worker dies | as declared | whatever the next attempt brings |
| the same, for an at-most-once effect | 1 | `is_error`: unknown, ask a person |
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError
from temporalio import activity, workflow
from temporalio.common import RawValue
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    TimeoutType,
    is_cancelled_exception,
)
from temporalio.exceptions import TimeoutError as TimedOut

from agentkit.conversation import ToolCall, tool_result
from agentkit.idempotency import use_idempotency_key
from agentkit.store import SQLiteStore, Store
from agentkit.tools import AnyTool, InvalidArguments, ToolError, tool_options

if TYPE_CHECKING:
    from anthropic.types import ToolResultBlockParam

TOOL_ACTIVITY_PREFIX = "tool."
"""Activity types of tools are `tool.<name>`, so that a name that Claude made up can never
run one of the worker's other Activities."""

MOST_CHARACTERS = 50_000
"""The longest result that goes to Claude whole: some 12,000 tokens, and far from the 2 MB that
Temporal takes as one payload."""

UNKNOWN_OUTCOME = "Outcome unknown:"
"""How the result begins when nobody can tell whether an effect has happened."""

_MOST_ERROR_CHARACTERS = 2_000

_TOLD = ("UnknownTool", "InvalidArguments", "ToolError", "OutcomeUnknown")
"""Error types by which a tool has said what happened: nothing, or that it is unknown."""


def tool_activity(
    tools: Sequence[AnyTool], store: Store | None = None
) -> Callable[..., Awaitable[str]]:
    """Make the one dynamic Activity that runs any of these tools.

    Args:
        tools: The tools of this worker, each name once.
        store: Keeps results that are too long for a message; by default `SQLiteStore()`.

    Returns:
        An Activity function for a Worker. It answers Activity types `tool.<name>` and takes
        a `ToolCall` and the idempotency key. `AgentPlugin` registers it.

    Raises:
        ValueError: Two tools share a name.
    """
    registry = {t.name: t for t in tools}
    if len(registry) != len(tools):
        twice = sorted({t.name for t in tools if [u.name for u in tools].count(t.name) > 1})
        raise ValueError(f"Tool names must be unique; given twice: {', '.join(twice)}")
    results = store or SQLiteStore()

    @activity.defn(dynamic=True)
    async def run_any_tool(args: Sequence[RawValue]) -> str:
        activity_type = activity.info().activity_type
        name = activity_type.removeprefix(TOOL_ACTIVITY_PREFIX)
        if activity_type == name or name not in registry:
            raise _no(
                f"There is no tool {name!r}. Tools: {', '.join(sorted(registry)) or 'none'}.",
                "UnknownTool",
            )
        tool = registry[name]
        if tool.effect == "at_most_once" and activity.info().attempt > 1:
            # However the Workflow has set the attempts: what may have run isn't run again.
            raise _unknown(name, "The worker was lost.")
        converter = activity.payload_converter()
        call, key = converter.from_payloads([a.payload for a in args], [ToolCall, str])
        try:
            with use_idempotency_key(key):
                text = await tool.call(call.input)
        except InvalidArguments as err:
            raise _no(str(err), "InvalidArguments") from None
        except ToolError as err:
            raise _no(str(err), "ToolError") from None
        except PydanticSerializationError as err:
            raise _no(f"{name} returned what can't be told as JSON: {err}", "ToolError") from None
        except Exception as err:
            if tool.effect == "at_most_once":
                raise _unknown(name, f"It failed: {err}") from None
            raise
        if len(text) > MOST_CHARACTERS:
            return await asyncio.to_thread(_cut, text, results)
        return text

    return run_any_tool


async def run_tools(
    calls: Sequence[ToolCall], tools: Sequence[AnyTool] = (), **options: Any
) -> list[ToolResultBlockParam]:
    """Run all tool calls of a message at once; call it from Workflow code.

    Each call fails, is retried and times out on its own.

    Args:
        calls: What Claude asked for, from `tool_calls`.
        tools: The tools that may be meant: their declarations set time and attempts.
        **options: Activity options (`workflow.ActivityConfig`) that replace the declared ones.

    Returns:
        One block for each call, in the order asked, for `user_message`.

    Raises:
        asyncio.CancelledError: The run is being cancelled; so are its tools.
    """
    return list(await asyncio.gather(*(run_tool(call, tools, **options) for call in calls)))


async def run_tool(
    call: ToolCall, tools: Sequence[AnyTool] = (), **options: Any
) -> ToolResultBlockParam:
    """Run one tool call as an Activity; call it from Workflow code.

    Args:
        call: What Claude asked for; name and arguments may be wrong.
        tools: The tools that may be meant: their declarations set time and attempts.
        **options: Activity options (`workflow.ActivityConfig`) that replace the declared ones.

    Returns:
        The block to send back. A tool that fails, after its attempts are used up, gives a
        result with `is_error`: Claude reads why, and the run goes on.

    Raises:
        asyncio.CancelledError: The run is being cancelled.
    """
    key = f"{workflow.info().first_execution_run_id}:{call.id}"
    declared = next((t for t in tools if t.name == call.name), None)
    settings: dict[str, Any] = {**(declared.options if declared else tool_options()), **options}
    try:
        text = await workflow.execute_activity(
            TOOL_ACTIVITY_PREFIX + call.name, args=[call, key], result_type=str, **settings
        )
    except ActivityError as err:
        if is_cancelled_exception(err):
            raise
        reason = _reason(err)
        if declared and declared.effect == "at_most_once" and not _never_began(err):
            reason = _unknown(call.name, reason).message
        return tool_result(call, reason, is_error=True)
    return tool_result(call, text)


def outcome_is_unknown(result: ToolResultBlockParam) -> bool:
    """Tell whether a person has to find out if an effect has happened.

    Args:
        result: A block that `run_tool` or `run_tools` returned.
    """
    text = str(result.get("content"))
    return bool(result.get("is_error")) and text.startswith(UNKNOWN_OUTCOME)


def _reason(err: ActivityError) -> str:
    """Say in one sentence, for Claude, why a tool failed."""
    cause = err.cause
    if isinstance(cause, ApplicationError):
        return cause.message[:_MOST_ERROR_CHARACTERS]
    if isinstance(cause, TimedOut):
        lost = cause.type == TimeoutType.HEARTBEAT
        why = "its worker was lost (heartbeat timeout)" if lost else "its time was up"
        return f"The tool gave no answer: {why}."
    return f"The tool gave no answer: {cause or err}"[:_MOST_ERROR_CHARACTERS]


def _never_began(err: ActivityError) -> bool:
    """Whether a failure says that the tool's effect was not even tried, or is told already."""
    cause = err.cause
    return isinstance(cause, ApplicationError) and cause.type in _TOLD


def _no(message: str, type: str) -> ApplicationError:
    return ApplicationError(message[:_MOST_ERROR_CHARACTERS], type=type, non_retryable=True)


def _unknown(name: str, why: str) -> ApplicationError:
    """Say what is known about an effect that must not be tried again."""
    return _no(
        f"{UNKNOWN_OUTCOME} {name} was called, and nobody knows whether it happened. ({why}) "
        "Do not call it again; say so, and ask a person to look.",
        "OutcomeUnknown",
    )


def _cut(text: str, store: Store) -> str:
    """Shorten a result for Claude, and keep the whole of it."""
    try:
        kept = f"The whole is kept as {store.put(text)}"
    except (OSError, sqlite3.Error) as err:
        logging.getLogger(__name__).warning("A long result was not kept: %s", err)
        kept = "The rest could not be kept"
    return (
        f"{text[:MOST_CHARACTERS]}\n\n[Cut: these are the first {MOST_CHARACTERS:,} of "
        f"{len(text):,} characters. {kept}. Ask for less at a time to read on.]"
    )
