"""Test helpers: a run's history saved, described and replayed, and a server that skips time.

Replay runs Workflow code again, with recorded results in place of Activities, and compares what
the code decides with what is recorded. So a history that was saved once shows, before a
deployment, whether runs in flight would survive it.

Throughout, `history` comes from `load` or `handle.fetch_history()`, `workflows` are the Workflow
classes of the worker, and `plugins` those of its client, such as `AgentPlugin()`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.worker import Plugin

from agentkit.history import differences, steps_of, value_of
from agentkit.testing._replayer import InputRecorder, replay_all, starts_a_task
from agentkit.testing._time_skipping import result_of, settled, time_skipping

__all__ = [
    "assert_same_steps",
    "changed_inputs",
    "describe",
    "load",
    "replay",
    "replay_every_prefix",
    "result_of",
    "save",
    "settled",
    "time_skipping",
]

_NOISE = frozenset({"taskId", "identity", "requestId", "meteringMetadata", "workerVersion"})
"""Fields that Workflow code can't see and that differ between any two runs."""

_JSON = base64.b64encode(b"json/plain").decode()


def save(history: WorkflowHistory, path: Path) -> None:
    """Save a history, also of a run that goes on, as JSON with readable payloads and no noise.

    Run ids and times stay: Workflow code sees them, and they seed its random numbers.
    """
    tidy = json.loads(history.to_json(), object_hook=_tidy)
    path.write_text(json.dumps(tidy, indent=1, ensure_ascii=False) + "\n", encoding="utf8")


def load(path: Path) -> WorkflowHistory:
    """Read a history that `save` wrote, or one downloaded from the Web UI or the CLI.

    Raises:
        ValueError: The file doesn't hold a history.
    """
    stored = _as_sent(json.loads(path.read_text(encoding="utf8")))
    try:
        started = stored["events"][0]["workflowExecutionStartedEventAttributes"]
    except (LookupError, TypeError):
        raise ValueError("This isn't a history: its first event doesn't start a run.") from None
    return WorkflowHistory.from_json(started.get("workflowId") or "a-run", stored)


def describe(history: WorkflowHistory) -> str:
    """Describe a history for `git diff`: a line per step, without times and ids of the run.

    A long value is cut, with its size and the first eight digits of its SHA-256: a changed
    prompt shows although the line doesn't hold all of it.
    """
    steps = steps_of(history, without_ids=True)
    return "".join(f"{n:>3}  {step}\n" for n, step in enumerate(steps, 1))


def assert_same_steps(before: WorkflowHistory, after: WorkflowHistory) -> None:
    """Check that no recorded step moved: each has its place, its input and its outcome.

    Args:
        before: A history; a step that hasn't ended in it may end in any way.
        after: The same run later, or another run of the same task; it may have more steps.
    """
    now = steps_of(after, without_ids=True)
    for number, was in enumerate(steps_of(before, without_ids=True), 1):
        found = now[number - 1] if number <= len(now) else None
        if found is None or not was.is_kept_in(found):
            lines = [f"Step {number} moved.", f"was: {was}", f"is:  {found or 'not there'}"]
            if found and found.what == was.what:
                lines += differences([was.given, was.result], [found.given, found.result])
            raise AssertionError("\n  ".join(lines))


async def replay(history: WorkflowHistory, workflows: Sequence[type], *plugins: Plugin) -> None:
    """Run Workflow code against a history in the sandbox, as a worker that takes over does.

    Temporal compares the kinds of steps and their order, not their inputs; `changed_inputs`
    compares those.

    Raises:
        workflow.NondeterminismError: The code decides differently from what is recorded; a
            run that got this far would be stuck.
        RuntimeError: The code failed in another way, or did something the sandbox forbids.
        ValueError: No worker has begun this run, so there is nothing to replay.
    """
    await replay_all([history], workflows, plugins, [])


async def replay_every_prefix(
    history: WorkflowHistory, workflows: Sequence[type], *plugins: Plugin
) -> int:
    """Replay every beginning of a history that a worker may take over with, and count them.

    Each ends where a Workflow Task starts, and what follows runs live. So this also runs the
    code that runs only when it isn't replaying, which `replay` never reaches. An error is one
    of `replay`'s, with a note that says how far the history went.
    """
    events = history.events
    ends = [number for number, event in enumerate(events, 1) if starts_a_task(event)]
    prefixes = [
        WorkflowHistory(history.workflow_id, events[:end])
        for end in dict.fromkeys([*ends, len(events)])
    ]
    await replay_all(prefixes, workflows, plugins, [])
    return len(prefixes)


async def changed_inputs(
    history: WorkflowHistory, workflows: Sequence[type], *plugins: Plugin
) -> list[str]:
    """Replay, and describe each difference between recorded and today's inputs of Activities.

    Such a change is legal: the recorded step keeps its result. But a run in flight uses the new
    input from its next step on, and a changed prompt shows in this way.
    """
    recorder = InputRecorder()
    await replay_all([history], workflows, plugins, [recorder])
    found = []
    for event in history.events:
        if event.event_type != EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            continue
        recorded = event.activity_task_scheduled_event_attributes
        if recorded.activity_id in recorder.inputs:
            name = recorded.activity_type.name
            before = value_of(recorded.input.payloads)
            for line in differences(before, recorder.inputs[recorded.activity_id]):
                found.append(f"event {event.event_id}, {name}: {line}")
    return found


def _tidy(node: dict[str, Any]) -> dict[str, Any]:
    """Drop the noise, and decode JSON payloads where that loses no byte."""
    if node.get("metadata") == {"encoding": _JSON} and set(node) == {"metadata", "data"}:
        data = base64.b64decode(node["data"])
        value = json.loads(data)
        return {"json": value} if _encoded(value) == data else node
    return {key: value for key, value in node.items() if key not in _NOISE}


def _as_sent(node: Any) -> Any:
    if isinstance(node, list):
        return [_as_sent(each) for each in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"json"}:
        data = base64.b64encode(_encoded(node["json"])).decode()
        return {"metadata": {"encoding": _JSON}, "data": data}
    return {key: _as_sent(value) for key, value in node.items()}


def _encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
