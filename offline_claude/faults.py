"""Faults on demand: the next calls go wrong in the way that a lesson needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from offline_claude.errors import MESSAGES, TYPES, ApiError, error_type, invalid
from offline_claude.headers import rate_limits_used_up
from offline_claude.reply import Reply
from offline_claude.request import Sent

ReplyKind = Literal[
    "malformed_input",
    "unknown_tool",
    "refusal",
    "pause_turn",
    "max_tokens",
    "model_context_window_exceeded",
    "empty",
]
"""The ways in which a reply itself can be odd; see `odd_replies`."""

_NEED_A_TOOL_CALL = ("malformed_input", "unknown_tool")
_ACTIONS = {"latency_seconds", "status", "cut_after", "error_after", "reply", "headers"}

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Events = Annotated[int, Field(ge=0, le=1_000_000)]


class Fault(BaseModel):
    """What happens to the next calls that match.

    Attributes:
        times: How many calls it hits.
        turn: Only the k-th model call for a question; None is any.
        matching: Only questions that contain this text, whatever the case; None is any.
        model: Only calls for this model; None is any.
        latency_seconds: How long to wait before anything is answered.
        status: HTTP status to fail with.
        type: Error type; the status's own by default, for `error_after` "overloaded_error".
        message: Error message; the status's or the type's own by default.
        headers: Further response headers.
        cut_after: The connection ends after so many events of a stream. A reply that isn't
            streamed ends after its headers (0) or halfway.
        abruptly: Whether a cut drops the connection; a stream can also end as if it were over.
        error_after: An `error` event ends the stream after so many events. A call that isn't
            streamed fails with that error's own status.
        reply: How the reply itself is odd.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    times: Count = 1
    turn: Count | None = None
    matching: str | None = None
    model: str | None = None
    latency_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    type: str | None = None
    message: str | None = None
    headers: dict[str, str] = {}
    cut_after: Events | None = None
    abruptly: bool = True
    error_after: Events | None = None
    reply: ReplyKind | None = None

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, str]) -> dict[str, str]:
        lower = {name.lower(): text for name, text in headers.items()}
        for name, text in lower.items():
            plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
            if not plain or not text.isascii() or not text.isprintable():
                raise ValueError(f"{name!r} can't be sent as a header")
            if name in ("content-length", "transfer-encoding", "connection", "content-type"):
                raise ValueError(f"{name} belongs to the server")
        return lower

    @classmethod
    def from_json(cls, body: object) -> Fault:
        """Read a fault from the JSON of `POST /_offline/faults`, in which null is no value.

        Raises:
            ApiError: 400; the message says what makes no sense.
        """
        if not isinstance(body, dict):
            raise invalid("A fault is a JSON object.")
        fields = {name: value for name, value in body.items() if value is not None}
        try:
            fault = cls.model_validate(fields)
        except ValidationError as err:
            first = err.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise invalid(f"{where}: {first['msg']}") from None
        if not _ACTIONS & fields.keys():
            raise invalid(f"A fault does something, at least one of: {', '.join(sorted(_ACTIONS))}")
        ends = sorted({"status", "cut_after", "error_after"} & fields.keys())
        if fault.status and fault.reply:
            ends.append("reply")
        if len(ends) > 1:
            raise invalid(f"{' and '.join(ends)}: a call ends in one way only")
        if (fault.type or fault.message) and fault.status is None and fault.error_after is None:
            raise invalid("type, message: they need a status or error_after")
        return fault

    def hits(self, sent: Sent, reply: Reply) -> bool:
        """Decide whether a call, with the reply that it would get, matches all conditions."""
        return (
            self.turn in (None, sent.turn_number)
            and (self.matching or "").lower() in sent.question.lower()
            and self.model in (None, sent.model.id)
            and (reply.message["stop_reason"] == "tool_use" or self.reply not in _NEED_A_TOOL_CALL)
        )

    def raise_error(self, *, stream: bool) -> None:
        """Raise the `ApiError` that a call fails with, if it fails before anything is sent."""
        if self.status is not None:
            raise self._error(self.status, self.type or error_type(self.status))
        if self.error_after is not None and not stream:
            raise self.error_in_stream()

    def error_in_stream(self) -> ApiError:
        """Build the error that ends a stream, with its type's own status."""
        kind = self.type or "overloaded_error"
        status = next((status for status, name in TYPES.items() if name == kind), 500)
        return self._error(status, kind)

    def _error(self, status: int, kind: str) -> ApiError:
        message = self.message or MESSAGES.get(status, kind)
        limits = rate_limits_used_up(self.headers) if status == 429 else {}
        return ApiError(status, message, type=kind, headers={**limits, **self.headers})


class Faults:
    """The faults that are waiting, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in the queue."""
        self._waiting.append((fault, fault.times))

    def take(self, sent: Sent, reply: Reply) -> Fault | None:
        """Use up one hit of the oldest fault that a call matches, if there is one."""
        for place, (fault, left) in enumerate(self._waiting):
            if fault.hits(sent, reply):
                self._waiting[place : place + 1] = [(fault, left - 1)] if left > 1 else []
                return fault
        return None

    def clear(self) -> None:
        """Forget all faults."""
        self._waiting.clear()
