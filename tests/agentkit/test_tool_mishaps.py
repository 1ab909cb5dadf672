"""Tools that end in odd ways: in time for no one, with `sys.exit`, with texts that don't fit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.worker import WorkerConfig

from agentkit import AgentPlugin, ToolCall, claude_activity, outcome_is_unknown, tool_activity
from agentkit.messages import ClaudeRequest
from agentkit.stores import SQLiteStore
from agentkit.tool_json import UnusableResult, content_of
from agentkit.transcript.chain import append, read_all
from classroom.show import steps, until
from offline_claude import OfflineClaude
from tests.support import odd_tools
from tests.support.agents import Desk, OneCall, desk, seen
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
        ("interrupt", "KeyboardInterrupt('by hand')"),
        ("generator exit", "GeneratorExit('closing')"),
        ("base", "Base('from far below')"),
        ("stop", "no more"),
        ("mixed", "line is dead"),
        ("base group", "SystemExit(3)"),
        ("task: exit", "SystemExit(3) in a task of the tool"),
        ("task: interrupt", "KeyboardInterrupt('by hand') in a task of the tool"),
        ("gather: exit", "SystemExit(3) in a task of the tool"),
        ("group: interrupt", "KeyboardInterrupt('by hand') in a task of the tool"),
        ("state: ", "state: CORO_SUSPENDED"),
        ("anyio: exit", "SystemExit(3) in a task of the tool"),
        ("cancelled before it began: exit", "cancelled before it began: exit"),
        ("not awaited: exit", "not awaited: exit: SystemExit(3) in a task of the tool"),
    ],
)
async def test_odd_failure_is_retried_and_then_reported(how: str, says: str) -> None:
    async with odd_desk() as running:
        result = await run_odd(running, how)
    assert result["is_error"]
    assert result["content"].startswith(says)
    assert len(result["content"]) <= 2_000
    assert seen.attempts == [1, 2]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("no words", "The tool said no, and gave no reason."),
        ("blank words", "The tool said no, and gave no reason."),
        ("group", "Too high.; Too late."),
        ("nested", "Too deep."),
        ("task group", "There is no order 7."),
        ("final in a group", "It is closed."),
        ("final", "x" * 2_000),
    ],
)
@pytest.mark.parametrize("name", ["odd", "odd_effect"])
async def test_plain_no_is_not_retried(how: str, says: str, name: str) -> None:
    async with odd_desk() as running:
        result = await run_odd(running, how, name)
    assert result["is_error"]
    if how.startswith("final") and name == "odd_effect":
        assert outcome_is_unknown(result)  # type: ignore[arg-type]
    else:
        assert result["content"] == says
    assert seen.attempts == [1]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("interrupt", "KeyboardInterrupt('by hand')"),
        ("generator exit", "GeneratorExit("),
        ("base", "Base('from far below')"),
        ("no words", "The tool said no, and gave no reason."),
        ("nested", "Too deep."),
    ],
)
async def test_odd_failure_in_a_thread_is_reported(how: str, says: str) -> None:
    async with odd_desk() as running:
        assert (await run_odd(running, how, "leave"))["content"].startswith(says)
        assert (await run_odd(running, "None", "odd"))["content"] == "null"


async def test_returned_generator_is_known_not_to_have_run() -> None:
    async with odd_desk() as running:
        result = await run_odd(running, "abc", "give")
    assert result["is_error"]
    assert result["content"].startswith("give returned a generator, none of which has run")


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


# Images and documents.


@asynccontextmanager
async def keeping(store: Path, keep_over: int = 50_000) -> AsyncIterator[Desk]:
    tools = tool_activity(odd_tools.TOOLS, store=SQLiteStore(store), keep_over=keep_over)
    async with desk(
        workflows=[RunOdd, OneCall], activities=[claude_activity(""), tools]
    ) as running:
        yield running


@pytest.mark.parametrize(
    ("how", "content"),
    [
        ("image", [odd_tools.IMAGE]),
        ("tuple", [odd_tools.IMAGE]),
        ("blocks", [{"type": "text", "text": "The map:"}, odd_tools.IMAGE]),
        ("document", [odd_tools.RESULTS["document"]]),
        ("search result", odd_tools.RESULTS["search result"]),
        ("only text", '[{"type":"text","text":"hi"}]'),
        ("a type of its own", '{"type":"document","title":"Contract 7","pages":3}'),
        ("empty list", "[]"),
    ],
)
async def test_content_blocks_reach_claude_as_blocks_and_what_looks_like_them_as_text(
    tmp_path: Path, claude: OfflineClaude, how: str, content: object
) -> None:
    async with keeping(tmp_path / "kept.db") as running:
        result = await run_odd(running, how)
        assert result == {"type": "tool_result", "tool_use_id": "toolu_1", "content": content}
        asked = {"type": "tool_use", "id": "toolu_1", "name": "odd", "input": {"how": how}}
        messages: Any = [
            {"role": "user", "content": "Show me."},
            {"role": "assistant", "content": [asked]},
            {"role": "user", "content": [result]},
        ]
        schemas: Any = [odd_tools.odd.schema()]
        reply = await running.run(OneCall.run, ClaudeRequest(messages, tools=schemas))
    assert reply.stop_reason == "end_turn"


async def test_list_with_something_else_among_its_blocks_is_text(tmp_path: Path) -> None:
    async with keeping(tmp_path / "kept.db") as running:
        result = await run_odd(running, "types among others")
    assert json.loads(result["content"]) == [odd_tools.IMAGE, {"order": 7}]


async def test_kept_blocks_are_a_reference_that_says_so(tmp_path: Path) -> None:
    async with keeping(tmp_path / "kept.db", keep_over=0) as running:
        result = await run_odd(running, "blocks")
        large = await run_odd(running, "large image")
    kept = result["content"]
    assert kept["blocks"] is True
    assert kept["preview"] == "The map: [image]"
    text = SQLiteStore(tmp_path / "kept.db").get(kept["kept"])
    assert json.loads(text) == [{"type": "text", "text": "The map:"}, odd_tools.IMAGE]
    assert kept["characters"] == len(text)
    assert large["content"]["blocks"] is True
    store = SQLiteStore(tmp_path / "kept.db")
    head = append(store, None, [{"role": "user", "content": [result]}])
    (message,) = cast("list[Any]", read_all(store, head))
    assert message["content"][0]["content"] == json.loads(text)


async def test_failing_store_costs_no_image_that_fits(tmp_path: Path) -> None:
    async with keeping(tmp_path / "no" / "folder.db", keep_over=0) as running:
        result = await run_odd(running, "image")
        assert result["content"] == [odd_tools.IMAGE]
        large = await run_odd(running, "large image")
    assert large["content"] == "[image]\n\n[The images or documents could not be kept.]"
    assert seen.attempts == [1, 1]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("bytes", "odd returned bytes. Return text, or an image or document as the API's block"),
        ("circle", "odd returned a value that can't be written as JSON: Error"),
        ("bmp", "odd returned an image or document that the API refuses: 0.image.source"),
        ("no base64", "odd returned an image or document whose data isn't base64"),
        ("large image", "odd returned images or documents of 1,600,0"),
        ("huge image", "odd returned an image or document of 5,300,000 characters of base64, and"),
    ],
)
async def test_result_that_cannot_be_sent_is_a_plain_error(how: str, says: str) -> None:
    async with odd_desk() as running:
        result = await run_odd(running, how)
        assert result["is_error"]
        assert result["content"].startswith(says)
        assert seen.attempts == [1]
        effect = await run_odd(running, how, "odd_effect")
        assert outcome_is_unknown(effect)  # type: ignore[arg-type]
        assert says[4:30] in effect["content"]


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


def test_sets_are_lists_and_bytes_inside_a_value_are_text_or_an_error() -> None:
    assert sorted(json.loads(str(content_of("odd", {"b", "a"})))) == ["a", "b"]
    assert content_of("odd", {"name": "Zürich".encode()}) == '{"name":"Zürich"}'
    for value in ({"name": b"\xff"}, [b"\xff"], b"abc"):
        with pytest.raises(UnusableResult):
            content_of("odd", value)
