"""What a run did, read from its history: steps in the order in which they were begun."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

_LINE = 100

_IDS = re.compile(
    r"\b(?:toolu|msg|req)_\w+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z|(?<!sha256:)\b[0-9a-f]{64}\b"
    r'|(?<="head": ")sha256:[0-9a-f]{64}'
)
"""What differs from run to run: the API's ids and Temporal's, times, and digests that cover them,
as those of approval requests and transcripts do. A reference to a prompt stays."""

_ENDS = (
    ("_COMPLETED", "→"),
    ("_FAILED", "failed:"),
    ("_TIMED_OUT", "timed out:"),
    ("_FIRED", "fired"),
    ("_CANCELED", "cancelled"),
    ("_REJECTED", "rejected:"),
    ("_TERMINATED", "terminated"),
)
_RUN_ENDED = tuple(
    EventType.Value(f"EVENT_TYPE_WORKFLOW_EXECUTION_{end}")
    for end in ("COMPLETED", "FAILED", "TIMED_OUT", "CANCELED", "TERMINATED")
)
_BEGUN_BY = ("scheduled_event_id", "accepted_event_id", "initiated_event_id", "started_event_id")


@dataclass(frozen=True)
class Step:
    """One thing that a run did, or that was done to it.

    Attributes:
        what: An Activity's name, or in words: "timer", "signal NAME", "update NAME", …
        given: What went in, ids replaced by numbers in order of appearance.
        state: How it ended, in a word; "" while it hasn't.
        outcome: What came of it, ids replaced in the same way.
    """

    what: str
    given: Any = None
    state: str = ""
    outcome: Any = None

    def __str__(self) -> str:
        told = (self.what, _cut(self.given), self.state, _cut(_in_words(self.outcome)))
        return "  ".join(part for part in told if part)

    def is_kept_in(self, later: Step) -> bool:
        """Tell whether a later look at the same step shows the same, or only more.

        Args:
            later: The step at this one's place.
        """
        same = (self.what, self.given) == (later.what, later.given)
        ended = (self.state, self.outcome) == (later.state, later.outcome)
        return same and (ended or not self.state)


def steps_of(history: WorkflowHistory) -> list[Step]:
    """Read the steps of a run.

    Args:
        history: Any history, whole or only its beginning.

    Returns:
        Its steps; those that run side by side stand in the order in which they were begun.
    """
    found: dict[int, Step] = {}
    names: dict[str, str] = {}
    for event in history.events:
        begun = _begun(event, names)
        if begun is not None:
            found[event.event_id] = begun
            continue
        attributes = getattr(event, event.WhichOneof("attributes") or "", None)
        ids = [getattr(attributes, name, 0) for name in _BEGUN_BY]
        first = next((each for each in ids if each in found), None)
        state = _state(event)
        if first is not None and state:
            was = found[first]
            found[first] = Step(was.what, was.given, state, _outcome(attributes, names))
    return list(found.values())


def value_of(payloads: Iterable[Payload]) -> Any:
    """Decode payloads for people: JSON where it is JSON, else their size.

    Args:
        payloads: Any payloads.

    Returns:
        A list with a value for each.
    """
    values: list[Any] = []
    for payload in payloads:
        try:
            values.append(json.loads(payload.data) if payload.data else None)
        except ValueError:
            values.append(f"({len(payload.data)} bytes)")
    return values


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """List where two JSON values differ.

    Args:
        before: A value.
        after: Another one.
        path: Where both stand, such as ".messages.0".

    Returns:
        A line for each place; texts are cut to where they begin to differ.
    """
    if before == after:
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = [*before, *(key for key in after if key not in before)]
        pairs: list[tuple[object, Any, Any]] = [
            (key, before.get(key), after.get(key)) for key in keys
        ]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [(n, was, now) for n, (was, now) in enumerate(zip(before, after, strict=True))]
    else:
        return [f"{path.lstrip('.') or 'value'} {_from_first_difference(before, after)}"]
    return [line for key, was, now in pairs for line in differences(was, now, f"{path}.{key}")]


def _begun(event: HistoryEvent, names: dict[str, str]) -> Step | None:
    """Read an event that begins a step of its own."""
    kind = event.event_type
    if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        started = event.workflow_execution_started_event_attributes
        given = _plain(started.input.payloads, names)
        return Step(f"start {started.workflow_type.name}", given)
    if kind == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        scheduled = event.activity_task_scheduled_event_attributes
        return Step(scheduled.activity_type.name, _plain(scheduled.input.payloads, names))
    if kind == EventType.EVENT_TYPE_TIMER_STARTED:
        timer = event.timer_started_event_attributes
        return Step("timer", f"{timer.start_to_fire_timeout.ToTimedelta().total_seconds():g} s")
    if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        signal = event.workflow_execution_signaled_event_attributes
        return Step(f"signal {signal.signal_name}", _plain(signal.input.payloads, names))
    if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
        asked = event.workflow_execution_update_accepted_event_attributes.accepted_request.input
        return Step(f"update {asked.name}", _plain(asked.args.payloads, names))
    if kind == EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
        child = event.start_child_workflow_execution_initiated_event_attributes
        return Step(f"child {child.workflow_type.name}", _plain(child.input.payloads, names))
    if kind == EventType.EVENT_TYPE_MARKER_RECORDED:
        marker = event.marker_recorded_event_attributes
        details = {key: value_of(each.payloads) for key, each in marker.details.items()}
        return Step(f"marker {marker.marker_name}", _renamed(details, names))
    if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
        new = event.workflow_execution_continued_as_new_event_attributes
        return Step("continue as new", _plain(new.input.payloads, names))
    if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
        return Step("cancel")
    if kind in _RUN_ENDED:
        attributes = getattr(event, event.WhichOneof("attributes") or "")
        return Step("end", None, _state(event), _outcome(attributes, names))
    return None


def _state(event: HistoryEvent) -> str:
    name = EventType.Name(event.event_type)
    return next((word for end, word in _ENDS if name.endswith(end)), "")


def _outcome(attributes: Any, names: dict[str, str]) -> Any:
    fields = {descriptor.name for descriptor, _ in attributes.ListFields()}
    if "outcome" in fields:  # an Update's
        attributes = attributes.outcome
        fields = {descriptor.name for descriptor, _ in attributes.ListFields()}
        if "success" in fields:
            return _single(_plain(attributes.success.payloads, names))
    if "failure" in fields:
        failure = attributes.failure
        while failure.HasField("cause"):
            failure = failure.cause
        return _renamed(failure.message, names)
    return _single(_plain(attributes.result.payloads, names)) if "result" in fields else None


def _single(values: Any) -> Any:
    return values[0] if len(values) == 1 else values or None


def _plain(payloads: Iterable[Payload], names: dict[str, str]) -> Any:
    return _renamed(value_of(payloads), names)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    """Give each id a number, so that two runs of the same task read the same."""

    def number(found: re.Match[str]) -> str:
        kind = found[0].split("_")[0] if "_" in found[0] else "id"
        if found[0][4:5] == "-":
            kind = "time"
        return names.setdefault(found[0], f"{kind}-{len(names) + 1}")

    return json.loads(_IDS.sub(number, json.dumps(value, ensure_ascii=False)))


def _in_words(outcome: Any) -> Any:
    """Tell a reply of Claude by what it asks for or says."""
    if not (isinstance(outcome, dict) and {"content", "stop_reason"} <= set(outcome)):
        return outcome
    blocks = [block for block in outcome["content"] or [] if isinstance(block, dict)]
    calls = [str(block.get("name")) for block in blocks if block.get("type") == "tool_use"]
    said = "".join(str(block.get("text")) for block in blocks if block.get("type") == "text")
    return f"asks for {', '.join(calls)}" if calls else f"{outcome['stop_reason']}: {said}"


def _cut(value: Any) -> str:
    if value is None or value == []:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    if len(text) <= _LINE:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{text[:_LINE]}… ({len(text):,} characters, {digest})"


def _from_first_difference(before: Any, after: Any) -> str:
    if not (isinstance(before, str) and isinstance(after, str)):
        return f"was {_cut(before) or 'nothing'}, is {_cut(after) or 'nothing'}"
    pairs = enumerate(zip(before, after, strict=False))
    first = next((n for n, (a, b) in pairs if a != b), min(len(before), len(after)))
    start = max(0, first - 20)
    dots = "…" if start else ""
    return f"was {dots}{before[start : first + 60]!r}, is {dots}{after[start : first + 60]!r}"
