"""What a cell says to the offline Claude: be slow, fail, show me the calls."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from agentkit.classroom.home import ClassroomError
from agentkit.classroom.offline.call_log import Call


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
            ClassroomError: Nothing answers at the URL.
        """
        return [Call.from_json(c) for c in self._send("GET", "/_offline/calls")["calls"]]

    def clear(self) -> None:
        """Forget the calls so far."""
        self._send("DELETE", "/_offline/calls")

    def slow(self, seconds: float, *, turn: int | None = None, times: int = 1) -> None:
        """Make the next calls slow; they are answered properly after the wait.

        Args:
            seconds: How long each takes to answer.
            turn: Only the k-th model call for a question (1 is the first); None is any.
            times: How many calls.

        Raises:
            ValueError: A value makes no sense.
        """
        self._fault(latency_seconds=seconds, turn=turn, times=times)

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        turn: int | None = None,
        type: str | None = None,
        message: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Make the next calls fail.

        Args:
            status: HTTP status, 400 to 599; 429 carries `retry-after: 1` unless told otherwise.
            times: How many calls.
            turn: Only the k-th model call for a question (1 is the first); None is any.
            type: The error's type; the API's for this status by default.
            message: The error's message; the API's for this status by default.
            headers: Further response headers, such as `{"retry-after": "3"}`.

        Raises:
            ValueError: A value makes no sense.
        """
        self._fault(
            status=status,
            times=times,
            turn=turn,
            type=type,
            message=message,
            headers=dict(headers or {}),
        )

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

    def _fault(self, **fields: Any) -> None:
        self._send("POST", "/_offline/faults", fields)

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
            raise ValueError(f"The offline Claude refused {method} {path}: {text}") from None
        except (OSError, ValueError) as err:
            raise ClassroomError(
                f"No offline Claude answers at {self.url} ({err}). Start it with: "
                "python -m agentkit up"
            ) from None
