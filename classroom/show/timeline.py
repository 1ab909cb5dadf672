"""What a run did, read from its event history: steps, attempts, failures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from classroom.machine.home import ClassroomError
from classroom.show.table import Table

_ENDED = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: "completed",
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: "failed",
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: "timed out",
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED: "cancelled",
}


@dataclass
class Step:
    """One Activity of a run.

    Attributes:
        number: Its place in the run, from 1.
        activity: Its Activity type, such as "call_claude" or "tool.refund".
        state: "scheduled", "running", "waiting" for its next attempt, "completed", "failed",
            "timed out" or "cancelled".
        attempts: How often it was started; while it waits, the attempt that is to come counts.
        last_failure: Why the attempt before the last one failed; "" when there was none.
        error_type: The type of the last error, such as "rate_limit_error"; "" for none.
        result: What it returned, from JSON; None until then.
        scheduled_at: When it was scheduled, in seconds since the epoch.
        started_at: When its last attempt was started; None until the run's history has it.
        ended_at: When its result was recorded; None until then.
        worker: The identity, `pid@host`, of the worker that ran the last attempt.
    """

    number: int
    activity: str
    scheduled_at: float
    state: str = "scheduled"
    attempts: int = 0
    last_failure: str = ""
    error_type: str = ""
    result: Any = field(default=None, repr=False)
    started_at: float | None = None
    ended_at: float | None = None
    worker: str = ""


async def steps(handle: WorkflowHandle[Any, Any]) -> list[Step]:
    """Read a run's steps from its history, and from the server for those still under way.

    Args:
        handle: The run, which may be going on.

    Returns:
        One step for each Activity, in the order scheduled.
    """
    description = await handle.describe()
    found: dict[int, Step] = {}
    by_id: dict[str, Step] = {}
    async for event in handle.fetch_history_events():
        _read(event, found, by_id)
    for pending in description.raw_description.pending_activities:
        step = by_id.get(pending.activity_id)
        if step is None or step.ended_at is not None:
            continue
        step.attempts = pending.attempt
        step.last_failure, step.error_type = _error(pending.last_failure)
        step.worker = pending.last_worker_identity
        if pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
            step.state = "running"
        elif pending.HasField("current_retry_interval"):
            step.state = "waiting"
    return list(found.values())


async def until(
    handle: WorkflowHandle[Any, Any],
    condition: Callable[[list[Step]], bool],
    *,
    timeout: float = 60,
) -> list[Step]:
    """Wait until a run's steps satisfy a condition.

    Args:
        handle: The run.
        condition: Gets the steps so far.
        timeout: Seconds to wait.

    Returns:
        The steps that satisfied it.

    Raises:
        ClassroomError: It didn't happen in time, or the run ended without it; the message
            shows what did happen.
    """
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        ended = (await handle.describe()).status != WorkflowExecutionStatus.RUNNING
        seen = await steps(handle)
        if condition(seen):
            return seen
        if ended:
            raise ClassroomError(
                f"Not seen: the run has ended. What it did:\n{table(seen)!r}\n"
                "Start it again, and then run this cell."
            )
        if asyncio.get_running_loop().time() > deadline:
            raise ClassroomError(
                f"Not seen within {timeout:.0f} s. The run got this far:\n{table(seen)!r}\n"
                "Is a worker running? Start one and run this cell again."
            )
        await asyncio.sleep(0.05)


async def timeline(handle: WorkflowHandle[Any, Any]) -> Table:
    """Show a run's steps as a table: what ran, how many attempts it took, what came of it."""
    return table(await steps(handle))


async def attempts(handle: WorkflowHandle[Any, Any]) -> Table:
    """Show how a run's calls failed: attempts, the last error's type and its own words.

    Args:
        handle: The run, which may be going on.

    Returns:
        One row for each step that failed at least once.
    """
    return Table(
        {
            "step": s.number,
            "activity": s.activity,
            "state": s.state,
            "attempts": s.attempts,
            "error": s.error_type,
            "in its own words": s.result if s.state in ("failed", "timed out") else s.last_failure,
        }
        for s in await steps(handle)
        if s.error_type
    )


def table(seen: list[Step]) -> Table:
    """Lay out steps as a table, without times and ids, which differ from run to run."""
    columns = ("step", "activity", "state", "attempts", "lost attempt", "result")
    return Table(
        (
            {
                "step": s.number,
                "activity": s.activity,
                "state": s.state,
                "attempts": s.attempts,
                "lost attempt": s.last_failure,
                "result": _summary(s.result),
            }
            for s in seen
        ),
        columns,
    )


def _read(event: HistoryEvent, found: dict[int, Step], by_id: dict[str, Step]) -> None:
    kind = event.event_type
    if kind == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        scheduled = event.activity_task_scheduled_event_attributes
        step = Step(len(found) + 1, scheduled.activity_type.name, _seconds(event))
        found[event.event_id] = by_id[scheduled.activity_id] = step
    elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
        started = event.activity_task_started_event_attributes
        step = found[started.scheduled_event_id]
        step.attempts = started.attempt
        step.last_failure, step.error_type = _error(started.last_failure)
        step.started_at = _seconds(event)
        step.worker = started.identity
    elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED:
        requested = event.activity_task_cancel_requested_event_attributes
        found[requested.scheduled_event_id].state = "cancelled"
    elif kind in _ENDED:
        ended = getattr(event, event.WhichOneof("attributes") or "")
        step = found[ended.scheduled_event_id]
        step.state = _ENDED[kind]
        step.ended_at = _seconds(event)
        if kind == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            step.result = _value(ended.result)
        elif kind != EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
            step.result, step.error_type = _error(ended.failure)


def _error(failure: Failure) -> tuple[str, str]:
    """Tell an error's words and its type; a timeout's type is "timeout"."""
    kind = failure.application_failure_info.type
    return failure.message, kind or ("timeout" if failure.HasField("timeout_failure_info") else "")


def _seconds(event: HistoryEvent) -> float:
    return event.event_time.ToMicroseconds() / 1e6


def _value(payloads: Payloads) -> Any:
    data = payloads.payloads[0].data if payloads.payloads else b""
    try:
        return json.loads(data)
    except ValueError:
        return f"({len(data)} bytes)"


def _summary(result: Any) -> str:
    """Say in a few words what a step returned."""
    if result is None:
        return ""
    if isinstance(result, dict) and "stop_reason" in result:
        # What a turn on a transcript returns has the calls, not the blocks.
        asked = [b["name"] for b in result.get("content", []) if b["type"] == "tool_use"]
        asked += [call["name"] for call in result.get("calls", [])]
        return f"asks for {', '.join(asked)}" if asked else f"answers ({result['stop_reason']})"
    text = " ".join(str(result).split())
    return text if len(text) <= 60 else text[:59] + "…"
