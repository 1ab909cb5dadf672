"""The Activities of a run as a table: steps, attempts, failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from agentkit.history import Step, activities_of, tools_asked_for
from classroom.machine.home import ClassroomError
from classroom.machine.waiting import eventually
from classroom.show.table import Table


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
    seen: list[Step] = []

    async def satisfied() -> bool:
        nonlocal seen
        ended = (await handle.describe()).status != WorkflowExecutionStatus.RUNNING
        seen = await activities_of(handle)
        if condition(seen):
            return True
        if ended:
            raise ClassroomError(
                f"Not seen: the run has ended. What it did:\n{table(seen)!r}\n"
                "Start it again, and then run this cell."
            )
        return False

    await eventually(
        satisfied,
        timeout=timeout,
        otherwise=lambda: ClassroomError(
            f"Not seen within {timeout:.0f} s. The run got this far:\n{table(seen)!r}\n"
            "Is a worker running? Start one and run this cell again."
        ),
    )
    return seen


async def timeline(handle: WorkflowHandle[Any, Any]) -> Table:
    """Show a run's steps as a table: what ran, in how many attempts, with which result."""
    return table(await activities_of(handle))


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
        for s in await activities_of(handle)
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


def _summary(result: Any) -> str:
    """Say in a few words what a step returned."""
    if result is None:
        return ""
    if isinstance(result, dict) and "stop_reason" in result:
        asked = tools_asked_for(result)
        return f"asks for {', '.join(asked)}" if asked else f"answers ({result['stop_reason']})"
    if isinstance(result, dict) and {"text", "kept", "characters"} <= set(result):
        result = result["text"]
    text = " ".join(str(result).split())
    return text if len(text) <= 60 else text[:59] + "…"
