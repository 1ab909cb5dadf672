"""The control of an offline Claude from a cell or a test: be slow, fail, show the calls."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypedDict, Unpack

import httpx2

from offline_claude.call_log import Call
from offline_claude.errors import OfflineClaudeError

CONTROL_VARIABLE = "OFFLINE_CLAUDE_TOKEN"
"""The variable with the control token: the server's, if it is set where that starts, and the
client's. It is no argument of a command, which other users of the machine could read."""


class On(TypedDict, total=False):
    """The calls that a fault hits: by default the next one, whatever it is.

    Attributes:
        times: How many calls; 1 by default.
        turn: Only the k-th model call for a question; 1 is the first.
        matching: Only questions that contain this text, in upper or lower case.
        model: Only calls for this model.
    """

    times: int
    turn: int | None
    matching: str | None
    model: str | None


class OfflineClaude:
    """A running offline Claude.

    The methods that ask for a fault raise `ValueError` when a value makes no sense, and
    `OfflineClaudeError` when nothing answers at the URL.

    Args:
        url: Where it listens, such as `http://127.0.0.1:8400`.
        token: Its control token, which it prints; by default that of `OFFLINE_CLAUDE_TOKEN`.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx2.Client(
            headers={
                "x-offline-token": token or os.environ.get(CONTROL_VARIABLE, ""),
                "content-type": "application/json",
            },
            trust_env=False,  # the server is on this machine: a proxy could only be in the way
            verify=False,  # plain HTTP: loading certificates would cost 20 ms for nothing
            limits=httpx2.Limits(max_keepalive_connections=0),
            timeout=10,
        )

    def __repr__(self) -> str:
        return f"OfflineClaude({self.url!r})"

    def calls(self) -> list[Call]:
        """List the calls of Claude so far.

        Returns:
            The calls since the last `clear`, oldest first.

        Raises:
            OfflineClaudeError: Nothing answers at the URL.
        """
        return [Call.from_json(c) for c in self._send("GET", "/_offline/calls")["calls"]]

    def answering(self) -> int:
        """Count the calls that have arrived and aren't answered yet."""
        return sum(call.state == "answering" for call in self.calls())

    def clear(self) -> None:
        """Forget the calls so far."""
        self._send("DELETE", "/_offline/calls")

    def reset(self) -> None:
        """Forget all faults and all calls, so that a cell can be run again."""
        self._send("DELETE", "/_offline/faults")
        self.clear()

    def slow(self, seconds: float, **on: Unpack[On]) -> None:
        """Make the next calls slow; they are answered properly after the wait.

        Args:
            seconds: How long each takes to answer.
            **on: Which calls: `times`, `turn`, `matching`, `model`, as `On` explains.
        """
        self._add_fault(on, latency_seconds=seconds)

    def fail(
        self,
        status: int,
        *,
        type: str | None = None,
        message: str | None = None,
        headers: Mapping[str, str] | None = None,
        **on: Unpack[On],
    ) -> None:
        """Make the next calls fail.

        Args:
            status: HTTP status, 400 to 599; 429 carries `retry-after: 1` by default.
            type: The error's type; the API's for this status by default.
            message: The error's message; the API's for this status by default.
            headers: Further response headers, such as `{"retry-after": "3"}`.
            **on: Which calls: `times`, `turn`, `matching`, `model`, as `On` explains.
        """
        headers = dict(headers or {})
        self._add_fault(on, status=status, type=type, message=message, headers=headers)

    def cut(self, after: int = 0, *, abruptly: bool = True, **on: Unpack[On]) -> None:
        """Break off the next replies.

        Args:
            after: Events of a stream that still arrive; 0 by default. A reply that isn't streamed
                ends after its headers when this is 0, else halfway.
            abruptly: Whether the connection drops, which clients report as an error; True by
                default. Otherwise a stream ends as if it were over, which many clients miss.
            **on: Which calls: `times`, `turn`, `matching`, `model`, as `On` explains.
        """
        self._add_fault(on, cut_after=after, abruptly=abruptly)

    def error_in_stream(
        self,
        after: int = 0,
        *,
        type: str = "overloaded_error",
        message: str | None = None,
        **on: Unpack[On],
    ) -> None:
        """End the next streams with an `error` event, after a status of 200.

        Args:
            after: Events that come before it; 0 by default.
            type: The error's type. A call that isn't streamed fails with its status.
            message: The error's message; the API's for this type by default.
            **on: Which calls: `times`, `turn`, `matching`, `model`, as `On` explains.
        """
        self._add_fault(on, error_after=after, type=type, message=message)

    def reply(self, kind: str, **on: Unpack[On]) -> None:
        """Make the next replies odd, as a model's now and then are.

        Args:
            kind: "malformed_input" (a tool call whose arguments break the tool's own schema),
                "unknown_tool" (a call of a tool that wasn't offered), "refusal", "pause_turn",
                "max_tokens", "model_context_window_exceeded", or "empty" (no content at all).
                The first two wait for a reply that asks for a tool.
            **on: Which calls: `times`, `turn`, `matching`, `model`, as `On` explains.
        """
        self._add_fault(on, reply=kind)

    def wait_for(self, predicate: Callable[[Call], bool], timeout: float) -> Call:
        """Wait for a logged call.

        Args:
            predicate: Decides which, such as `lambda call: call.turn == 2`.
            timeout: Deadline in seconds.

        Returns:
            The first call that satisfies it.

        Raises:
            TimeoutError: None did in time; the message shows the calls that were logged.
        """
        deadline = time.monotonic() + timeout
        while True:
            calls = self.calls()
            if found := [call for call in calls if predicate(call)]:
                return found[0]
            if time.monotonic() >= deadline:
                logged = "\n".join(f"  {call}" for call in calls[-20:]) or "  no calls at all"
                raise TimeoutError(f"No such call within {timeout:g} s. Logged:\n{logged}")
            time.sleep(0.02)

    def _add_fault(self, on: On, **fault: Any) -> None:
        self._send("POST", "/_offline/faults", {**on, **fault})

    def _send(self, method: str, path: str, body: object = None) -> Any:
        content = None if body is None else json.dumps(body)
        try:
            response = self._http.request(method, self.url + path, content=content)
            answer = response.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as err:
            raise OfflineClaudeError(
                f"No offline Claude answers at {self.url} ({err}). Start it with: "
                "python -m offline_claude"
            ) from None
        if response.is_error:
            message = answer
            with suppress(LookupError, TypeError):
                message = answer["error"]["message"]
            raise ValueError(f"The offline Claude refused {method} {path}: {message}")
        return answer
