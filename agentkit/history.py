"""What a run did, read from its history: steps in the order in which they began."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic_core import from_json
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import EventType, PendingActivityState
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowHandle, WorkflowHistory

from agentkit.messages import printable

RPC_TIMEOUT = timedelta(seconds=5)
"""How long a question to the server may take that is asked on the side."""

_LINE = 100

_IDS = re.compile(
    r"\b(?:toolu|msg|req)_\w+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z|(?<!sha256:)\b[0-9a-f]{64}\b"
    r'|(?<="head": ")sha256:[0-9a-f]{64}'
)
"""What differs between runs: the API's ids and Temporal's, times, and digests that cover them,
such as those of approval requests and transcripts. The reference of a prompt is none of these."""

_ENDS = {
    "_COMPLETED": "completed",
    "_FAILED": "failed",
    "_TIMED_OUT": "timed out",
    "_FIRED": "fired",
    "_CANCELED": "cancelled",
    "_REJECTED": "rejected",
    "_TERMINATED": "terminated",
}
_BEGINS = {
    "ACTIVITY_TASK_SCHEDULED": "{0.activity_type.name}",
    "TIMER_STARTED": "timer",
    "MARKER_RECORDED": "marker {0.marker_name}",
    "START_CHILD_WORKFLOW_EXECUTION_INITIATED": "child {0.workflow_type.name}",
    "WORKFLOW_EXECUTION_STARTED": "start {0.workflow_type.name}",
    "WORKFLOW_EXECUTION_SIGNALED": "signal {0.signal_name}",
    "WORKFLOW_EXECUTION_UPDATE_ACCEPTED": "update {0.accepted_request.input.name}",
    "WORKFLOW_EXECUTION_CANCEL_REQUESTED": "cancel",
    "WORKFLOW_EXECUTION_CONTINUED_AS_NEW": "continue as new",
    **{
        f"WORKFLOW_EXECUTION_{end}": "end"
        for end in ("COMPLETED", "FAILED", "TIMED_OUT", "CANCELED", "TERMINATED")
    },
}
"""The events that begin a step, and its name, made of the event's attributes."""

_BEGUN_BY = ("scheduled_event_id", "accepted_event_id", "initiated_event_id", "started_event_id")


@dataclass
class Step:
    """One thing that a run did, or that was done to it.

    Attributes:
        what: An Activity's type, such as "tool.refund", or in words: "timer", "signal NAME", …
        number: An Activity's place among the run's Activities, from 1; 0 for any other step.
        given: Its input.
        state: Of an Activity "scheduled", "running", "waiting" for its next attempt, "completed",
            "failed", "timed out" or "cancelled"; "" for another step that hasn't ended.
        result: What it returned, or the message of its failure; None until then.
        attempts: How often it was started; while it waits, the coming attempt counts.
        last_failure: Why the attempt before the last one failed; "" when there was none.
        error_type: The type of the last error, such as "rate_limit_error"; "" for none.
        scheduled_at: When it began, in seconds since the epoch.
        started_at: When its last attempt was started; None until the run's history has it.
        ended_at: When its end was recorded; None until then.
        worker: The identity, `pid@host`, of the worker that ran the last attempt.
    """

    what: str
    number: int = 0
    given: Any = None
    state: str = ""
    result: Any = None
    attempts: int = 0
    last_failure: str = ""
    error_type: str = ""
    scheduled_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    worker: str = ""

    def __str__(self) -> str:
        ended = "" if self.ended_at is None else self.state
        sign = {"completed": "→", "": "", "fired": "fired", "cancelled": "cancelled"}
        ending = sign.get(ended, f"{ended}:")
        parts = (self.what, _cut(self.given), ending, _cut(_reply_in_words(self.result)))
        return printable("  ".join(part for part in parts if part))

    @property
    def activity(self) -> str:
        """The Activity's type; "" for any other step."""
        return self.what if self.number else ""

    def is_kept_in(self, later: Step) -> bool:
        """Whether a later look at this step shows the same input and, once ended, outcome."""
        same = (self.what, self.given) == (later.what, later.given)
        return same and (
            self.ended_at is None or (self.state, self.result) == (later.state, later.result)
        )


def steps_of(history: WorkflowHistory, *, without_ids: bool = False) -> list[Step]:
    """Read the steps of a run from its history, or from a beginning of it.

    Args:
        history: From `handle.fetch_history()`.
        without_ids: Replace ids and times in what was given and returned by numbers, in order of
            appearance, so that two runs of the same task read the same.
    """
    reader = _Reader({} if without_ids else None)
    for event in history.events:
        reader.read(event)
    return list(reader.steps.values())


async def activities_of(run: WorkflowHandle[Any, Any]) -> list[Step]:
    """Read a run's Activities from its history, and from the server those still under way."""
    pending = (await run.describe()).raw_description.pending_activities
    reader = _Reader(None)
    async for event in run.fetch_history_events():
        reader.read(event)
    for each in pending:
        step = reader.by_id.get(each.activity_id)
        if step is not None and step.ended_at is None:
            _add_what_the_server_knows(step, each)
    return [step for step in reader.steps.values() if step.number]


async def newest_events(
    client: Client, id: str, run_id: str | None = None
) -> Sequence[HistoryEvent]:
    """Read a run's last twenty events, the newest first."""
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=id, run_id=run_id or ""),
        maximum_page_size=20,
    )
    found = await client.workflow_service.get_workflow_execution_history_reverse(
        request, timeout=RPC_TIMEOUT
    )
    return found.history.events


def value_of(payloads: Iterable[Payload]) -> list[Any]:
    """Decode payloads for people: JSON where it is JSON, else their size."""
    values: list[Any] = []
    for payload in payloads:
        try:
            values.append(from_json(payload.data) if payload.data else None)
        except ValueError:
            values.append(f"({len(payload.data)} bytes)")
    return values


def tools_asked_for(result: Any) -> list[str]:
    """List the tools that an Activity's result asks for, if it is a reply or a turn."""
    if not isinstance(result, dict):
        return []
    asked = [str(block.get("name")) for block in _blocks(result, "tool_use")]
    # A turn on a transcript returns its calls, not the blocks.
    return asked + [str(call["name"]) for call in result.get("calls") or []]


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """List where two JSON values differ, and how; `path` leads to both, like ".messages.0"."""
    if before == after:
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = [*before, *(key for key in after if key not in before)]
        pairs: list[Any] = [(key, before.get(key), after.get(key)) for key in keys]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [(n, was, now) for n, (was, now) in enumerate(zip(before, after, strict=True))]
    else:
        return [f"{path.lstrip('.') or 'value'} {_from_first_difference(before, after)}"]
    return [line for key, was, now in pairs for line in differences(was, now, f"{path}.{key}")]


class _Reader:
    """Turns events into steps; `names` collects replacements of ids, None leaves ids alone."""

    def __init__(self, names: dict[str, str] | None) -> None:
        self.steps: dict[int, Step] = {}
        self.by_id: dict[str, Step] = {}
        self._names = names

    def read(self, event: HistoryEvent) -> None:
        """Begin a step, or add to the one that the event belongs to."""
        kind = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
        attributes: Any = getattr(event, event.WhichOneof("attributes") or "", None)
        step = self._step_of(attributes)
        if kind in _BEGINS:
            what = _BEGINS[kind].format(attributes)
            step = Step(what, given=self._given(attributes), scheduled_at=_seconds(event))
            self.steps[event.event_id] = step
        if step is None:
            return
        if kind == "ACTIVITY_TASK_SCHEDULED":
            self.by_id[attributes.activity_id] = step
            step.number, step.state = len(self.by_id), "scheduled"
        elif kind == "ACTIVITY_TASK_STARTED":
            step.attempts, step.worker = attributes.attempt, attributes.identity
            step.last_failure, step.error_type = _error(attributes.last_failure)
            step.started_at = _seconds(event)
        elif kind == "ACTIVITY_TASK_CANCEL_REQUESTED":
            step.state = "cancelled"
        elif state := next((state for end, state in _ENDS.items() if kind.endswith(end)), ""):
            step.state, step.ended_at = state, _seconds(event)
            self._add_outcome(step, attributes)

    def _step_of(self, attributes: Any) -> Step | None:
        ids = (getattr(attributes, name, 0) for name in _BEGUN_BY)
        return next((self.steps[each] for each in ids if each in self.steps), None)

    def _given(self, attributes: Any) -> Any:
        if _has(attributes, "input"):
            return self._values(attributes.input.payloads)
        if _has(attributes, "accepted_request"):
            return self._values(attributes.accepted_request.input.args.payloads)
        if _has(attributes, "start_to_fire_timeout"):
            return f"{attributes.start_to_fire_timeout.ToTimedelta().total_seconds():g} s"
        if _has(attributes, "marker_name"):
            details = attributes.details.items()
            return self._named({key: value_of(each.payloads) for key, each in details})
        return None

    def _add_outcome(self, step: Step, attributes: Any) -> None:
        if _has(attributes, "outcome"):  # an Update's
            attributes = attributes.outcome
        if _has(attributes, "failure"):
            message, step.error_type = _error(attributes.failure)
            step.result = self._named(message)
        for field in ("result", "success"):
            if _has(attributes, field):
                values = self._values(getattr(attributes, field).payloads)
                step.result = values[0] if len(values) == 1 else values or None

    def _values(self, payloads: Iterable[Payload]) -> Any:
        return self._named(value_of(payloads))

    def _named(self, value: Any) -> Any:
        """Replace each id by a number, if that is wanted."""
        names = self._names
        if names is None:
            return value

        def number(found: re.Match[str]) -> str:
            kind = found[0].split("_")[0] if "_" in found[0] else "id"
            if found[0][4:5] == "-":
                kind = "time"
            return names.setdefault(found[0], f"{kind}-{len(names) + 1}")

        return json.loads(_IDS.sub(number, json.dumps(value, ensure_ascii=False)))


def _add_what_the_server_knows(step: Step, pending: PendingActivityInfo) -> None:
    """Add to an open Activity what its history gets only at its end."""
    step.attempts, step.worker = pending.attempt, pending.last_worker_identity
    step.last_failure, step.error_type = _error(pending.last_failure)
    if pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
        step.state = "running"
    elif pending.HasField("current_retry_interval"):
        step.state = "waiting"


def _has(message: Any, field: str) -> bool:
    return any(descriptor.name == field for descriptor, _ in message.ListFields())


def _error(failure: Failure) -> tuple[str, str]:
    """Read an error's message and type; a timeout's type is "timeout"."""
    # These two only say that something else failed.
    while failure.HasField("cause") and (
        failure.HasField("activity_failure_info")
        or failure.HasField("child_workflow_execution_failure_info")
    ):
        failure = failure.cause
    kind = failure.application_failure_info.type
    return failure.message, kind or ("timeout" if failure.HasField("timeout_failure_info") else "")


def _seconds(event: HistoryEvent) -> float:
    return event.event_time.ToMicroseconds() / 1e6


def _reply_in_words(result: Any) -> Any:
    """Describe a reply of Claude by what it asks for or says."""
    if not (isinstance(result, dict) and {"content", "stop_reason"} <= set(result)):
        return result
    if asked := tools_asked_for(result):
        return f"asks for {', '.join(asked)}"
    said = "".join(str(block.get("text")) for block in _blocks(result, "text"))
    return f"{result['stop_reason']}: {said}"


def _blocks(reply: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    blocks = reply.get("content") or []
    return [each for each in blocks if isinstance(each, dict) and each.get("type") == kind]


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
