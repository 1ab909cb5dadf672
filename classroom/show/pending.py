"""Waiting until an agent waits for a person."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from agentkit.approvals import pending_approvals
from agentkit.approvals.requests import Pending
from classroom.machine.home import ClassroomError
from classroom.machine.waiting import eventually


async def until_pending(
    run: WorkflowHandle[Any, Any], count: int = 1, *, timeout: float = 60
) -> list[Pending]:
    """Wait until a run has so many pending requests.

    Args:
        run: The run.
        count: How many.
        timeout: Seconds to wait.

    Returns:
        The requests, the oldest first.

    Raises:
        ClassroomError: The run has ended, or the time is up.
    """

    async def enough() -> list[Pending] | None:
        if (await run.describe()).status != WorkflowExecutionStatus.RUNNING:
            raise ClassroomError(f"{run.id} has ended, so nothing waits in it. Start it again.")
        with suppress(RPCError, asyncio.TimeoutError):
            found = await asyncio.wait_for(pending_approvals(run), timeout=5)
            return found if len(found) >= count else None
        return None

    nothing = f"{run.id} asked for nothing within {timeout:.0f} s. Is a worker running?"
    return await eventually(enough, timeout=timeout, otherwise=lambda: ClassroomError(nothing))
