"""The embedded server fires timers when they are due, also those of less than a second."""

from __future__ import annotations

import asyncio
import uuid

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker


@workflow.defn
class Naps:
    """Sleeps ten times for a moment, and once for as long as a slow machine may need for that."""

    @workflow.run
    async def run(self) -> str:
        """Tell which was over first."""
        short = asyncio.create_task(self.ten_times())
        long = asyncio.create_task(asyncio.sleep(4))
        await workflow.wait([short, long], return_when=asyncio.FIRST_COMPLETED)
        return "ten short naps" if short.done() else "one long nap"

    async def ten_times(self) -> None:
        """A second in all, and not nine."""
        for _ in range(10):
            await asyncio.sleep(0.1)


async def test_ten_naps_of_a_tenth_of_a_second_do_not_take_a_second_each(client: Client) -> None:
    queue = f"naps-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[Naps]):
        first = await client.execute_workflow(Naps.run, id=queue, task_queue=queue)
    # With a server's own settings the first nap takes 0.1 s and each other one a second.
    assert first == "ten short naps"
