"""What people look at: tables, transcripts, the timeline of a run."""

from __future__ import annotations

import asyncio
import re
from dataclasses import asdict
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowFailureError

from agentkit import Messages, ToolCall
from agentkit.tool_activities import ToolOutput
from classroom.machine.home import ClassroomError
from classroom.show import Step, Table, attempts, steps, timeline, transcript, until
from classroom.show import table as table_of
from offline_claude import OfflineClaude
from tests.support.agents import HELLO, OneCall, RunTool, RunToolOnce, desk

ROWS: list[dict[str, object]] = [
    {"order": 1042, "title": "<b>Salt & Sea</b>"},
    {"order": 7, "note": None},
]


# Tables


def test_a_table_is_aligned_text() -> None:
    assert repr(Table(ROWS)) == (
        "order  title\n─────  ─────────────────\n1042   <b>Salt & Sea</b>\n7"
    )


def test_columns_are_shown_as_chosen_and_in_that_order() -> None:
    assert repr(Table(ROWS, ["note", "order"])).splitlines()[0] == "note  order"
    assert Table([{"a": 1}, {"b": 2}], ["b"]).columns == ["b"]


def test_a_column_that_is_in_no_row_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"^No column titel\. Columns: order, title, note\.$"):
        Table(ROWS, ["order", "titel"])


def test_a_table_in_a_notebook_shows_text_and_never_runs_it() -> None:
    html = Table([{"<i>": "<script>alert(1)</script>", "plain": 'a & "b"'}])._repr_html_()
    assert "<script>" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&amp;" in html
    assert html.count("<th ") == html.count("<td ") == 2
    assert "scope='col'" in html


def test_a_table_without_rows_says_so() -> None:
    assert repr(Table([])) == repr(Table([], ["any"])) == "(no rows)"
    assert Table([])._repr_html_() == "<em>(no rows)</em>"


# Transcripts


def conversation(*ids: str) -> Messages:
    first, second = ids
    return cast(
        Messages,
        [
            {"role": "user", "content": "Where is\n  order 1042?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                    {"type": "text", "text": "Let me look."},
                    {"type": "tool_use", "id": first, "name": "find", "input": {"n": 1, "s": "ü"}},
                    {"type": "tool_use", "id": second, "name": "track", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": second, "content": [{"type": "image"}]},
                    {
                        "type": "tool_result",
                        "tool_use_id": first,
                        "content": "no\norder",
                        "is_error": True,
                    },
                    {"type": "tool_result", "tool_use_id": "never asked"},
                ],
            },
        ],
    )


def test_a_transcript_has_a_line_for_each_thing_said_called_and_returned() -> None:
    assert transcript(conversation("toolu_1", "toolu_2")).splitlines() == [
        "user  : Where is order 1042?",
        "Claude: [thinking]",
        "Claude: Let me look.",
        'Claude → find(n=1, s="ü")',
        "Claude → track()",
        "  ← track: [image]",
        "  ✗ find: no order",
        "  ← ?: ",
    ]


def test_two_runs_that_differ_in_ids_only_have_the_same_transcript() -> None:
    one, other = (transcript(conversation(*ids)) for ids in (("a1", "a2"), ("b1", "b2")))
    assert one == other
    assert "a1" not in one


def test_long_lines_are_cut_unless_told_not_to() -> None:
    messages = cast(Messages, [{"role": "user", "content": "x" * 200}])
    assert transcript(messages, width=20) == "user  : " + "x" * 11 + "…"
    assert len(transcript(messages)) == 96
    assert transcript(messages, width=0) == "user  : " + "x" * 200
    assert transcript(messages, width=208) == transcript(messages, width=0)
    assert transcript([]) == ""


# Steps and timeline, from real histories


async def only_step(handle: Any) -> Step:
    (step,) = await steps(handle)
    return step


async def test_a_completed_step_shows_its_result_worker_and_times(claude: OfflineClaude) -> None:
    async with desk() as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "add", {"a": 1}))
        await handle.result()
        step = await only_step(handle)
        asked = await running.start(OneCall.run, HELLO)
        await asked.result()
        shown = repr(await timeline(asked)).splitlines()[2]
        assert step.worker == running.client.identity
    assert (step.number, step.activity, step.state) == (1, "tool.add", "completed")
    assert (step.attempts, step.result["text"], step.last_failure) == (1, "11", "")
    assert step.ended_at is not None
    assert step.ended_at >= step.scheduled_at > 1_700_000_000
    assert re.fullmatch(r"1 +call_claude +completed +1 +answers \(end_turn\)", shown)


async def test_a_failed_step_shows_why_and_after_how_many_attempts() -> None:
    async with desk() as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "refuse", {}))
        await handle.result()
        refused = await only_step(handle)
        slow = await running.start(RunTool.run, ToolCall("toolu_1", "fail", {"times": 9}))
        await slow.result()
        failed = await only_step(slow)
    assert (refused.state, refused.attempts) == ("failed", 1)
    assert refused.result == "The desk is closed on Sundays."
    assert (failed.state, failed.attempts, failed.result) == ("failed", 5, "The carrier hung up.")


async def test_a_retried_step_shows_its_attempts_and_the_lost_one() -> None:
    async with desk() as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "fail", {"times": 2}))
        retrying = await until(handle, lambda s: bool(s) and s[0].attempts == 3, timeout=20)
        await handle.result()
        shown = repr(await timeline(handle)).splitlines()
    assert retrying[0].last_failure == "The carrier hung up."
    assert re.split(r" {2,}", shown[0]) == [
        "step",
        "activity",
        "state",
        "attempts",
        "lost attempt",
        "result",
    ]
    assert re.split(r" {2,}", shown[2]) == [
        "1",
        "tool.fail",
        "completed",
        "3",
        "The carrier hung up.",
        "delivered",
    ]


async def test_a_step_under_way_is_running_and_one_that_waits_for_a_worker_scheduled() -> None:
    async with desk() as running:
        nap = ToolCall("toolu_1", "nap", {"seconds": 60})
        handle = await running.start(RunToolOnce.run, nap)
        (step,) = await until(handle, lambda s: bool(s) and s[0].state == "running", timeout=20)
        assert (step.attempts, step.result, step.ended_at) == (1, None, None)
        assert step.worker == running.client.identity
        with pytest.raises(ClassroomError) as late:
            await until(handle, lambda s: s[0].state == "completed", timeout=0.2)
        await handle.terminate()
    words = str(late.value)
    assert words.startswith("Not seen within 0 s. The run got this far:\nstep  activity")
    assert re.search(r"^1 +tool\.nap +running +1$", words, re.MULTILINE)
    assert words.endswith("Is a worker running? Start one and run this cell again.")


async def test_a_run_that_no_worker_has_taken_up_has_no_steps() -> None:
    async with desk() as running:
        client = running.client
    handle = await client.start_workflow(
        RunTool.run, ToolCall("1", "add", {"a": 1}), id="test-show-nobody", task_queue="nobody"
    )
    try:
        assert await steps(handle) == []
        assert repr(await timeline(handle)) == "(no rows)"
    finally:
        await handle.terminate()


async def test_a_call_that_waits_for_its_next_attempt_is_shown_with_the_error(
    claude: OfflineClaude,
) -> None:
    claude.fail(429, headers={"retry-after": "20"}, message="Too fast.")
    async with desk() as running:
        handle = await running.start(OneCall.run, HELLO)
        (step,) = await until(handle, lambda s: bool(s) and s[0].state == "waiting", timeout=20)
        shown = repr(await attempts(handle)).splitlines()
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        cancelled = await only_step(handle)
    assert (step.attempts, step.last_failure, step.started_at) == (2, "Too fast.", None)
    assert re.split(r" {2,}", shown[0]) == [
        "step",
        "activity",
        "state",
        "attempts",
        "error",
        "in its own words",
    ]
    assert re.split(r" {2,}", shown[2]) == [
        "1",
        "call_claude",
        "waiting",
        "2",
        "rate_limit_error",
        "Too fast.",
    ]
    assert cancelled.state == "cancelled"


async def test_only_steps_that_failed_are_shown_with_their_last_error() -> None:
    async with desk() as running:
        works = await running.start(RunTool.run, ToolCall("toolu_1", "add", {"a": 1}))
        refused = await running.start(RunTool.run, ToolCall("toolu_1", "refuse", {}))
        retried = await running.start(RunTool.run, ToolCall("toolu_1", "fail", {"times": 1}))
        for run in (works, refused, retried):
            await run.result()
        step = await only_step(retried)
        shown = [(await attempts(run)).rows for run in (works, refused, retried)]
    assert shown[0] == []
    assert [list(rows[0].values())[2:] for rows in shown[1:]] == [
        ["failed", 1, "ToolError", "The desk is closed on Sundays."],
        ["completed", 2, "RuntimeError", "The carrier hung up."],
    ]
    assert step.started_at is not None
    assert step.started_at - step.scheduled_at >= 0.2, "the wait before the second attempt"


def test_a_claude_step_says_which_tools_it_asks_for_and_long_results_are_cut() -> None:
    reply = {
        "stop_reason": "tool_use",
        "content": [
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "id": "1", "name": "find_order", "input": {}},
            {"type": "tool_use", "id": "2", "name": "track_shipment", "input": {}},
        ],
    }
    output = asdict(ToolOutput("Found."))  # a tool's result, as history holds it
    shown = [Step("a", result=reply), Step("b", result="x\ny " * 40), Step("c", result=output)]
    rows = table_of(shown).rows
    assert rows[0]["result"] == "asks for find_order, track_shipment"
    assert len(str(rows[1]["result"])) == 60
    assert str(rows[1]["result"]).startswith("x y x y ")
    assert str(rows[1]["result"]).endswith("…")
    assert rows[2]["result"] == "Found."


async def test_waiting_for_a_step_of_a_run_that_has_ended_says_so_at_once(client: Client) -> None:
    handle = await client.start_workflow("Nobody", id="show-ended", task_queue="nobody-polls")
    await handle.terminate()
    with pytest.raises(ClassroomError, match=r"^Not seen: the run has ended\."):
        await asyncio.wait_for(until(handle, lambda seen: bool(seen)), 10)
