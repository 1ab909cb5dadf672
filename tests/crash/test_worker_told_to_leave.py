"""A worker that is told to leave isn't killed: it ends what it has begun."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType

import pytest
from temporalio.client import Client

from classroom import workers
from classroom.show import steps, until
from classroom.workers import WorkerProcess
from offline_claude import OfflineClaude


@pytest.fixture(autouse=True)
def _no_worker_is_left(shop: ModuleType) -> Iterator[None]:
    workers.stop_all()
    yield
    workers.stop_all()


async def test_sigterm_lets_a_claude_call_finish(client: Client, claude: OfflineClaude) -> None:
    claude.slow(2, turn=1)
    leaving = await WorkerProcess("durable_loop", "leaving").start().polling(client)
    run = await client.start_workflow(
        "AgentWorkflow",
        "Who placed order 1042?",
        id=f"leaving-{uuid.uuid4()}",
        task_queue="durable-loop",
        execution_timeout=timedelta(seconds=120),
    )
    await until(run, lambda seen: [(s.activity, s.state) for s in seen] == [CALLING])
    assert await asyncio.to_thread(leaving.stop) == 0
    await WorkerProcess("durable_loop", "standby").start().polling(client)
    await run.result()

    assert [step.attempts for step in await steps(run)] == [1, 1, 1]
    assert len(claude.calls()) == 2


CALLING = ("call_claude", "running")
