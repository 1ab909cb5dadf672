"""A run in the cache of a worker that was killed doesn't wait for that worker."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from classroom import workers
from classroom.show import until
from classroom.workers import WorkerProcess
from offline_claude import OfflineClaude


@pytest.fixture(autouse=True)
def _no_worker_is_left(shop: ModuleType) -> Iterator[None]:
    workers.stop_all()
    yield
    workers.stop_all()


async def test_no_workflow_task_waits_for_the_worker_that_was_killed(
    client: Client, claude: OfflineClaude
) -> None:
    claude.slow(2, turn=1)
    first = await WorkerProcess("durable_loop", "first").start().polling(client)
    run = await client.start_workflow(
        "AgentWorkflow",
        "Who placed order 1042?",
        id=f"cached-{uuid.uuid4()}",
        task_queue="durable-loop",
        execution_timeout=timedelta(seconds=120),
    )
    await until(run, lambda seen: [(s.activity, s.state) for s in seen] == [CALLING])
    first.kill()
    await WorkerProcess("durable_loop", "second").start().polling(client)
    await run.result()

    history = await run.fetch_history()
    kinds = [event.event_type for event in history.events]
    # One that waits on the dead worker's own queue is timed out there, after a second.
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT not in kinds
    attempts = [
        event.activity_task_started_event_attributes.attempt
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    ]
    assert attempts == [2, 1, 1]


CALLING = ("call_claude", "running")
