"""What is too late, when no worker was there to see it come in time."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from tests.support import gates


@pytest.mark.parametrize(
    ("answer", "on_timeout", "paid"),
    [("approve", "deny", 0), ("reject", "allow", 0), ("approve", "allow", 1)],
)
async def test_decision_first_seen_after_expiry_is_taken_on_the_safe_side(
    answer: str, on_timeout: str, paid: int, client: Client
) -> None:
    gates.world.__init__()  # type: ignore[misc]
    queue = f"late-{uuid.uuid4()}"
    given = gates.Given(
        [gates.paying(80.0)], timeout=timedelta(seconds=2), on_timeout=on_timeout, signed=True
    )
    async with gates.worker(client, queue):
        run: Any = await client.start_workflow(gates.Desk.run, given, id=queue, task_queue=queue)
        (waiting,) = await gates.pending(run)
    made = gates.decision(waiting, answer, key=gates.KEYS["ann"])
    await run.signal("submit_decision", made)
    while datetime.now(UTC) <= waiting.request.expires_at:
        await asyncio.sleep(0.05)
    async with gates.worker(client, queue):
        got = await run.result()
    assert len(gates.world.paid) == paid
    if answer == "reject":
        assert "rejected" in [e.event for e in got.audit]
    else:
        refused = next(e for e in got.audit if e.event == "refused")
        assert refused.note == "The request has expired."


async def test_remaining_time_runs_down_while_nothing_happens(client: Client) -> None:
    queue = f"clock-{uuid.uuid4()}"
    async with gates.worker(client, queue):
        run: Any = await client.start_workflow(
            gates.Desk.run, gates.Given([gates.paying(80.0)]), id=queue, task_queue=queue
        )
        (before,) = await gates.pending(run)
        deadline = asyncio.get_running_loop().time() + 20
        while (await gates.pending(run))[0].remaining_seconds > before.remaining_seconds - 0.5:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        await run.terminate()
