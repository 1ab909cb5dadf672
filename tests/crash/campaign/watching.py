"""Watching a run: whether it has ended, how far it has come, whether it is stuck."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from tests.crash.campaign.observation import Seen, read_history

STUCK_SECONDS = 30
"""A run whose history doesn't grow for so long is stuck: ten times of what a recovery takes."""


class Stuck(Exception):
    """A run makes no progress."""


class Watched:
    """A run, seen through a client whose server may be killed.

    Args:
        client: The client.
        handle: From `start_workflow`.
    """

    def __init__(self, client: Client, handle: WorkflowHandle[Any, Any]) -> None:
        self._client, self._handle = client, handle

    async def result(self) -> Any:
        """Wait for the end.

        Raises:
            WorkflowFailureError: The run failed.
        """
        while True:
            try:
                return await self._handle.result()
            except RPCError:  # the server was killed
                await asyncio.sleep(0.1)

    async def grown(self, events: int) -> None:
        """Wait until the history has so many events."""
        while (await self._length())[1] < events:
            await asyncio.sleep(0.01)

    async def recorded(self, tools: int) -> None:
        """Wait until so many tools have ended."""
        seen = Seen(first_run=str(self._handle.first_execution_run_id))
        while True:
            await read_history(self._client, self._handle.id, seen)
            done = [s for s in seen.steps if s.type.startswith("tool.") and s.ended]
            if len(done) >= tools:
                return
            await asyncio.sleep(0.05)

    async def until_stuck(self) -> None:
        """Watch for as long as history grows now and then.

        Raises:
            Stuck: Nothing has been for a long time.
        """
        last, since = ("", 0), time.monotonic()
        while time.monotonic() - since < STUCK_SECONDS:
            now = await self._length()
            if now not in (last, ("", 0)):
                last, since = now, time.monotonic()
            await asyncio.sleep(0.25)
        raise Stuck(f"nothing was recorded for {STUCK_SECONDS} s, at event {last[1]}")

    async def terminate(self) -> None:
        """End what still runs, so that the next case has the task queue for itself."""
        with contextlib.suppress(RPCError):
            described = await self._latest().describe()
            if described.status == WorkflowExecutionStatus.RUNNING:
                await self._latest().terminate()

    async def _length(self) -> tuple[str, int]:
        try:
            described = await asyncio.wait_for(self._latest().describe(), 5)
        except (RPCError, TimeoutError):
            return "", 0
        info = described.raw_description.workflow_execution_info
        return str(described.run_id), int(info.history_length)

    def _latest(self) -> WorkflowHandle[Any, Any]:
        return self._client.get_workflow_handle(self._handle.id)
