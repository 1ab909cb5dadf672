"""What can be seen of a run from outside: its end, messages, history, rows and calls.

Nothing here uses agentkit: a bug planted there must not blind the observer.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle

from tests.crash.campaign.sealed import is_sealed


@dataclass
class Step:
    """An Activity, as history records it.

    Attributes:
        type: Its type.
        run: Which run of the chain scheduled it, from 0.
        together: The same number for those that were scheduled at once.
        given: What it was given.
        heartbeat: Its heartbeat timeout in seconds; 0 for none.
        bounded: Whether its attempts are limited, by number or by time.
        scheduled: When it was scheduled, in seconds since the epoch.
        attempts: How often it was tried.
        began: When its last attempt began, in seconds since the epoch; 0 for never.
        ended: "completed", "failed", "timed out" or "canceled"; "" while it is open.
    """

    type: str
    run: int
    together: int
    given: list[Any]
    heartbeat: float
    bounded: bool
    scheduled: float
    attempts: int = 0
    began: float = 0.0
    ended: str = ""

    @property
    def call_id(self) -> str:
        """The id of the tool call that it runs; "" if it runs none."""
        first = self.given[0] if self.given else None
        return str(first["call"]["id"]) if self.type.startswith("tool.") and first else ""


@dataclass
class Seen:
    """One run, observed from outside after its end.

    Attributes:
        first_run: The id of the first run of its chain.
        ended: "completed", or how else.
        result: Its result, as JSON.
        messages: The conversation.
        steps: Its Activities, in the order in which they were scheduled.
        broken_tasks: Workflow Tasks that failed: the reason of each.
        times: When each event of its history happened.
        runs: How many runs the chain has.
        calls: How many calls have reached Claude.
        rows: What the shop's tables hold.
        unsealed: The Activities whose input or result a codec hasn't sealed.
        heads: The heads of the transcript, as history recorded them.
        review: What the reviewer has seen and sent, if there was one.
        problems: What went wrong with looking.
        trace: What the worker of an undisturbed run has written down.
    """

    first_run: str = ""
    ended: str = ""
    result: Any = None
    messages: list[Any] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    broken_tasks: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    runs: int = 0
    calls: int = 0
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unsealed: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    review: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    trace: list[dict[str, Any]] = field(default_factory=list)

    @property
    def models(self) -> set[str]:
        """The types of the Activities that have called Claude."""
        return {each["activity"] for each in self.trace if each.get("asked")}


async def read_history(client: Client, workflow_id: str, seen: Seen) -> None:
    """Read the histories of all runs of a chain into `seen`.

    Args:
        client: Any client that reads payloads as JSON.
        workflow_id: The Workflow's id.
        seen: Knows the first run.
    """
    run_id = seen.first_run
    seen.steps, seen.broken_tasks, seen.times, seen.heads, seen.runs = [], [], [], [], 0
    seen.unsealed = []
    while run_id:
        run: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id, run_id=run_id)
        scheduled: dict[int, Step] = {}
        run_id = ""
        async for event in run.fetch_history_events():
            seen.times.append(event.event_time.ToMicroseconds() / 1e6)
            await _read_event(client, event, scheduled, seen)
            ended = event.workflow_execution_continued_as_new_event_attributes
            run_id = ended.new_execution_run_id or run_id
        seen.runs += 1


_ENDS = {
    EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED: "completed",
    EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED: "failed",
    EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT: "timed out",
    EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED: "canceled",
}


async def _read_event(
    client: Client, event: HistoryEvent, scheduled: dict[int, Step], seen: Seen
) -> None:
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        begun = event.activity_task_scheduled_event_attributes
        step = Step(
            begun.activity_type.name,
            seen.runs,
            begun.workflow_task_completed_event_id,
            await client.data_converter.decode(begun.input.payloads),
            begun.heartbeat_timeout.ToTimedelta().total_seconds(),
            begun.retry_policy.maximum_attempts > 0
            or begun.schedule_to_close_timeout.ToTimedelta().total_seconds() > 0,
            event.event_time.ToMicroseconds() / 1e6,
        )
        scheduled[event.event_id] = step
        seen.unsealed += [] if is_sealed(begun.input.payloads) else [step.type]
        seen.steps.append(step)
    elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
        started = event.activity_task_started_event_attributes
        step = scheduled[started.scheduled_event_id]
        step.attempts, step.began = started.attempt, event.event_time.ToMicroseconds() / 1e6
    elif event.event_type in _ENDS:
        attributes: Any = getattr(event, str(event.WhichOneof("attributes")))
        scheduled[attributes.scheduled_event_id].ended = _ENDS[event.event_type]
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            payloads = attributes.result.payloads
            step = scheduled[attributes.scheduled_event_id]
            seen.unsealed += [] if is_sealed(payloads) else [step.type]
            values = await client.data_converter.decode(payloads)
            seen.heads += [v["head"] for v in values if isinstance(v, dict) and "head" in v]
    elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
        failed = event.workflow_task_failed_event_attributes
        # A Signal or an Update came while the task ran: the server has it done again.
        harmless = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
        if failed.cause != harmless:
            cause = WorkflowTaskFailedCause.Name(failed.cause).split("CAUSE_")[-1]
            seen.broken_tasks.append(f"{cause}: {failed.failure.message[:200]}")


def read_chain(store: Path, head: str | None) -> list[Any]:
    """Read a transcript from its store, and check every reference on the way.

    Args:
        store: The store's file.
        head: The end of the conversation.

    Returns:
        The messages, oldest first, results in their places.

    Raises:
        ValueError: A text is missing, or isn't what its reference says.
    """
    messages: list[Any] = []
    count = None
    with closing(sqlite3.connect(store, timeout=10)) as db:
        while head is not None:
            link = json.loads(_text(db, head))
            count = link["count"] if count is None else count
            messages = [_opened(db, each) for each in link.get("messages", [])] + messages
            head = link["previous"]
    if count not in (None, len(messages)):
        raise ValueError(f"The chain has {len(messages)} messages, and its head says {count}")
    return messages


def links_of(store: Path, head: str | None) -> list[str]:
    """List the references of a chain, the newest first."""
    found = []
    with closing(sqlite3.connect(store, timeout=10)) as db:
        while head is not None:
            found.append(head)
            head = json.loads(_text(db, head))["previous"]
    return found


def _opened(db: sqlite3.Connection, message: Any) -> Any:
    if isinstance(message["content"], str):
        return message
    blocks = []
    for block in message["content"]:
        kept = block.get("content")
        if block["type"] == "tool_result" and isinstance(kept, dict):
            block = {**block, "content": _text(db, kept["kept"])}
        blocks.append(block)
    return {**message, "content": blocks}


def _text(db: sqlite3.Connection, reference: str) -> str:
    row = db.execute("select text from texts where reference = ?", (reference,)).fetchone()
    if row is None:
        raise ValueError(f"The store holds no {reference}")
    data = bytes(row[0])
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != reference:
        raise ValueError(f"{reference} is the reference of another text")
    return data.decode()


_VARIES = re.compile(
    r"(?P<id>(?:toolu|msg|req)_[A-Za-z0-9]+)"
    r"|(?P<run>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d| UTC)?)"
    r"|(?P<hash>(?:sha256:)?[0-9a-f]{64})"
)


def normalised(value: Any) -> str:
    """Write JSON data without what differs from run to run.

    Args:
        value: JSON data.

    Returns:
        JSON text in which ids are numbered in the order of their first appearance, and times,
        run ids and hashes are names of their kind.
    """
    numbers: dict[str, int] = {}

    def name(found: re.Match[str]) -> str:
        kind = str(found.lastgroup)
        if kind != "id":
            return f"<{kind}>"
        return f"<id {numbers.setdefault(found[0], len(numbers) + 1)}>"

    return _VARIES.sub(name, json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False))
