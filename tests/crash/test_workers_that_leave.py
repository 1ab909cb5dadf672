"""A worker that is told to leave ends what it has begun; no run waits for one that was killed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from classroom import workers
from classroom.show import steps, until
from classroom.workers import WorkerProcess
from offline_claude import OfflineClaude

CALLING = ("call_claude", "running")


@pytest.fixture(autouse=True)
def _no_worker_is_left(shop: ModuleType) -> Iterator[None]:
    workers.stop_all()
    yield
    workers.stop_all()


async def worker_and_its_run(
    client: Client, claude: OfflineClaude
) -> tuple[WorkerProcess, WorkflowHandle[Any, Any]]:
    """Start a worker and a run, and wait until the worker is in the middle of a call of Claude."""
    claude.slow(2, turn=1)
    worker = await WorkerProcess("durable_loop", "first").start().polling(client)
    run = await client.start_workflow(
        "AgentWorkflow",
        "Who placed order 1042?",
        id=f"leaving-{uuid.uuid4()}",
        task_queue="durable-loop",
        execution_timeout=timedelta(seconds=120),
    )
    await until(run, lambda seen: [(s.activity, s.state) for s in seen] == [CALLING])
    return worker, run


async def test_sigterm_lets_a_claude_call_finish(client: Client, claude: OfflineClaude) -> None:
    leaving, run = await worker_and_its_run(client, claude)
    assert await asyncio.to_thread(leaving.stop) == 0
    await WorkerProcess("durable_loop", "standby").start().polling(client)
    await run.result()

    assert [step.attempts for step in await steps(run)] == [1, 1, 1]
    assert len(claude.calls()) == 2


async def test_no_workflow_task_waits_for_the_worker_that_was_killed(
    client: Client, claude: OfflineClaude
) -> None:
    killed, run = await worker_and_its_run(client, claude)
    killed.kill()
    await WorkerProcess("durable_loop", "standby").start().polling(client)
    await run.result()

    history = await run.fetch_history()
    # One that waits on the dead worker's own queue is timed out there, after a second.
    kinds = [event.event_type for event in history.events]
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT not in kinds
    attempts = [
        event.activity_task_started_event_attributes.attempt
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    ]
    assert attempts == [2, 1, 1]
