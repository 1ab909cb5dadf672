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
    deadline = asyncio.get_running_loop().time() + timeout
    while asyncio.get_running_loop().time() < deadline:
        if (await run.describe()).status != WorkflowExecutionStatus.RUNNING:
            raise ClassroomError(f"{run.id} has ended, so nothing waits in it. Start it again.")
        with suppress(RPCError, asyncio.TimeoutError):
            found = await asyncio.wait_for(pending_approvals(run), timeout=5)
            if len(found) >= count:
                return found
        await asyncio.sleep(0.05)
    raise ClassroomError(f"{run.id} asked for nothing within {timeout:.0f} s. Is a worker running?")
