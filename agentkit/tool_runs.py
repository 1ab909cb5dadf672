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
| any of these three, and the tool has an effect | as declared | `is_error`: unknown, ask a person |

An effect may have happened before its last attempt failed. Claude must not call it again: a new
call has a new id, and so a new idempotency key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

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

from agentkit.idempotency import use_idempotency_key
from agentkit.messages import ToolCall, tool_result
from agentkit.stores import SQLiteStore, Store
from agentkit.tools import AnyTool, InvalidArguments, ToolError, tool_options

if TYPE_CHECKING:
    from anthropic.types import ToolResultBlockParam

R = TypeVar("R")

TOOL_ACTIVITY_PREFIX = "tool."
"""Activity types of tools are `tool.<name>`, so that a name that Claude made up can never
run one of the worker's other Activities."""

MOST_CHARACTERS = 50_000
"""The longest result that goes to Claude whole: some 12,000 tokens, and far from the 2 MB that
Temporal takes as one payload."""

UNKNOWN_OUTCOME = "Outcome unknown:"
"""How the result begins when nobody can tell whether an effect has happened."""

_MOST_ERROR_CHARACTERS = 2_000

_LONGEST_NAME = 128
"""The API's own limit. Temporal takes no Activity type of more than 1,000 bytes: it would fail
the Workflow Task, again and again."""

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
            why = f"{name} returned what can't be told as JSON: {err}"
            if tool.effect != "none":
                raise _unknown(name, why) from None
            raise _no(why, "ToolError") from None
        except (Exception, SystemExit, asyncio.CancelledError) as err:
            if is_cancelled_exception(err) and activity.is_cancelled():
                raise
            if tool.effect == "at_most_once":
                raise _unknown(name, f"It failed: {_words(err)}") from None
            if isinstance(err, ApplicationError):
                raise
            # Not as it is: `sys.exit` would end the worker, a CancelledError that nobody asked
            # for isn't one, and a text of megabytes never arrives.
            failed = ApplicationError(_words(err), type=type(err).__name__)
            raise failed.with_traceback(err.__traceback__) from None
        text = _utf8(text)
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
    return await together(*(run_tool(call, tools, **options) for call in calls))


async def together(*steps: Coroutine[Any, Any, R]) -> list[R]:
    """Run steps at once, and come back when *all* have ended, also when they are cancelled.

    `asyncio.gather` alone ends with the first of them that was cancelled, while others still run.

    Args:
        *steps: What to run.

    Returns:
        The results, in the order of the steps.
    """
    results = []
    for result in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        results.append(result)
    return results


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
    if len(call.name) > _LONGEST_NAME:
        return tool_result(call, f"There is no tool {call.name[:_LONGEST_NAME]!r}….", is_error=True)
    key = f"{workflow.info().first_execution_run_id}:{call.id}"
    declared = next((t for t in tools if t.name == call.name), None)
    settings: dict[str, Any] = {**(declared.options if declared else tool_options()), **options}
    task = asyncio.current_task()
    cancelled_before = task.cancelling() if task else 0
    try:
        text = await workflow.execute_activity(
            TOOL_ACTIVITY_PREFIX + call.name, args=[call, key], result_type=str, **settings
        )
        result = tool_result(call, text)
    except ActivityError as err:
        reason = _reason(err)
        if declared and declared.effect != "none" and not _is_told(err):
            reason = _unknown(call.name, reason).message
        result = tool_result(call, reason, is_error=True)
    if task and task.cancelling() > cancelled_before:
        # However the tool has ended. It may have been done before it heard of the cancelling,
        # and asyncio forgets a cancelling that ends in a result.
        raise asyncio.CancelledError
    return result


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


def _is_told(err: ActivityError) -> bool:
    """Whether a failure says itself that there was no effect, or that it is unknown."""
    cause = err.cause
    return isinstance(cause, ApplicationError) and cause.type in _TOLD


def _no(message: str, type: str) -> ApplicationError:
    text = _utf8(message[:_MOST_ERROR_CHARACTERS])
    return ApplicationError(text, type=type, non_retryable=True)


def _unknown(name: str, why: str) -> ApplicationError:
    """Say what is known about an effect that must not be tried again."""
    return _no(
        f"{UNKNOWN_OUTCOME} {name} was called, and nobody knows whether it happened. "
        f"({why[: _MOST_ERROR_CHARACTERS // 2]}) "
        "Do not call it again; say so, and ask a person to look.",
        "OutcomeUnknown",
    )


def _words(err: BaseException) -> str:
    """Say what an exception says; its name, when it says nothing or is no error."""
    text = str(err) if isinstance(err, Exception) else ""
    return _utf8((text or repr(err))[:_MOST_ERROR_CHARACTERS])


def _utf8(text: str) -> str:
    """Replace halves of surrogate pairs, as in odd file names: no payload can hold them."""
    return text.encode("utf-8", "replace").decode()


def _cut(text: str, store: Store) -> str:
    """Shorten a result for Claude, and keep the whole of it."""
    try:
        kept = f"The whole is kept as {store.put(text)}"
    except Exception as err:  # a store of the reader's own may raise anything
        logging.getLogger(__name__).warning("A long result was not kept: %s", err)
        kept = "The rest could not be kept"
    return (
        f"{text[:MOST_CHARACTERS]}\n\n[Cut: these are the first {MOST_CHARACTERS:,} of "
        f"{len(text):,} characters. {kept}. Ask for less at a time to read on.]"
    )
