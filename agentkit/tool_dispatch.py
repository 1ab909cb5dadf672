"""The Workflow's side of tool calls: however a call ends, Claude gets a `tool_result`.

`agentkit.tool_activities` has the table of how it may end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutType
from temporalio.exceptions import TimeoutError as TimedOut

from agentkit.activity_options import tool_options
from agentkit.idempotency import make_key
from agentkit.messages import ToolCall, tool_result
from agentkit.tool_activities import (
    MOST_ERROR_CHARACTERS,
    TOOL_ACTIVITY_PREFIX,
    UNKNOWN_OUTCOME,
    ToolOutput,
    ToolRequest,
    unknown_outcome,
)
from agentkit.tool_json import Blocks
from agentkit.tools import AnyTool

if TYPE_CHECKING:
    from anthropic.types import ToolResultBlockParam

R = TypeVar("R")

_LONGEST_NAME = 128
"""The API's own limit. Temporal takes no Activity type of more than 1,000 bytes: it would fail
the Workflow Task, again and again."""

_FINAL = (
    "UnknownTool",
    "InvalidArguments",
    "ArgumentsNotFound",
    "NotAuthorized",
    "ToolError",
    "OutcomeUnknown",
)
"""Types of errors that themselves say what happened: nothing, or that it is unknown."""


async def run_tools(
    calls: Sequence[ToolCall], tools: Sequence[AnyTool], **options: Any
) -> list[ToolResultBlockParam]:
    """Run all tool calls of a message at once; call it from Workflow code.

    Each call fails, is retried and times out independently; `run_tool` has the arguments.

    Returns:
        One block for each call, in the order asked, for `user_message`.
    """
    return await together(*(run_tool(call, tools, **options) for call in calls))


async def run_tool(
    call: ToolCall,
    tools: Sequence[AnyTool],
    *,
    approval: dict[str, Any] | None = None,
    **options: Any,
) -> ToolResultBlockParam:
    """Run one tool call as an Activity; call it from Workflow code.

    Args:
        call: The call; name and arguments may be wrong.
        tools: The tools on offer. Their declarations set the time and the attempts, and decide
            whether a failure leaves the outcome unknown.
        approval: What lets a call run that needs approval, as a `Gate` passes it: the fields of
            `agentkit.approvals.decisions.Approval`.
        **options: Activity options (`workflow.ActivityConfig`) that replace the declared ones.

    Returns:
        The block to send back. A tool that fails, after its attempts are used up, gives a
        result with `is_error`: Claude reads why, and the run goes on.

    Raises:
        asyncio.CancelledError: The run is being cancelled.
        ApplicationError: The tool has an effect, and the run was started with a retry policy or
            a cron schedule; nothing has happened.
    """
    if len(call.name) > _LONGEST_NAME:
        return tool_result(call, f"There is no tool {call.name[:_LONGEST_NAME]!r}….", is_error=True)
    declared = next((t for t in tools if t.name == call.name), None)
    settings: dict[str, Any] = {**(declared.options if declared else tool_options()), **options}
    info = workflow.info()
    if declared and declared.effect != "none":
        _refuse_to_run_again(info)
    key = make_key(info.first_execution_run_id, call.place, call.id)
    request = ToolRequest(call, key, approval)
    task = asyncio.current_task()
    cancelled_before = task.cancelling() if task else 0
    try:
        output = await workflow.execute_activity(
            TOOL_ACTIVITY_PREFIX + call.name, request, result_type=ToolOutput, **settings
        )
        result = tool_result(call, _content(output))
    except ActivityError as err:
        result = tool_result(call, _why(err, call, declared), is_error=True)
    if task and task.cancelling() > cancelled_before:
        # However the tool ended: it may have finished before it heard of the cancelling, and
        # asyncio forgets a cancelling that ends in a result.
        raise asyncio.CancelledError
    return result


def _refuse_to_run_again(info: workflow.Info) -> None:
    """Stop a Workflow that would start from scratch after its end, and have its effects again."""
    retries = info.retry_policy is not None and info.retry_policy.maximum_attempts != 1
    if retries or info.cron_schedule:
        how = "a retry policy" if retries else "a cron schedule"
        instead = "the Activities of its tools are retried" if retries else "use a Schedule"
        raise ApplicationError(
            f"This Workflow was started with {how}, so it would begin again after its end and have "
            f"its effects again. Start it without one: {instead}. Nothing has happened.",
            type="WouldRunAgain",
            non_retryable=True,
        )


async def together(*steps: Coroutine[Any, Any, R]) -> list[R]:
    """Run steps at once, and return their results when *all* have ended, also if cancelled.

    `asyncio.gather` alone ends with the first that was cancelled, while others still run.
    """
    results = []
    for result in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        results.append(result)
    return results


def outcome_is_unknown(result: ToolResultBlockParam) -> bool:
    """Whether this block from `run_tool` leaves it to a person to find out what happened."""
    text = str(result.get("content"))
    return bool(result.get("is_error")) and text.startswith(UNKNOWN_OUTCOME)


def _content(output: ToolOutput) -> str | Blocks | dict[str, Any]:
    if not output.kept:
        return output.content or output.text
    kept = {"kept": output.kept, "characters": output.characters, "preview": output.text}
    return {**kept, "blocks": True} if output.blocks else kept


def _why(err: ActivityError, call: ToolCall, declared: AnyTool | None) -> str:
    """Say, for Claude, why a tool failed, and whether its effect may have happened."""
    cause = err.cause
    if isinstance(cause, ApplicationError):
        reason = cause.message[:MOST_ERROR_CHARACTERS]
        if cause.type in _FINAL:
            return reason
    elif isinstance(cause, TimedOut):
        lost = cause.type == TimeoutType.HEARTBEAT
        how = "its worker was lost (heartbeat timeout)" if lost else "its time was up"
        reason = f"The tool gave no answer: {how}."
    else:
        reason = f"The tool gave no answer: {cause or err}"[:MOST_ERROR_CHARACTERS]
    if declared and declared.effect != "none":
        return unknown_outcome(call.name, reason).message
    return reason
