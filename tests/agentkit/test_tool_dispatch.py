"""What becomes of tool calls in a run: one by one, many at once, and whatever goes wrong."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment

from agentkit import ToolCall, ToolError, outcome_is_unknown, tool_activity
from agentkit.activity_options import TOOL_ATTEMPTS
from agentkit.stores import SQLiteStore
from agentkit.tool_activities import KEEP_OVER
from classroom.show import steps, until
from offline_claude import OfflineClaude
from tests.support import hard_tools
from tests.support.agents import Desk, RunTool, RunToolInThreeRuns, add, desk, eventually, seen
from tests.support.hard_tools import RunTools, calls

NO_TOOL = "There is no tool 'fly'. Tools: add, fail, key, nap, refuse."


def error(content: str) -> dict[str, Any]:
    return {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": content,
        "is_error": True,
    }


# One call.


@pytest.mark.parametrize(("kind", "result"), [("plain", "42"), ("json", '{"sum":42}')])
async def test_text_result_is_unchanged_and_other_results_become_json(
    kind: str, result: str
) -> None:
    async with desk() as running:
        assert await running.run_tool("add", a=32, kind=kind) == {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": result,
        }


async def test_tool_error_reaches_claude_verbatim_without_retry() -> None:
    async with desk() as running:
        assert await running.run_tool("refuse") == error("The desk is closed on Sundays.")
    assert seen.attempts == [1]


async def test_invalid_arguments_reach_claude_without_retry() -> None:
    async with desk() as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "add", {"a": "x"}))
        result = await handle.result()
        (step,) = await steps(handle)
    assert result["is_error"]
    assert result["content"].startswith("Invalid arguments for add: a: Input should be a valid int")
    assert step.attempts == 1
    assert seen.attempts == []


async def test_failed_tool_is_retried_with_the_same_idempotency_key() -> None:
    async with desk() as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "fail", {"times": 1}))
        assert (await handle.result())["content"] == "delivered"
    assert seen.attempts == [1, 2]
    assert seen.keys == [f"{handle.first_execution_run_id}:toolu_1"] * 2


async def test_failing_tool_is_an_error_result_after_bounded_attempts() -> None:
    async with desk() as running:
        assert await running.run_tool("fail", times=99) == error("The carrier hung up.")
    assert seen.attempts == list(range(1, TOOL_ATTEMPTS + 1))


async def test_idempotency_key_survives_continue_as_new() -> None:
    async with desk() as running:
        handle = await running.start(RunToolInThreeRuns.run, ToolCall("toolu_1", "key", {}), [])
        keys = await handle.result()
    assert keys == [f"{handle.first_execution_run_id}:toolu_1"] * 3


async def test_unknown_tool_error_names_the_known_tools() -> None:
    async with desk() as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "fly", {}))
        assert await handle.result() == error(NO_TOOL)
        (step,) = await steps(handle)
    assert step.attempts == 1
    async with desk(tools=[]) as running:
        assert await running.run_tool("fly") == error("There is no tool 'fly'. Tools: none.")


@pytest.mark.parametrize("name", ["call_claude", "tool.add", "", "run_any_tool"])
async def test_invented_tool_name_never_runs_another_activity(
    name: str, claude: OfflineClaude
) -> None:
    async with desk() as running:
        result = await running.run_tool(name, messages=[{"role": "user", "content": "Hi"}])
    assert result["is_error"]
    assert result["content"].startswith(f"There is no tool {name!r}. Tools: add, ")
    assert claude.calls() == []
    assert seen.attempts == []


async def test_tool_activity_answers_only_types_of_tools() -> None:
    env = ActivityEnvironment()
    env.info = replace(env.info, activity_type="add")
    with pytest.raises(ApplicationError, match="There is no tool 'add'") as refused:
        await env.run(tool_activity([add]), [])
    assert refused.value.non_retryable


async def test_cancelling_a_run_cancels_its_tool() -> None:
    async with desk() as running:
        handle = await _napping(running)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert isinstance(failed.value.cause, CancelledError)
        # While the Worker goes on: its end would cancel the tool too.
        await eventually(lambda: seen.was_cancelled)
    assert seen.attempts == [1]


async def _napping(running: Desk) -> Any:
    handle = await running.start(RunTool.run, ToolCall("toolu_1", "nap", {"seconds": 60}))
    await until(handle, lambda found: bool(found) and found[0].state == "running", timeout=20)
    return handle


async def test_undeclared_tool_gets_the_default_limits() -> None:
    async with desk(workflows=[RunTool], tools=hard_tools.TOOLS) as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "fail", {"times": 99}))
        await handle.result()
        (step,) = await steps(handle)
    assert step.attempts == TOOL_ATTEMPTS


# Many at once.


@asynccontextmanager
async def hard_desk(store: Path | None = None, **limits: Any) -> AsyncIterator[Desk]:
    kept = SQLiteStore(store) if store else None
    activities = [tool_activity(hard_tools.TOOLS, store=kept, **limits)]
    async with desk(workflows=[RunTools, RunTool], activities=activities) as running:
        yield running


async def run_all(running: Desk, *wanted: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = await running.run(RunTools.run, calls(*wanted), True)
    return results


async def test_ten_tools_run_at_once() -> None:
    async with hard_desk() as running:
        wanted = [("wait", {"seconds": 1, "number": n}) for n in range(10)]
        handle = await running.start(RunTools.run, calls(*wanted), True)
        results = await handle.result()
        seen_steps = await steps(handle)
    assert [r["content"] for r in results] == [f"answer {n}" for n in range(10)]
    # Every one began before any had ended: that is "at once", however slow the machine is.
    first_end = min(s.ended_at or 0 for s in seen_steps)
    assert all(s.started_at is not None and s.started_at < first_end for s in seen_steps)


async def test_results_keep_the_order_of_the_calls() -> None:
    async with hard_desk() as running:
        results = await run_all(
            running,
            ("wait", {"seconds": 1.5, "number": 1}),
            ("wait", {"seconds": 0.1, "number": 2}),
            ("add", {"a": 1}),
        )
    assert [r["tool_use_id"] for r in results] == ["toolu_1", "toolu_2", "toolu_3"]
    assert [r["content"] for r in results] == ["answer 1", "answer 2", "11"]


async def test_one_failing_tool_leaves_the_other_results() -> None:
    async with hard_desk() as running:
        wanted = [("wait", {"seconds": 0.2, "number": n}) for n in range(9)]
        results = await run_all(running, *wanted[:4], ("fail", {"times": 99}), *wanted[4:])
    failed = [r for r in results if r.get("is_error")]
    assert [r["tool_use_id"] for r in failed] == ["toolu_5"]
    assert failed[0]["content"] == "The carrier hung up."
    assert len([r for r in results if r["content"].startswith("answer")]) == 9


@pytest.mark.parametrize(
    ("name", "given", "attempts", "says"),
    [
        ("fly", {}, 1, "There is no tool 'fly'. Tools: add, "),
        ("add", {"a": "x"}, 1, "Invalid arguments for add: a: Input should be a valid integer"),
        ("add", {"a": 1, "z": 1}, 1, "Invalid arguments for add: z: Extra inputs are not"),
        ("refuse", {}, 1, "The desk is closed on Sundays."),
        ("fetch", {}, 1, "fetch returned a value that can't be written as JSON"),
        ("fail", {"times": 99}, TOOL_ATTEMPTS, "The carrier hung up."),
        ("hang", {}, 2, "The tool gave no answer: its time was up."),
        ("launch", {"how": "not"}, 1, "There is too much wind."),
        ("launch", {}, 1, "Invalid arguments for launch: how: Field required"),
        ("launch", {"how": "badly"}, 1, "Outcome unknown: launch was called, and nobody knows"),
        ("launch", {"how": "for ever"}, 1, "Outcome unknown: launch was called, and nobody knows"),
    ],
)
async def test_every_failure_becomes_an_error_result_and_the_run_continues(
    name: str, given: dict[str, Any], attempts: int, says: str
) -> None:
    async with hard_desk() as running:
        handle = await running.start(RunTools.run, calls((name, given), ("add", {"a": 1})), True)
        failed, other = await handle.result()
        step = next(s for s in await steps(handle) if s.activity == f"tool.{name}")
    assert failed["is_error"]
    assert failed["content"].startswith(says), failed
    assert len(failed["content"]) < 2_500
    assert other["content"] == "11"
    assert step.attempts == attempts
    assert outcome_is_unknown(failed) == says.startswith("Outcome unknown")


@pytest.mark.parametrize("given", ["not an object", [1, 2], 7, None])
async def test_arguments_that_are_not_an_object_are_rejected(given: Any) -> None:
    with pytest.raises(ToolError, match="Invalid arguments for add: send an object"):
        await add.call(given)


async def test_at_most_once_effect_is_not_repeated_even_if_the_workflow_allows_it() -> None:
    async with hard_desk() as running:
        (failed,) = await running.run(RunTools.run, calls(("launch", {"how": "badly"})), False)
    assert seen.attempts == [1]
    assert "It failed: the line went dead" in failed["content"]
    assert "ask a person to look" in failed["content"]


# Long results.


async def test_long_result_is_truncated_with_a_note_and_stored_whole(tmp_path: Path) -> None:
    async with hard_desk(tmp_path / "kept.db") as running:
        results = await run_all(
            running,
            ("recite", {"characters": 3_000_000}),  # 6 MB: more than Temporal takes as a payload
            ("recite", {"characters": KEEP_OVER}),
        )
    cut, whole = (r["content"] for r in results)
    assert whole == "ü" * KEEP_OVER
    assert not any(r.get("is_error") for r in results)
    assert cut.startswith("ü" * KEEP_OVER + "\n\n[Cut: these are the first 50,000 of 3,000,000")
    reference = re.findall(r"sha256:[0-9a-f]{64}", cut)[0]
    assert SQLiteStore(tmp_path / "kept.db").get(reference) == "ü" * 3_000_000


async def test_keep_over_sets_the_limit_of_a_result(tmp_path: Path) -> None:
    async with hard_desk(tmp_path / "kept.db", keep_over=100) as running:
        whole, cut = await run_all(
            running, ("recite", {"characters": 100}), ("recite", {"characters": 101})
        )
    assert whole["content"] == "ü" * 100
    assert cut["content"].startswith("ü" * 100 + "\n\n[Cut: these are the first 100 of 101 char")


async def test_result_by_reference_is_data_and_not_text(
    tmp_path: Path,
) -> None:
    async with hard_desk(tmp_path / "kept.db", keep_over=0) as running:
        long, short, empty = await run_all(
            running,
            ("recite", {"characters": 1_000}),
            ("add", {"a": 1}),
            ("recite", {"characters": 0}),
        )
    store = SQLiteStore(tmp_path / "kept.db")
    assert long["content"] == {
        "kept": store.put("ü" * 1_000),
        "characters": 1_000,
        "preview": "ü" * 120,
    }
    assert short["content"] == {"kept": store.put("11"), "characters": 2, "preview": "11"}
    assert empty["content"] == ""


async def test_result_that_cannot_be_stored_goes_to_claude_inline(
    tmp_path: Path,
) -> None:
    async with hard_desk(tmp_path / "no" / "folder.db", keep_over=0) as running:
        short, long = await run_all(running, ("add", {"a": 1}), ("recite", {"characters": 60_000}))
    assert short["content"] == "11"
    assert "The rest could not be kept" in long["content"]


async def test_truncation_note_says_if_the_rest_was_lost(tmp_path: Path) -> None:
    async with hard_desk(tmp_path / "no" / "folder.db") as running:
        (result,) = await run_all(running, ("recite", {"characters": 60_000}))
    assert "is_error" not in result
    assert "The rest could not be kept" in result["content"]


# Functions that aren't async.


async def test_blocking_tools_run_in_threads_at_once() -> None:
    async with hard_desk() as running:
        wanted = [("block", {"seconds": 1})] * 10
        handle = await running.start(RunTools.run, calls(*wanted), True)
        results = await handle.result()
        seen_steps = await steps(handle)
    assert {r["content"] for r in results} == {"tool"}
    first_end = min(s.ended_at or 0 for s in seen_steps)
    assert all(s.started_at is not None and s.started_at < first_end for s in seen_steps)
    assert set(seen.keys) == {f"{handle.first_execution_run_id}:toolu_{n}" for n in range(1, 11)}


async def test_busy_threads_do_not_starve_heartbeats() -> None:
    async with hard_desk() as running:
        # Longer than two heartbeat timeouts: without beats each would be tried again.
        results = await run_all(running, *[("compute", {"seconds": 5})] * 4)
    assert [r["content"] for r in results] == ["computed"] * 4
    assert seen.attempts == [1] * 4


# Cancelling.


async def test_cancelling_a_run_cancels_every_running_tool() -> None:
    async with hard_desk() as running:
        wanted = calls(("nap", {"seconds": 60}), ("wait", {"seconds": 60}), ("patient", {}))
        handle = await running.start(RunTools.run, wanted, True)
        await until(handle, lambda found: [s.state for s in found] == ["running"] * 3, timeout=20)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert isinstance(failed.value.cause, CancelledError)
        assert [s.state for s in await steps(handle)] == ["cancelled"] * 3
    # The run was over when the tools were: nothing had to be waited for.
    assert seen.was_cancelled


async def test_cancelled_run_waits_for_a_thread_that_ignores_it() -> None:
    async with hard_desk() as running:
        handle = await running.start(RunTools.run, calls(("block", {"seconds": 3})), True)
        (step,) = await until(handle, lambda s: bool(s) and s[0].state == "running", timeout=20)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        (step,) = await steps(handle)
    assert step.state == "cancelled"
    assert (step.ended_at or 0) - (step.started_at or 0) >= 2.9
    assert seen.attempts == [1]
