"""The call log, from which lessons count the calls of Claude."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from offline_claude.request import Sent, text_of

MOST_CALLS = 10_000
"""How many calls are kept in memory; older ones are dropped."""

MOST_FILE_BYTES = 16 * 1024 * 1024
"""How large the file grows; then it starts again, and the last one is kept beside it as ".1"."""


@dataclass(frozen=True)
class Call:
    """One call of `POST /v1/messages`.

    Attributes:
        seq: Counts up from 1 over the life of the server.
        started_at: When it arrived, in seconds since 1970.
        finished_at: When it was over; None while it is being answered.
        state: "answering", "answered", "failed" or "disconnected".
        status: HTTP status; None until there is one.
        turn: Which model call for the question this is: 1 for the first.
        messages: How many messages it carried.
        model: The model asked for.
        stop_reason: Why the reply ended.
        tools: The tools that the reply asks for.
        question: The first 80 characters of the question being worked on.
        system: The first 80 characters of the system prompt.
        offered: The names of the tools on offer.
        input_bytes: Size of the request body.
        request_id: The id that the response's header and errors show.
        stream: Whether the reply was asked for as events.
        error: The error's type; "connection_cut" when a fault broke the reply off.
        input_tokens: What the reply's usage says it read.
        output_tokens: What the reply's usage says it wrote.
        output_bytes: Size of the response body.
    """

    seq: int
    started_at: float
    finished_at: float | None = None
    state: str = "answering"
    status: int | None = None
    turn: int = 1
    messages: int = 0
    model: str | None = None
    stop_reason: str | None = None
    tools: tuple[str, ...] = ()
    question: str = ""
    system: str = ""
    offered: tuple[str, ...] = ()
    input_bytes: int = 0
    request_id: str = ""
    stream: bool = False
    error: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    output_bytes: int = 0

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Call:
        """Read an entry of `GET /_offline/calls`."""
        lists = {name: tuple(fields.get(name, ())) for name in ("tools", "offered")}
        return cls(**{**fields, **lists})


def describe(body: object) -> dict[str, Any]:
    """Read fields of `Call` from a request body in any state: refused calls are logged too."""
    fields = body if isinstance(body, dict) else {}
    sent, model, tools = Sent(fields), fields.get("model"), fields.get("tools")
    offered = [t for t in tools[:100] if isinstance(t, dict)] if isinstance(tools, list) else []
    names = [tool.get("name") for tool in offered]
    return {
        "turn": sent.turn_number,
        "messages": len(sent.said),
        "model": model[:80] if isinstance(model, str) else None,
        "question": sent.question[:80],
        "system": text_of(fields.get("system"))[:80],
        "offered": tuple(name if isinstance(name, str) else "" for name in names),
        "stream": fields.get("stream") is True,
    }


class CallLog:
    """Calls in memory, and as JSON lines in a file if there is one.

    A call is written when it starts and again when it is over: the last line with its `seq` counts.

    Args:
        path: The file to append to; None (default) for memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._count = 0
        self._calls: deque[Call] = deque(maxlen=MOST_CALLS)

    def start(self, **fields: Any) -> Call:
        """Log that a call has arrived, with the fields of `Call` that are known."""
        self._count += 1
        call = Call(seq=self._count, started_at=time.time(), **fields)
        self._calls.append(call)
        self._write(call)
        return call

    def finish(self, call: Call, state: str, **fields: Any) -> None:
        """Log that a call is over, with the fields of `Call` that are known now."""
        done = replace(call, state=state, finished_at=time.time(), **fields)
        # Calls are in order of seq without gaps, so the place is known; it may be cleared by now.
        place = call.seq - self._calls[0].seq if self._calls else -1
        if 0 <= place < len(self._calls):
            self._calls[place] = done
        self._write(done)

    def entries(self) -> list[dict[str, Any]]:
        """List the calls as JSON objects, oldest first."""
        return [asdict(call) for call in self._calls]

    def clear(self) -> None:
        """Forget the calls in memory; the file keeps them, and numbering continues."""
        self._calls.clear()

    def _write(self, call: Call) -> None:
        if self._path is None:
            return
        # A full disk must not turn into a failed call: the log in memory still has it.
        with suppress(OSError):
            with open(self._path, "a", encoding="utf-8", opener=_for_its_owner) as file:
                file.write(json.dumps(asdict(call)) + "\n")
                full = file.tell() > MOST_FILE_BYTES
            if full:
                self._path.replace(f"{self._path}.1")


def _for_its_owner(path: str, flags: int) -> int:
    """Open a file that others can't read once it is made: it holds what customers ask."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
