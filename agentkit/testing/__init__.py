"""A run's history as a test: kept in a file, replayed against today's code, told in words.

Replay runs Workflow code again, with recorded results in place of Activities, and holds what
the code decides against what is recorded. So a history that was saved once shows, before a
deployment, whether runs in flight would survive it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.worker import Plugin

from agentkit.history import Step, differences, steps_of, value_of
from agentkit.testing._files import from_file_text, to_file_text
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


def save(history: WorkflowHistory, path: Path) -> None:
    """Keep a history in a file: JSON, with payloads to be read, without what only is noise.

    Args:
        history: From `handle.fetch_history()`; of a run that may be going on.
        path: The file; `.json` by convention. Its folder must exist.
    """
    path.write_text(to_file_text(history), encoding="utf8")


def load(path: Path) -> WorkflowHistory:
    """Read a history: one that `save` wrote, or one downloaded from the Web UI or the CLI.

    Args:
        path: The file.

    Raises:
        ValueError: It holds no history.
    """
    return from_file_text(path.read_text(encoding="utf8"))


def describe(history: WorkflowHistory) -> str:
    """Tell a history in one line for each step, without times and ids that differ by run.

    What is too long for its line is cut, with its size and the first eight digits of its
    SHA-256: a changed prompt shows, though the line doesn't hold it.

    Args:
        history: Any history.

    Returns:
        Lines for a file that lies beside the history, for `git diff` to compare.
    """
    return "".join(f"{n:>3}  {step}\n" for n, step in enumerate(steps_of(history), 1))


def assert_same_steps(before: WorkflowHistory, after: WorkflowHistory) -> None:
    """Check that no recorded step moved: each is at its place, with the input and the outcome.

    Args:
        before: A history; where it knows no outcome yet, any will do.
        after: The same run later, or another run of the same task; it may have more steps.

    Raises:
        AssertionError: A step moved; the message shows the first one, as it was and as it is.
    """
    now = steps_of(after)
    for number, was in enumerate(steps_of(before), 1):
        found = now[number - 1] if number <= len(now) else None
        if found is None or not was.is_kept_in(found):
            raise AssertionError(
                f"Step {number} moved.\n  was: {was}\n  is:  {found or 'not there'}"
                + "".join(f"\n  {line}" for line in _in_detail(was, found))
            )


async def replay(history: WorkflowHistory, workflows: Sequence[type], *plugins: Plugin) -> None:
    """Run Workflow code against a history, in the sandbox, as a worker that takes over would.

    Temporal compares the kinds of steps and their order, not what they are given; for that
    there is `changed_inputs`.

    Args:
        history: From `load` or `handle.fetch_history()`.
        workflows: The Workflow classes of the worker.
        *plugins: Those of the worker's client, such as `AgentPlugin(TOOLS)`: they bring the
            data converter, and warm what Workflow code must not wait for.

    Raises:
        workflow.NondeterminismError: The code decides otherwise than it did; a run that got
            this far would be stuck.
        RuntimeError: The code failed in another way, or did what the sandbox forbids.
        ValueError: No worker has ever begun this run: there is nothing to replay.
    """
    await replay_all([history], workflows, plugins, [])


async def replay_every_prefix(
    history: WorkflowHistory, workflows: Sequence[type], *plugins: Plugin
) -> int:
    """Replay every beginning of a history that a worker which takes over may be given.

    Each ends where a Workflow Task starts, and what follows runs live. So this runs, at each
    step, also what the code does only when it isn't replaying, which `replay` never sees.

    Args:
        history: From `load` or `handle.fetch_history()`.
        workflows: The Workflow classes of the worker.
        *plugins: Those of the worker's client; see `replay`.

    Returns:
        How many beginnings were replayed, the whole history included.

    Raises:
        workflow.NondeterminismError: As `replay` does; a note says how far the history went.
        RuntimeError: The same.
        ValueError: No worker has ever begun this run.
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
    """Replay, and tell which recorded Activities the code would give another input today.

    Such a change is legal: the recorded step keeps its result. But a run in flight takes it up
    at its next step, and this is how a moved prompt shows.

    Args:
        history: From `load` or `handle.fetch_history()`.
        workflows: The Workflow classes of the worker.
        *plugins: Those of the worker's client; see `replay`.

    Returns:
        A line for each difference; empty when the code asks for what is recorded.

    Raises:
        workflow.NondeterminismError: As `replay` does.
        RuntimeError: The same.
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


def _in_detail(was: Step, found: Step | None) -> list[str]:
    if found is None or was.what != found.what:
        return []
    return differences([was.given, was.outcome], [found.given, found.outcome])
