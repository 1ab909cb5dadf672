"""How a long conversation grows: history, disk and the agent's own time, turn by turn."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import TerminatedError

from agentkit import AgentPlugin
from agentkit.budget import cost
from agentkit.messages import Usage
from agentkit.stores import SQLiteStore
from agentkit.transcript import LongConversation, Window, read_all, recorded_heads
from classroom.machine import dev_server, processes
from classroom.machine.home import home
from classroom.shop.archive import LETTER_CHARACTERS
from offline_claude import OfflineClaude
from offline_claude.call_log import Call
from tests.bench.agents import Referring, Resending, question
from tests.bench.naive.workflow import NaiveLoop
from tests.bench.tasks import MODEL
from tests.bench.workplace import offline_claude, scratch_server

Kind: TypeAlias = Literal["naive", "inline", "window", "external", "transcript"]

CLAUDE_CALLS = ("create", "call_claude", "take_turn", "condense")

ROOT = Path(__file__).resolve().parents[2]

_AROUND_A_LETTER = 1_000
"""Bytes of the question, the call, the answer and the JSON around them."""


@dataclass(frozen=True)
class LongRun:
    """One run, measured.

    Attributes:
        kind: How it carried its messages.
        history: Bytes of history, in all, after each turn.
        outcome: "completed", or in the server's words why not.
        runs: How many histories it took.
        longest: Bytes of the longest of them.
        said: Bytes of the conversation itself, as JSON.
        kept: Bytes on disk outside the server: the store's file.
        server: Bytes by which the server's database has grown.
        own_seconds: The time from each reply of Claude to the next call.
        usages: What Claude counted in each call, summaries included.
        summaries: How many of the calls wrote a summary.
        largest: Bytes of the largest request.
    """

    kind: Kind
    history: list[int]
    outcome: str
    runs: int
    longest: int
    said: int
    kept: int
    server: int
    own_seconds: list[float] = field(repr=False)
    usages: list[Usage] = field(repr=False)
    summaries: int
    largest: int

    @property
    def turns(self) -> int:
        """How many turns it took, summaries included."""
        return len(self.history)

    @property
    def usd(self) -> float:
        """What its calls cost, at the price of `MODEL`."""
        return sum(cost(each, MODEL) or 0 for each in self.usages)

    def tokens(self, part: slice) -> float:
        """The mean of the tokens read and written in a call.

        Args:
            part: Of which calls.
        """
        return statistics.mean(u.tokens_read + u.output_tokens for u in self.usages[part])

    def per_turn(self, last: int = 10) -> int:
        """Tell by how many bytes a turn makes history longer.

        Args:
            last: Over how many turns at the end.
        """
        last = min(last, self.turns - 1)
        return (self.history[-1] - self.history[-1 - last]) // last

    def own(self, part: slice) -> float:
        """The median of the agent's own time, in milliseconds.

        Args:
            part: Of which turns.
        """
        return 1000 * statistics.median(self.own_seconds[part])


@dataclass
class _Read:
    """What a run's histories hold."""

    after_turns: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    usages: list[Usage] = field(default_factory=list)
    summaries: int = 0


def _usage(counted: dict[str, Any]) -> Usage:
    return Usage(**{each.name: counted.get(each.name) or 0 for each in fields(Usage)})


@dataclass(frozen=True)
class Bench:
    """A server of its own with an empty database, and one worker process.

    Attributes:
        client: Connected to that server.
        claude: The offline Claude.
        folder: Where databases are.
    """

    client: Client
    claude: OfflineClaude
    folder: Path

    async def run(self, kind: Kind, letters: int, tokens: int = 20_000) -> LongRun:
        """Let an agent read letters of 20 KB, with two turns for each, and measure it.

        Args:
            kind: How it carries its messages.
            letters: How many.
            tokens: The window of "window" and "transcript".
        """
        self.claude.reset()
        before = self._bytes("temporal.db")
        queue = "inline" if kind == "window" else kind
        options: Any = {"id": f"{kind}-{time.time_ns()}", "task_queue": queue}
        run: WorkflowHandle[Any, Any]
        if kind == "transcript":
            talk = LongConversation(window=Window(tokens))
            run = await self.client.start_workflow(
                Referring.run, args=[talk, 1, letters], **options
            )
        elif kind == "naive":
            questions = [question(number) for number in range(1, letters + 1)]
            run = await self.client.start_workflow(NaiveLoop.run, questions, **options)
        else:
            most = tokens if kind == "window" else None
            run = await self.client.start_workflow(Resending.run, args=[letters, most], **options)
        outcome = "completed"
        calls: dict[int, Call] = {}
        following = asyncio.ensure_future(self._follow(calls))
        try:
            await run.result()
        except WorkflowFailureError as err:
            if not isinstance(err.cause, TerminatedError):
                raise
            outcome = f"terminated: {err.cause.message}"
        finally:
            following.cancel()
        await self._note(calls)
        read = await self._read(run)
        return LongRun(
            kind=kind,
            history=read.after_turns,
            outcome=outcome,
            runs=len(read.lengths),
            longest=max(read.lengths),
            said=await self._said(kind, run, len(read.after_turns)),
            kept=self._bytes(f"{kind}.db"),
            server=self._bytes("temporal.db") - before,
            own_seconds=[
                after.started_at - call.finished_at
                for call, after in pairwise(calls[seq] for seq in sorted(calls))
                if call.finished_at is not None and after.seq == call.seq + 1
            ],
            usages=read.usages,
            summaries=read.summaries,
            largest=max(call.input_bytes for call in calls.values()),
        )

    async def _follow(self, calls: dict[int, Call]) -> None:
        """Note a run's calls while it goes on: the log keeps the newest 10,000 only."""
        while True:
            await self._note(calls)
            await asyncio.sleep(60)

    async def _note(self, calls: dict[int, Call]) -> None:
        found = await asyncio.to_thread(self.claude.calls)
        calls.update({call.seq: call for call in found if call.finished_at is not None})

    async def _read(self, run: WorkflowHandle[Any, Any]) -> _Read:
        """Read a run's histories: bytes in all after each turn, the length of each, the bill."""
        read = _Read()
        run_id = run.first_execution_run_id
        while run_id:
            handle = self.client.get_workflow_handle(run.id, run_id=run_id)
            before, run_id, size = sum(read.lengths), None, 0
            turns: dict[int, str] = {}
            async for event in handle.fetch_history_events():
                size += event.ByteSize()
                kind = event.event_type
                if kind == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                    scheduled = event.activity_task_scheduled_event_attributes
                    if scheduled.activity_type.name in CLAUDE_CALLS:
                        turns[event.event_id] = scheduled.activity_type.name
                elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                    completed = event.activity_task_completed_event_attributes
                    name = turns.get(completed.scheduled_event_id)
                    reply = (
                        json.loads(completed.result.payloads[0].data or "null") if name else None
                    )
                    if reply is not None:  # None: a summary is due before the turn
                        read.after_turns.append(before + size)
                        read.usages.append(_usage(reply["usage"]))
                        read.summaries += name == "condense"
                elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
                    ended = event.workflow_execution_continued_as_new_event_attributes
                    run_id = ended.new_execution_run_id
            read.lengths.append(size)
        return read

    async def _said(self, kind: Kind, run: WorkflowHandle[Any, Any], turns: int) -> int:
        """Tell how long the conversation is: by the transcript, or else by the letters in it."""
        if kind != "transcript" or run.first_execution_run_id is None:
            return turns // 2 * (LETTER_CHARACTERS + _AROUND_A_LETTER)
        heads = await recorded_heads(self.client, run.id, run.first_execution_run_id)
        said = read_all(SQLiteStore(self.folder / "transcript.db"), heads[-1])
        return sum(len(json.dumps(each).encode()) for each in said)

    def _bytes(self, name: str) -> int:
        return sum(file.stat().st_size for file in self.folder.glob(f"{name}*"))


@asynccontextmanager
async def bench(history_limit: int | None = None, *, naive: bool = False) -> AsyncIterator[Bench]:
    """Start a Temporal server with an empty database, and a worker process that uses it.

    Args:
        history_limit: Bytes of history at which this server terminates a run; by default its
            own limit of 50 MB.
        naive: Whether to start a worker for the kind "naive" as well.

    Yields:
        The bench. Everything is stopped and removed at the end.

    Raises:
        ClassroomError: Something is in the way; the message says what to do.
    """
    claude = await offline_claude()
    folder = home() / "bench"
    settings = list(dev_server.PROMPT_TIMERS)
    if history_limit:
        settings += ["--dynamic-config-value", f"limit.historySize.error={history_limit}"]
    async with scratch_server("temporal-bench", folder, settings) as address:
        client = await Client.connect(address, plugins=[AgentPlugin()])
        commands = {"worker-bench": ["tests.bench.worker", str(folder)]}
        if naive:
            commands["worker-naive-bench"] = ["tests.bench.naive.worker"]
        workers = [
            processes.start(
                name,
                [sys.executable, "-m", *command],
                cwd=ROOT,  # lesson 08 measures too, from its own folder
                env={"TEMPORAL_ADDRESS": address},
            )
            for name, command in commands.items()
        ]
        try:
            yield Bench(client, claude, folder)
        finally:
            for worker in workers:
                worker.kill()
