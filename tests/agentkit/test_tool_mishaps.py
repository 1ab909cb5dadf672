"""Tools that end in odd ways: in time for no one, with `sys.exit`, with texts that don't fit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.worker import WorkerConfig

from agentkit import AgentPlugin, ToolCall, outcome_is_unknown, tool_activity
from classroom.show import steps, until
from tests.support import odd_tools
from tests.support.agents import Desk, desk, seen
from tests.support.odd_tools import RunOdd, RunTwo, RunUntil


@asynccontextmanager
async def odd_desk(plugin: AgentPlugin | None = None) -> AsyncIterator[Desk]:
    activities = [tool_activity(odd_tools.TOOLS, store=odd_tools.BrokenStore())]
    async with desk(
        plugin or AgentPlugin(), workflows=[RunOdd, RunTwo, RunUntil], activities=activities
    ) as running:
        yield running


async def run_odd(running: Desk, how: str, name: str = "odd") -> dict[str, Any]:
    (result,) = await running.run(RunOdd.run, [ToolCall("toolu_1", name, {"how": how})])
    return dict(result)


# A run that is over while a tool is not.


async def test_tool_result_does_not_undo_cancellation_of_its_run() -> None:
    async with odd_desk() as running:
        handle = await running.start(RunTwo.run)
        await until(handle, lambda s: bool(s) and s[0].state == "running", timeout=20)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        (step,) = await steps(handle)
    assert isinstance(failed.value.cause, CancelledError)
    assert (step.activity, step.state) == ("tool.stubborn", "completed")


async def test_timeout_holds_although_the_tool_still_returns() -> None:
    async with odd_desk() as running:
        handle = await running.start(RunUntil.run, 1)
        assert await handle.result() == "time is up"
        assert [s.activity for s in await steps(handle)] == ["tool.stubborn"]


async def test_cleanup_tool_runs_after_cancellation() -> None:
    async with odd_desk() as running:
        handle = await running.start(RunTwo.run, True)
        await until(handle, lambda s: bool(s) and s[0].state == "running", timeout=20)
        await handle.cancel()
        assert await handle.result() == "cleaned up: fine"


async def test_cancelled_run_ends_with_its_last_tool() -> None:
    async with odd_desk() as running:
        wanted = [ToolCall(f"toolu_{n}", name, {}) for n, name in enumerate(("nap_on", "stubborn"))]
        handle = await running.start(RunOdd.run, wanted)
        await until(handle, lambda found: [s.state for s in found] == ["running"] * 2, timeout=20)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        assert [s.state for s in await steps(handle)] == ["cancelled", "completed"]


# What can't be carried, or would end the worker.


@pytest.mark.parametrize("name", ["x" * 129, "x" * 5_000, "é" * 600])
async def test_overlong_tool_name_is_an_error_result_without_an_activity(name: str) -> None:
    async with odd_desk() as running:
        handle = await running.start(RunOdd.run, [ToolCall("toolu_1", name, {})])
        (result,) = await handle.result()
        assert await steps(handle) == []
    assert result["is_error"]
    assert result["content"].startswith(f"There is no tool {name[:128]!r}")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("exit", "SystemExit(3)"),
        ("cancel", "CancelledError()"),
        ("temporal cancel", "not by the run"),
        ("silent", "RuntimeError()"),
        ("megabytes", "no no no"),
        ("half a pair", "a?b"),
    ],
)
async def test_odd_failure_is_retried_and_then_reported(how: str, says: str) -> None:
    async with odd_desk() as running:
        result = await run_odd(running, how)
    assert result["is_error"]
    assert result["content"].startswith(says)
    assert len(result["content"]) <= 2_000
    assert seen.attempts == [1, 2]


async def test_sys_exit_in_a_thread_does_not_end_the_worker() -> None:
    async with odd_desk() as running:
        assert (await run_odd(running, "", "leave"))["content"] == "SystemExit(3)"


@pytest.mark.parametrize(
    ("how", "content"),
    [("text of half a pair", "a?b"), ("None", "null"), ("decimal", '"1.10"')],
)
async def test_odd_results_become_text(how: str, content: str) -> None:
    async with odd_desk() as running:
        result = await run_odd(running, how)
    assert result == {"type": "tool_result", "tool_use_id": "toolu_1", "content": content}


async def test_failing_store_costs_only_the_rest_of_a_long_result() -> None:
    async with odd_desk() as running:
        result = await run_odd(running, "long")
    assert "is_error" not in result
    assert "The rest could not be kept" in result["content"]
    assert seen.attempts == [1]


# Effects that may have happened.


@pytest.mark.parametrize("name", ["odd_effect", "odd_launch"])
@pytest.mark.parametrize("how", ["megabytes", "no json", "exit", "cancel"])
async def test_failed_effect_has_unknown_outcome(name: str, how: str) -> None:
    async with odd_desk() as running:
        result = await run_odd(running, how, name)
    assert outcome_is_unknown(result)  # type: ignore[arg-type]
    assert result["content"].endswith("say so, and ask a person to look.")


async def test_effect_that_raised_tool_error_has_a_known_outcome() -> None:
    async with odd_desk() as running:
        result = await run_odd(running, "no", "odd_effect")
    assert result["content"] == "There is too much wind."


class Hasty(AgentPlugin):
    """Leaves at once."""

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        config = super().configure_worker(config)
        config["graceful_shutdown_timeout"] = timedelta(seconds=0)
        return config


async def test_at_most_once_effect_abandoned_at_shutdown_has_unknown_outcome() -> None:
    async with odd_desk(Hasty()) as leaving:
        handle = await leaving.start(
            RunOdd.run, [ToolCall("toolu_1", "odd_launch", {"how": "hang"})]
        )
        await until(handle, lambda s: bool(s) and s[0].state == "running", timeout=20)
        await leaving.worker.shutdown()
        async with odd_tools.standby(leaving):
            (result,) = await handle.result()
    assert outcome_is_unknown(result)
    assert seen.attempts == [1]
