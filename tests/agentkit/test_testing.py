"""Saved histories: what replay catches, what only prefixes catch, what only inputs show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.workflow import NondeterminismError

from agentkit import AgentPlugin
from agentkit.testing import (
    assert_same_steps,
    changed_inputs,
    describe,
    load,
    replay,
    replay_every_prefix,
    save,
)
from classroom.lesson.changes import changed
from classroom.workers import NOTEBOOKS
from tests.golden.runs import FOLDER

FIRST_LINE = "        for turn in range(1, MAX_TURNS + 1):\n"
AFTER_REPLY = "            self.messages.append(assistant_message(reply))\n"


@pytest.fixture
def history() -> WorkflowHistory:
    return load(FOLDER / "durable_loop.json")


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> AgentPlugin:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    return AgentPlugin()


def variant(old: str, new: str, module: str = "") -> type:
    """The durable loop with some of its code replaced, and one more import."""
    first = "from dataclasses import dataclass\n"
    imports = f"import {module}\n{first}" if module else first
    return changed("durable_loop", (first, imports), (old, new))


async def test_unchanged_code_replays(history: WorkflowHistory, plugin: AgentPlugin) -> None:
    same = variant(FIRST_LINE, FIRST_LINE)
    await replay(history, [same], plugin)
    assert await replay_every_prefix(history, [same], plugin) == 10
    assert await changed_inputs(history, [same], plugin) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("for call in calls]", "for call in reversed(calls)]", "does not match"),
        (AFTER_REPLY, f"            await workflow.sleep(1)\n{AFTER_REPLY}", "Timer machine"),
        ("range(1, MAX_TURNS + 1)", "range(1, 3)", "Complete workflow machine"),
    ],
    ids=["moved", "added", "removed"],
)
async def test_a_moved_step_is_caught(
    history: WorkflowHistory,
    plugin: AgentPlugin,
    old: str,
    new: str,
    says: str,
) -> None:
    with pytest.raises(NondeterminismError, match=says) as caught:
        await replay(history, [variant(old, new)], plugin)
    assert str(caught.value).startswith("[TMPRL1100]")
    assert "Failure {" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "module"),
    [
        ("random.random()", "random"),
        ("time.time()", "time"),
        ("datetime.datetime.now()", "datetime"),
        ("uuid.uuid4()", "uuid"),
        ("urllib.request.urlopen('http://127.0.0.1')", "urllib.request"),
    ],
)
async def test_what_the_sandbox_forbids_is_told_and_not_logged(
    history: WorkflowHistory,
    plugin: AgentPlugin,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    call: str,
    module: str,
) -> None:
    with pytest.raises(RuntimeError, match="from inside a workflow"):
        await replay(
            history, [variant(FIRST_LINE, f"        {call}\n{FIRST_LINE}", module)], plugin
        )
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


async def test_code_that_fails_only_when_live_is_caught_by_prefixes_alone(
    history: WorkflowHistory, plugin: AgentPlugin
) -> None:
    live = (
        "            if not workflow.unsafe.is_replaying():\n                raise KeyError(turn)\n"
    )
    broken = variant(AFTER_REPLY, AFTER_REPLY + live)
    await replay(history, [broken], plugin)
    with pytest.raises(RuntimeError, match="KeyError") as caught:
        await replay_every_prefix(history, [broken], plugin)
    assert caught.value.__notes__ == ["Given the first 9 events."]


async def test_a_moved_prompt_replays_and_is_seen(
    history: WorkflowHistory, plugin: AgentPlugin
) -> None:
    moved = variant("user_message(question)", "user_message(question + ' Hurry.')")
    await replay(history, [moved], plugin)
    lines = await changed_inputs(history, [moved], plugin)
    assert len(lines) == 4
    assert lines[0].startswith("event 5, call_claude: 0.messages.0.content was")
    assert lines[0].endswith("Hurry.'")


async def test_a_run_that_no_worker_has_begun_is_told_apart(
    history: WorkflowHistory, plugin: AgentPlugin
) -> None:
    unbegun = WorkflowHistory(history.workflow_id, history.events[:2])
    for attempt in (replay, replay_every_prefix, changed_inputs):
        with pytest.raises(ValueError, match="no worker has begun"):
            await attempt(unbegun, [variant(FIRST_LINE, FIRST_LINE)], plugin)


def test_a_file_gives_back_each_byte_that_workflow_code_can_see(
    history: WorkflowHistory, tmp_path: Path
) -> None:
    save(history, tmp_path / "saved.json")
    again = load(tmp_path / "saved.json")
    assert again.events == history.events
    assert again.workflow_id == history.workflow_id
    assert (tmp_path / "saved.json").read_text() == (FOLDER / "durable_loop.json").read_text()


def test_payloads_in_a_file_can_be_read_and_noise_is_left_out() -> None:
    text = (FOLDER / "durable_loop.json").read_text()
    assert '"json": "Order 1042 arrived damaged.' in text
    for noise in ("identity", "taskId", "requestId", "workerVersion"):
        assert f'"{noise}"' not in text
    assert "firstExecutionRunId" in text


def test_a_history_from_the_web_ui_can_be_loaded(history: WorkflowHistory, tmp_path: Path) -> None:
    (tmp_path / "downloaded.json").write_text(history.to_json())
    assert load(tmp_path / "downloaded.json").events == history.events


def test_what_is_no_history_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"events": []}))
    with pytest.raises(ValueError, match="isn't a history"):
        load(tmp_path / "other.json")


def test_a_description_has_a_line_for_each_step(history: WorkflowHistory) -> None:
    lines = describe(history).splitlines()
    assert [line.split()[1] for line in lines] == [
        "start",
        "call_claude",
        "tool.find_order",
        "tool.search_handbook",
        "call_claude",
        "tool.refund",
        "call_claude",
        "tool.send_email",
        "call_claude",
        "end",
    ]
    assert lines[1].endswith("asks for find_order, search_handbook")


def test_steps_that_only_went_on_have_not_moved(history: WorkflowHistory) -> None:
    for count in range(1, len(history.events)):
        assert_same_steps(WorkflowHistory("a-run", history.events[:count]), history)


@pytest.mark.parametrize("what", ["input", "outcome", "order"])
def test_a_step_that_moved_is_shown(history: WorkflowHistory, what: str) -> None:
    other = altered(history, what)
    with pytest.raises(AssertionError, match="moved"):
        assert_same_steps(history, other)
    assert describe(other) != describe(history)


def altered(history: WorkflowHistory, what: str) -> WorkflowHistory:
    """The same history with one thing changed in it."""
    stored: dict[str, Any] = json.loads(history.to_json())
    scheduled = [
        e["activityTaskScheduledEventAttributes"]
        for e in stored["events"]
        if "activityTaskScheduledEventAttributes" in e
    ]
    completed = [
        e["activityTaskCompletedEventAttributes"]
        for e in stored["events"]
        if "activityTaskCompletedEventAttributes" in e
    ]
    if what == "input":
        scheduled[0]["input"], scheduled[3]["input"] = scheduled[3]["input"], scheduled[0]["input"]
    elif what == "outcome":
        completed[0]["result"], completed[3]["result"] = (
            completed[3]["result"],
            completed[0]["result"],
        )
    else:
        types = [each["activityType"] for each in scheduled[1:3]]
        scheduled[1]["activityType"], scheduled[2]["activityType"] = reversed(types)
    return WorkflowHistory.from_json(history.workflow_id, stored)
