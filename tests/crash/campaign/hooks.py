"""Hooks inside a worker process: a trace of its work, and SIGKILL at a planned point.

`install` is called before the worker's own code runs. It makes every client a first interceptor,
so that a point lies outside of everything that agentkit does around an Activity, and it has SQLite
and psycopg tell each statement before it runs. A point that is reached leaves a file, and then the
process sends itself SIGKILL; or it waits there, alive, until another file says that it may go on.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import time
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import httpx2
import psycopg
import temporalio.client
import temporalio.worker
from temporalio import activity, workflow

TOOL = "tool."


class Plan:
    """The plan of this process: where it ends or waits, and where its trace goes.

    Args:
        given: `point` (see `points.Point`, None for none), `reached` and `go` (files), and
            `trace` (a file, or None).
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self.point: dict[str, Any] = given["point"] or {"place": ""}
        self.reached, self.go = Path(given["reached"]), Path(given["go"])
        self.trace = Path(given["trace"]) if given["trace"] else None
        self.seen: Counter[str] = Counter()
        self.done = 0
        self.held = 0

    def note(self, **what: Any) -> None:
        """Write a line of the trace."""
        if self.trace is not None:
            with self.trace.open("a") as file:
                file.write(json.dumps(what) + "\n")

    def at(self, place: str, **where: Any) -> bool:
        """Whether the point is here."""
        return self.point["place"] == place and all(self.point[k] == v for k, v in where.items())

    def die(self) -> NoReturn:
        """End like a machine that loses power."""
        self.reached.write_text("died")
        os.kill(os.getpid(), signal.SIGKILL)
        while True:
            time.sleep(1)

    def tell(self) -> None:
        """Report that the point is reached."""
        if not self.reached.exists():
            self.reached.write_text("waits")

    async def end_or_wait(self) -> None:
        """Die here; or wait, heartbeats going on, until the campaign lets go."""
        if self.point["how"] == "die":
            self.die()
        self.tell()
        await self.wait()

    async def wait(self) -> None:
        """Wait for the campaign, as an Activity that is under way."""
        while not self.go.exists():
            activity.heartbeat()
            await asyncio.sleep(0.02)

    def end_or_block(self) -> None:
        """The same in Workflow code, where the campaign has to be quick."""
        if self.point["how"] == "die":
            self.die()
        self.tell()
        deadline = time.monotonic() + 1.5  # the SDK takes a longer step for a deadlock
        while not self.go.exists() and time.monotonic() < deadline:
            time.sleep(0.005)


_plan: Plan


@dataclass
class Doing:
    """An Activity under way, and what it has done so far.

    Attributes:
        type: Its type.
        number: How many of that type the process had begun by then.
        statements: How many SQL statements it has run.
        asked: Whether it has called Claude.
        wrote: The tables of the shop that it has written to.
    """

    type: str
    number: int
    statements: int = 0
    asked: bool = False
    wrote: set[str] = field(default_factory=set)


_doing: ContextVar[Doing | None] = ContextVar("doing", default=None)
_EFFECT = re.compile(r"\s*insert into (refunds|emails|pickups|answers|reports)\b", re.IGNORECASE)


def install(given: dict[str, Any]) -> None:
    """Set the plan of this process; call it before a client is made."""
    global _plan
    _plan = Plan(given)
    connect = temporalio.client.Client.connect

    async def connect_with_point(*args: Any, **options: Any) -> temporalio.client.Client:
        options["interceptors"] = [_Point(), *options.get("interceptors", [])]
        return await connect(*args, **options)

    temporalio.client.Client.connect = connect_with_point  # type: ignore[method-assign]
    open_database = sqlite3.connect

    def open_and_listen(*args: Any, **options: Any) -> sqlite3.Connection:
        db: sqlite3.Connection = open_database(*args, **options)
        db.set_trace_callback(_before_statement)
        return db

    sqlite3.connect = open_and_listen  # type: ignore[assignment]
    command = psycopg.Connection._exec_command

    def command_and_listen(db: Any, statement: Any, *args: Any, **options: Any) -> Any:
        _before_statement(str(statement))  # begin, commit and rollback
        return command(db, statement, *args, **options)

    psycopg.Connection._exec_command = command_and_listen  # type: ignore[method-assign, assignment]
    execute = psycopg.Cursor.execute

    def listen_and_execute(cursor: Any, statement: Any, *args: Any, **options: Any) -> Any:
        _before_statement(str(statement))
        return execute(cursor, statement, *args, **options)

    psycopg.Cursor.execute = listen_and_execute  # type: ignore[method-assign, assignment]
    send = httpx2.AsyncClient.send

    async def send_and_note(*args: Any, **options: Any) -> Any:
        if (doing := _doing.get()) is not None:
            doing.asked = True
        return await send(*args, **options)

    httpx2.AsyncClient.send = send_and_note  # type: ignore[method-assign]


def _before_statement(statement: str) -> None:
    doing = _doing.get()
    if doing is None:
        return
    doing.statements += 1
    if found := _EFFECT.match(statement):
        doing.wrote.add(found[1].lower())
    where = {"type": doing.type, "number": doing.number, "when": "statement"}
    if _plan.at("activity", **where, statement=doing.statements):
        _plan.die()


class _Point(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    def intercept_activity(
        self, next: temporalio.worker.ActivityInboundInterceptor
    ) -> temporalio.worker.ActivityInboundInterceptor:
        return _ActivityPoint(next)

    def workflow_interceptor_class(
        self, input: temporalio.worker.WorkflowInterceptorClassInput
    ) -> type[temporalio.worker.WorkflowInboundInterceptor]:
        return _WorkflowPoint


class _ActivityPoint(temporalio.worker.ActivityInboundInterceptor):
    async def execute_activity(self, input: temporalio.worker.ExecuteActivityInput) -> Any:
        kind = activity.info().activity_type
        _plan.seen[kind] += 1
        number = _plan.seen[kind]
        if _plan.at("fan_out") and kind.startswith(TOOL):
            return await self._in_fan_out(input)
        if _plan.at("activity", type=kind, number=number, when="before"):
            await _plan.end_or_wait()
        doing = Doing(kind, number)
        token = _doing.set(doing)
        try:
            result = await super().execute_activity(input)
        finally:
            _doing.reset(token)
            _plan.note(activity=kind, **{**vars(doing), "wrote": sorted(doing.wrote)})
        if _plan.at("activity", type=kind, number=number, when="after"):
            await _plan.end_or_wait()
        return result

    async def _in_fan_out(self, input: temporalio.worker.ExecuteActivityInput) -> Any:
        """Let some tools end and hold back the others; or let all end, and report none."""
        size, recorded = _plan.point["size"], _plan.point["recorded"]
        _plan.held += 1
        if _plan.held <= _plan.point["skip"]:
            return await super().execute_activity(input)
        place = _plan.held - _plan.point["skip"]
        if recorded < 0:
            result = await super().execute_activity(input)
            _plan.done += 1
            if _plan.done == size:
                _plan.die()
            await _plan.wait()
            return result
        if place <= recorded:
            return await super().execute_activity(input)
        if place == size:
            _plan.tell()
        await _plan.wait()
        return await super().execute_activity(input)


class _WorkflowPoint(temporalio.worker.WorkflowInboundInterceptor):
    def init(self, outbound: temporalio.worker.WorkflowOutboundInterceptor) -> None:
        super().init(_OutboundPoint(outbound))

    async def execute_workflow(self, input: temporalio.worker.ExecuteWorkflowInput) -> Any:
        continued = workflow.info().continued_run_id is not None
        if continued and not workflow.unsafe.is_replaying():
            _reach("new_run")
        return await super().execute_workflow(input)

    async def handle_signal(self, input: temporalio.worker.HandleSignalInput) -> None:
        await super().handle_signal(input)
        if not workflow.unsafe.is_replaying():
            _reach("signal")

    async def handle_update_handler(self, input: temporalio.worker.HandleUpdateInput) -> Any:
        result = await super().handle_update_handler(input)
        if not workflow.unsafe.is_replaying():
            _reach("update")
        return result


class _OutboundPoint(temporalio.worker.WorkflowOutboundInterceptor):
    def continue_as_new(self, input: temporalio.worker.ContinueAsNewInput) -> NoReturn:
        _reach("continue_as_new")
        super().continue_as_new(input)

    def start_activity(
        self, input: temporalio.worker.StartActivityInput
    ) -> workflow.ActivityHandle[Any]:
        if workflow.unsafe.is_replaying():
            _reach("replay")
        return super().start_activity(input)


def _reach(when: str) -> None:
    _plan.seen[when] += 1
    _plan.note(workflow=when, number=_plan.seen[when])
    if _plan.at("workflow", when=when, number=_plan.seen[when]):
        _plan.end_or_block()
