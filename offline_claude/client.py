"""What a cell says to the offline Claude: be slow, fail, show me the calls."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from offline_claude.call_log import Call
from offline_claude.errors import OfflineClaudeError


class OfflineClaude:
    """A running offline Claude, seen from a cell or a test.

    Args:
        url: Where it listens, such as `http://127.0.0.1:8400`.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        # The server is on this machine: a proxy from the environment could only be in the way.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

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

    def clear(self) -> None:
        """Forget the calls so far."""
        self._send("DELETE", "/_offline/calls")

    def slow(
        self,
        seconds: float,
        *,
        times: int = 1,
        turn: int | None = None,
        matching: str | None = None,
        model: str | None = None,
    ) -> None:
        """Make the next calls slow; they are answered properly after the wait.

        Args:
            seconds: How long each takes to answer.
            times: How many calls.
            turn: Only the k-th model call for a question (1 is the first); None is any.
            matching: Only questions that contain this text, whatever the case; None is any.
            model: Only calls for this model; None is any.

        Raises:
            ValueError: A value makes no sense.
        """
        self._fault(times, turn, matching, model, latency_seconds=seconds)

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        turn: int | None = None,
        matching: str | None = None,
        model: str | None = None,
        type: str | None = None,
        message: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Make the next calls fail.

        Args:
            status: HTTP status, 400 to 599; 429 carries `retry-after: 1` unless told otherwise.
            times: How many calls.
            turn: Only the k-th model call for a question (1 is the first); None is any.
            matching: Only questions that contain this text, whatever the case; None is any.
            model: Only calls for this model; None is any.
            type: The error's type; the API's for this status by default.
            message: The error's message; the API's for this status by default.
            headers: Further response headers, such as `{"retry-after": "3"}`.

        Raises:
            ValueError: A value makes no sense.
        """
        self._fault(
            *(times, turn, matching, model),
            status=status,
            type=type,
            message=message,
            headers=dict(headers or {}),
        )

    def cut(
        self,
        after: int = 0,
        *,
        abruptly: bool = True,
        times: int = 1,
        turn: int | None = None,
        matching: str | None = None,
        model: str | None = None,
    ) -> None:
        """Break the next replies off: the client gets a part of what was on its way.

        Args:
            after: How many events of a stream still arrive. A reply that isn't streamed ends
                after its headers when this is 0, else halfway.
            abruptly: Whether the connection drops, which clients report as an error. Otherwise a
                stream ends as if it were over, which many clients don't notice.
            times: How many calls.
            turn: Only the k-th model call for a question (1 is the first); None is any.
            matching: Only questions that contain this text, whatever the case; None is any.
            model: Only calls for this model; None is any.

        Raises:
            ValueError: A value makes no sense.
        """
        self._fault(times, turn, matching, model, cut_after=after, abruptly=abruptly)

    def error_in_stream(
        self,
        after: int = 0,
        *,
        type: str = "overloaded_error",
        message: str | None = None,
        times: int = 1,
        turn: int | None = None,
        matching: str | None = None,
        model: str | None = None,
    ) -> None:
        """End the next streams with an `error` event: the status was 200 by then.

        Args:
            after: How many events come before it.
            type: The error's type. A call that isn't streamed fails with its status.
            message: The error's message; the API's for this type by default.
            times: How many calls.
            turn: Only the k-th model call for a question (1 is the first); None is any.
            matching: Only questions that contain this text, whatever the case; None is any.
            model: Only calls for this model; None is any.

        Raises:
            ValueError: A value makes no sense.
        """
        self._fault(*(times, turn, matching, model), error_after=after, type=type, message=message)

    def reply(
        self,
        kind: str,
        *,
        times: int = 1,
        turn: int | None = None,
        matching: str | None = None,
        model: str | None = None,
    ) -> None:
        """Make the next replies odd, as a model's now and then are.

        Args:
            kind: "malformed_input" (a tool call whose arguments break the tool's own schema),
                "unknown_tool" (a call of a tool that wasn't offered), "refusal", "pause_turn",
                "max_tokens", "model_context_window_exceeded", or "empty" (no content at all).
                The first two wait for a reply that asks for a tool.
            times: How many calls.
            turn: Only the k-th model call for a question (1 is the first); None is any.
            matching: Only questions that contain this text, whatever the case; None is any.
            model: Only calls for this model; None is any.

        Raises:
            ValueError: A value makes no sense.
        """
        self._fault(times, turn, matching, model, reply=kind)

    def reset(self) -> None:
        """Forget all faults and all calls: a cell can be run again."""
        self._send("DELETE", "/_offline/faults")
        self.clear()

    def wait_for(self, predicate: Callable[[Call], bool], timeout: float) -> Call:
        """Wait until some logged call is as you want it.

        Args:
            predicate: What to look for, such as `lambda call: call.turn == 2`.
            timeout: Deadline in seconds.

        Returns:
            The first call that satisfies it.

        Raises:
            TimeoutError: None did in time; the message shows what was logged.
        """
        deadline = time.monotonic() + timeout
        while True:
            calls = self.calls()
            for call in calls:
                if predicate(call):
                    return call
            if time.monotonic() >= deadline:
                logged = "\n".join(f"  {call}" for call in calls[-20:]) or "  no calls at all"
                raise TimeoutError(f"No such call within {timeout:g} s. Logged:\n{logged}")
            time.sleep(0.02)

    def _fault(
        self, times: int, turn: int | None, matching: str | None, model: str | None, **what: Any
    ) -> None:
        whom = {"times": times, "turn": turn, "matching": matching, "model": model}
        self._send("POST", "/_offline/faults", {**whom, **what})

    def _send(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the caller's own loopback URL
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError as err:
            with err:
                text = err.read().decode(errors="replace")
            with suppress(ValueError, LookupError, TypeError):
                text = json.loads(text)["error"]["message"]
            raise ValueError(f"The offline Claude refused {method} {path}: {text}") from None
        except (OSError, ValueError) as err:
            raise OfflineClaudeError(
                f"No offline Claude answers at {self.url} ({err}). Start it with: "
                "python -m offline_claude"
            ) from None
