"""Faults on demand: the next calls are slow, or fail with the error that a lesson wants to show."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from agentkit.classroom.offline.errors import MESSAGES, ApiError, error_type, invalid


@dataclass
class Fault:
    """What happens to the next calls that match.

    Attributes:
        times: How many calls are still to be hit.
        turn: Only the k-th model call for a question; None is any.
        latency_seconds: How long to wait before anything is answered.
        status: HTTP status to fail with; None answers properly after the wait.
        type: Error type; the status's own by default.
        message: Error message; the status's own by default.
        headers: Further response headers.
    """

    times: int = 1
    turn: int | None = None
    latency_seconds: float = 0.0
    status: int | None = None
    type: str | None = None
    message: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, body: object) -> Fault:
        """Read a fault from `POST /_offline/faults`.

        Args:
            body: The parsed JSON.

        Returns:
            The fault.

        Raises:
            ApiError: 400, something about it makes no sense; the message says what.
        """
        if not isinstance(body, dict):
            raise invalid("A fault is a JSON object.")
        fields = {k: v for k, v in body.items() if v is not None}
        for name in fields:
            if name not in cls.__dataclass_fields__:
                raise invalid(f"{name}: Extra inputs are not permitted")
        fault = cls(**fields)
        for name, value, low, high in (
            ("times", fault.times, 1, 1_000_000),
            ("turn", 1 if fault.turn is None else fault.turn, 1, 1_000_000),
            ("status", 500 if fault.status is None else fault.status, 400, 599),
        ):
            if type(value) is not int or not low <= value <= high:
                raise invalid(f"{name}: Input should be a whole number from {low} to {high}")
        seconds: Any = fault.latency_seconds
        if type(seconds) not in (int, float) or not math.isfinite(seconds) or seconds < 0:
            raise invalid("latency_seconds: Input should be a number of seconds, 0 or more")
        if not isinstance(fault.type or "", str) or not isinstance(fault.message or "", str):
            raise invalid("type, message: Input should be a valid string")
        fault.headers = _headers(fault.headers)
        return fault

    def error(self) -> ApiError | None:
        """Build the error to answer with.

        Returns:
            The error, or None when the call is only slow.
        """
        if self.status is None:
            return None
        kind = self.type or error_type(self.status)
        message = self.message or MESSAGES.get(self.status, kind)
        headers = {"retry-after": "1"} if self.status == 429 else {}
        return ApiError(self.status, message, type=kind, headers={**headers, **self.headers})


def _headers(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise invalid("headers: Input should be a valid dictionary")
    headers = {str(name).lower(): str(text) for name, text in value.items()}
    for name, text in headers.items():
        if not name.replace("-", "").isalnum() or not text.isascii() or not text.isprintable():
            raise invalid(f"headers: {name!r} can't be sent as a header")
        if name in ("content-length", "transfer-encoding", "connection", "content-type"):
            raise invalid(f"headers: {name} belongs to the server")
    return headers


class Faults:
    """The faults that are waiting, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in the queue.

        Args:
            fault: What is to happen.
        """
        self._waiting.append(fault)

    def take(self, turn: int) -> Fault | None:
        """Use up one hit of the oldest fault that matches a call.

        Args:
            turn: Which model call for its question this is.

        Returns:
            The fault, or None.
        """
        for fault in self._waiting:
            if fault.turn in (None, turn):
                fault.times -= 1
                if not fault.times:
                    self._waiting.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        """Forget all faults."""
        self._waiting.clear()
