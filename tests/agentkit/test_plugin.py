"""What a client and its workers get from the plugin."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio import activity
from temporalio.client import Client, Plugin
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.plugin import SimplePlugin
from temporalio.worker import Replayer, Worker

from agentkit import AgentPlugin, ToolCall, tool
from agentkit.claude import CLAUDE_OPTIONS, _clients
from agentkit.plugin import HeartbeatInterceptor
from agentkit.tools import HEARTBEAT_TIMEOUT, tool_options
from classroom.show import steps
from tests.support.agents import TOOLS, Hold, RunTool, RunToolOnce, add, desk, nap, seen


@tool
async def stubborn(times: int) -> str:
    """Block the event loop, again and again.

    Args:
        times: How often, 0.8 s each.
    """
    for _ in range(times):
        time.sleep(0.8)  # noqa: ASYNC251
        await asyncio.sleep(0.02)
    return "done"


async def test_an_activity_that_never_beats_lives_longer_than_its_heartbeat_timeout() -> None:
    async with desk() as running:
        handle = await running.start(RunToolOnce.run, ToolCall("toolu_1", "nap", {"seconds": 3.5}))
        assert (await handle.result())["content"] == "rested"
        (step,) = await steps(handle)
    assert (step.state, step.attempts) == ("completed", 1)
    assert seen.beating_tasks == 1


async def test_without_the_interceptor_the_same_activity_times_out() -> None:
    plugin = AgentPlugin(TOOLS)
    plugin.interceptors = None
    async with desk(plugin) as running:
        handle = await running.start(RunToolOnce.run, ToolCall("toolu_1", "nap", {"seconds": 3.5}))
        result = await handle.result()
        (step,) = await steps(handle)
    assert result["is_error"]
    assert step.state == "timed out"
    assert "heartbeat" in result["content"].lower()


async def test_a_loop_that_is_blocked_for_most_of_a_second_at_a_time_is_not_taken_for_dead() -> (
    None
):
    async with desk(tools=[stubborn]) as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "stubborn", {"times": 8}))
        assert (await handle.result())["content"] == "done"
        (step,) = await steps(handle)
    assert (step.state, step.attempts) == ("completed", 1)


async def test_an_activity_that_ends_soon_sends_no_heartbeat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    beats: list[str] = []
    send = activity.heartbeat

    def count() -> None:
        beats.append(activity.info().activity_type)
        send()

    monkeypatch.setattr("agentkit.plugin.activity.heartbeat", count)
    async with desk() as running:
        for _ in range(5):
            await running.run_tool("add", a=1)
        await running.run_tool("nap", seconds=2)
    assert beats.count("tool.add") < 5
    assert "tool.nap" in beats


async def test_beating_ends_with_the_activity() -> None:
    async with desk() as running:
        assert (await running.run(RunTool.run, ToolCall("1", "refuse", {})))["is_error"]
        assert (await running.run(RunTool.run, ToolCall("1", "add", {"a": 1})))["content"] == "11"
        names = [getattr(t.get_coro(), "__name__", "") for t in asyncio.all_tasks()]
    assert "_beat" not in names


def test_every_call_has_a_heartbeat_and_bounded_attempts_and_time() -> None:
    for options in (CLAUDE_OPTIONS, tool_options()):
        beat, policy = options["heartbeat_timeout"], options["retry_policy"]
        assert beat is not None
        assert beat <= timedelta(seconds=5)
        assert policy is not None
        assert 1 < policy.maximum_attempts <= 10
        assert options["schedule_to_close_timeout"] is not None
        assert options["start_to_close_timeout"] is not None


async def test_a_worker_gets_settings_and_interceptor_once_from_its_client(client: Client) -> None:
    config = Worker(client, task_queue="unused", workflows=[Hold]).config(active_config=True)
    assert config["sticky_queue_schedule_to_start_timeout"] == timedelta(seconds=1)
    assert config["max_heartbeat_throttle_interval"] == HEARTBEAT_TIMEOUT / 4
    interceptors = [type(each) for each in config["interceptors"]]
    assert interceptors.count(HeartbeatInterceptor) == 1
    names = [activity.__name__ for activity in config["activities"]]
    assert names == ["call_claude", "run_any_tool"]


async def test_client_and_replayer_read_what_agents_write(client: Client) -> None:
    assert client.data_converter is pydantic_data_converter
    replayer = Replayer(workflows=[Hold], plugins=[AgentPlugin()])
    assert replayer.config(active_config=True)["data_converter"] is pydantic_data_converter


class Watch(SimplePlugin):
    """Looks at what is there when a worker is about to poll."""

    def __init__(self) -> None:
        super().__init__("tests.Watch")
        self.ready: list[bool] = []

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:
        self.ready = [
            "anthropic" in sys.modules,
            asyncio.get_running_loop() in _clients,
            all("_sdk_tool" in vars(tool) for tool in (add, nap)),
        ]
        await next(worker)


async def test_everything_slow_is_done_before_the_first_poll() -> None:
    for each in TOOLS:
        vars(each).pop("_sdk_tool", None)
    watch = Watch()
    plugins: list[Plugin] = [AgentPlugin(TOOLS), watch]
    async with desk(*plugins) as running:
        # The worker's run begins in a task of its own: a result proves that it has begun.
        assert (await running.run_tool("add", a=1))["content"] == "11"
    assert watch.ready == [True, True, True]


def test_two_tools_of_one_name_are_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="given twice: add"):
        AgentPlugin([add, add])
