"""Waiting for the moment when a run waits for a person."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from agentkit.approvals import PendingApproval, pending_approvals


async def what_waits(run: WorkflowHandle[Any, Any], seconds: float = 90) -> PendingApproval:
    """Give the request that waits in a run, once there is one."""
    async with asyncio.timeout(seconds):
        while True:
            with suppress(RPCError, TimeoutError):
                if found := await asyncio.wait_for(pending_approvals(run), 5):
                    return found[0]
            await asyncio.sleep(0.05)
