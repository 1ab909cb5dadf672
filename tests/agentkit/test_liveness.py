"""Blocked event loops, hung threads and heartbeats from anywhere."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, tool_activity
from classroom.show import steps, until
from tests.support import blocking_tools
from tests.support.agents import desk, eventually, seen
from tests.support.blocking_tools import RunActivity, RunAll
from tests.support.hard_tools import calls


@pytest.fixture(autouse=True)
def release() -> Iterator[None]:
    blocking_tools.released.clear()
    blocking_tools.attempts.clear()
    yield
    blocking_tools.released.set()


def worker() -> Any:
    return desk(workflows=[RunAll], activities=[tool_activity(blocking_tools.TOOLS)])


async def logged(caplog: pytest.LogCaptureFixture, words: str, count: int = 1) -> list[str]:
    """Wait for the watchdog's lines: it writes them in a thread of its own."""

    def found() -> list[str]:
        return [r.getMessage() for r in caplog.records if words in r.getMessage()]

    await eventually(lambda: len(found()) >= count)
    assert len(found()) == count
    return found()


# The watchdog.


async def test_blocked_loop_loses_no_activity_and_its_tool_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with worker() as running:
        slow = await running.start(RunAll.run, calls(("other", {"seconds": 8})))
        await until(slow, lambda s: bool(s) and s[0].state == "running", timeout=20)
        handle = await running.start(RunAll.run, calls(("doze", {"seconds": 5})))
        (result,) = await handle.result()
        assert (await slow.result())[0]["content"] == "waited"
        found = [*await steps(handle), *await steps(slow)]
    assert result["content"] == "awake"
    assert seen.attempts == [1]
    assert blocking_tools.attempts == [1]
    assert [step.attempts for step in found] == [1, 1]
    (line,) = await logged(caplog, "blocked the event loop")
    assert line.startswith("The tool doze (")
    assert "blocking_tools.py:" in line
    assert "blocked the event loop for" in line
    assert "make it a plain `def`, which runs in a thread." in line


async def test_tools_of_the_same_message_run_once_beside_one_that_blocks() -> None:
    async with worker() as running:
        wanted: list[tuple[str, dict[str, Any]]] = [("other", {"seconds": 0.1})] * 4
        handle = await running.start(RunAll.run, calls(("doze", {"seconds": 5}), *wanted))
        results = await handle.result()
        found = await steps(handle)
    assert [r["content"] for r in results] == ["awake", *["waited"] * 4]
    assert seen.attempts == [1]
    assert len(blocking_tools.attempts) == 4
    assert [step.attempts for step in found] == [1] * 5


async def test_attempt_that_was_lost_behind_a_blocked_loop_does_not_run() -> None:
    async def story(queue: str) -> list[Any]:
        # In another thread: only there does a Workflow go on while the worker's loop is blocked.
        client = await connect(AgentPlugin())
        async with Worker(client, task_queue=queue, workflows=[RunAll]):
            runs = []
            for wanted in (("doze", {"seconds": 5}), ("other", {"seconds": 0.1})):
                run = await client.start_workflow(
                    RunAll.run, calls(wanted), id=f"test-{uuid.uuid4()}", task_queue=queue
                )
                runs.append(run.result())
                await eventually(lambda: seen.attempts == [1])
            return [result["content"] for (result,) in await asyncio.gather(*runs)]

    activities = [tool_activity(blocking_tools.TOOLS)]
    async with desk(workflows=[], activities=activities) as running:
        contents = await asyncio.to_thread(asyncio.run, story(running.worker.task_queue))
    assert contents == ["awake", "waited"]
    assert len(blocking_tools.attempts) == 1
    assert blocking_tools.attempts[0] > 1, "the first attempt should have been lost"


async def test_activity_that_blocks_and_code_without_a_name_are_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    activities = [blocking_tools.block_in_an_activity, tool_activity(blocking_tools.TOOLS)]
    async with desk(workflows=[RunAll, RunActivity], activities=activities) as running:
        assert await running.run(RunActivity.run) == 1
        (result,) = await running.run(RunAll.run, calls(("delegate", {"seconds": 3})))
    assert result["content"] == "awake"
    first, second = await logged(caplog, "blocked the event loop", count=2)
    assert first.startswith("The Activity block_in_an_activity (")
    assert second.startswith("Code at ")
    assert "blocking_tools.py:" in second
    assert ", with tool.delegate in hand, blocked the event loop for " in second


async def test_tools_that_share_their_code_are_told_apart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with worker() as running:
        await running.run(RunAll.run, calls(("doze_too", {"seconds": 3})))
    await logged(caplog, "The tool doze_too (")
    assert "doze_three" not in caplog.text


async def test_blocked_loop_is_given_up_when_the_time_of_its_tool_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with worker() as running:
        (result,) = await running.run(RunAll.run, calls(("sleep_on", {"seconds": 6})))
    assert result["is_error"]
    assert "its time was up" in result["content"]
    (line,) = await logged(caplog, "blocked the event loop")
    assert "counts as dead from now on" in line


# Threads.


async def test_hung_tools_leave_room_for_others_and_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    async with worker() as running:
        handle = await running.start(RunAll.run, calls(*[("hang", {})] * 120))
        results = await handle.result()
        assert all("time was up" in r["content"] for r in results)
        (answer,) = await running.run(RunAll.run, calls(("quick", {})))
        assert answer["content"] == "here"
        await eventually(
            lambda: any("120 such threads hang" in r.getMessage() for r in caplog.records)
        )
    line = next(m for m in caplog.messages if "such threads hang" in m)
    assert line.startswith("The thread of tool hang runs on after ")


async def test_stop_iteration_is_an_error_at_once() -> None:
    async with worker() as running:
        (result,) = await running.run(RunAll.run, calls(("find", {"name": "c"})))
    assert result["is_error"]
    assert "next() found nothing" in result["content"]


async def test_worker_of_many_activities_is_not_warned_of_few_threads(client: Client) -> None:
    activities = [tool_activity(blocking_tools.TOOLS)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Worker(client, task_queue="unused", activities=activities, max_concurrent_activities=5_000)


# Heartbeats from a tool.


async def test_plain_tool_reports_progress_to_its_next_attempt() -> None:
    async with worker() as running:
        (result,) = await running.run(RunAll.run, calls(("progress", {})))
    assert result["content"] == "('half of it',)" or result["content"] == "['half of it']"


async def test_plain_tool_may_run_an_event_loop_of_its_own() -> None:
    async with worker() as running:
        (result,) = await running.run(RunAll.run, calls(("own_loop", {})))
    assert result["content"] == "ran"


async def test_watchdog_ends_with_the_last_worker_of_its_client() -> None:
    def dogs() -> list[str]:
        return [t.name for t in threading.enumerate() if t.name == "watchdog"]

    async with desk(AgentPlugin()) as first:
        await first.run_tool("add", a=1)
        assert dogs() == ["watchdog"]
        async with desk(client=first.client) as second:
            await second.run_tool("add", a=1)
            assert dogs() == ["watchdog"]
        await first.run_tool("add", a=1)
        assert dogs() == ["watchdog"]
    await eventually(lambda: not dogs())
