"""Temporal's limits on sizes, and the payload converter that holds values to them.

Beyond a limit the server terminates a run, or lets a task fail forever. Everything here turns
that into an `ApplicationError` that says what was too much, before it is sent.

| limit | Temporal's | here |
| --- | --- | --- |
| one payload, or all arguments of one call | 2 MiB | `MAX_PAYLOAD_BYTES`, by the converter |
| what one Workflow Task schedules | 4 MiB | `task_is_full`, by `AgentPlugin` |
| a run's history | 50 MiB, 51,200 events | `history_is_full`; an error by `AgentPlugin` |

One more limit is pydantic's: it writes 254 levels of nested data, and reads 200. So the converter
writes only what can be read back.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import pydantic
from pydantic_core import from_json, to_json
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.exceptions import ApplicationError

MAX_PAYLOAD_BYTES = 2_000_000
"""The most that one call takes or returns. The difference from Temporal's 2 MiB leaves room for
what an encrypting codec adds."""

MOST_TASK_BYTES = 1_750_000
"""Above so much, a Workflow Task schedules no further call. With the call that went beyond it, and
what a codec adds, the task stays below 4 MiB."""

FULL_HISTORY_BYTES, FULL_HISTORY_EVENTS = 40_000_000, 40_000
"""From here on an agent should end, or continue as new."""

MAX_HISTORY_BYTES, MAX_HISTORY_EVENTS = 46_000_000, 50_000
"""From here on no Activity is scheduled. One more request and its reply would still fit."""

_DEEPEST = 100


def history_is_full() -> bool:
    """Whether a run should end now, or continue as new; call it from Workflow code.

    Temporal terminates a run whose history reaches 50 MiB or 51,200 events: what it has done would
    be lost without an answer. An agent loop asks this before each turn.
    """
    return _history_exceeds(FULL_HISTORY_BYTES, FULL_HISTORY_EVENTS)


def check_history() -> None:
    """Raise a final "history_full" where one more Activity could have the run terminated."""
    if _history_exceeds(MAX_HISTORY_BYTES, MAX_HISTORY_EVENTS):
        info = workflow.info()
        raise ApplicationError(
            f"The history of this run is full: {info.get_current_history_size():,} bytes, "
            f"{info.get_current_history_length():,} events. End the run, or continue as new, when "
            "agentkit.limits.history_is_full() says so.",
            type="history_full",
            non_retryable=True,
        )


def _history_exceeds(size: int, length: int) -> bool:
    info = workflow.info()
    return info.get_current_history_size() >= size or info.get_current_history_length() >= length


def task_is_full() -> bool:
    """Whether the next call has to wait for another Workflow Task; from Workflow code."""
    return _written()[1] > MOST_TASK_BYTES


_by_workflow: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[int, int]] = WeakKeyDictionary()


def _written() -> tuple[int, int]:
    """Return a number that tells this Workflow Task from others, and the bytes written in it."""
    task = workflow.info().get_current_history_length()
    before = _by_workflow.get(asyncio.get_running_loop(), (task, 0))
    return before if before[0] == task else (task, 0)


class AgentPayloadConverter(PydanticPayloadConverter):
    """Pydantic's converter for Temporal, whose every failure is final and says what was wrong.

    Temporal fails the Workflow *Task* on any other exception, and tries it again forever.

    Raises:
        ApplicationError: Of type "invalid_payload" where a value can't be written or read back,
            with its place such as `[0].messages[2].content`, or where a payload isn't what its
            type says; of type "payload_too_large" above `MAX_PAYLOAD_BYTES`.
    """

    most_bytes: ClassVar[int | None] = MAX_PAYLOAD_BYTES

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """Write values, the arguments of one call or its result."""
        try:
            payloads = super().to_payloads(values)
            for payload in payloads:
                _check_depth(payload)
        except Exception as err:
            raise _final(f"This can't be written as JSON: {_why(values, err)}") from None
        if found := _no_number(payloads, values):
            raise _final(f"This can't be written as JSON: {found}")
        if self.most_bytes is not None:
            size = sum(payload.ByteSize() for payload in payloads)
            if size > self.most_bytes:
                raise _too_large(values, size, self.most_bytes)
            if workflow.in_workflow() and not workflow.unsafe.is_read_only():
                task, written = _written()
                _by_workflow[asyncio.get_running_loop()] = task, written + size
        return payloads

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        """Read values back, as the types that a signature or a caller names."""
        try:
            values = super().from_payloads(payloads, type_hints)
            for value, hint in zip(values, type_hints or [], strict=False):
                # Of these two, Temporal's own converters don't look at the type.
                if value is None or isinstance(value, bytes):
                    pydantic.TypeAdapter(hint).validate_python(value, strict=True)
            if found := _no_number(payloads, values):
                raise ValueError(found)
            return values
        except Exception as err:
            wanted = ", ".join(getattr(each, "__name__", str(each)) for each in type_hints or [])
            raise _final(f"This can't be read as {wanted or 'JSON'}: {_problems(err)}") from None


class UnboundedPayloadConverter(AgentPayloadConverter):
    """The same for a DataConverter with external storage, where large payloads are references."""

    most_bytes = None


_MOST_READ = 200
"""How many levels of nested JSON pydantic reads."""


def _check_depth(payload: Payload) -> None:
    """Raise ValueError for JSON that is nested too deeply to be read back."""
    data = payload.data
    # Counting takes a hundredth of the time, and has mostly settled it.
    if data.count(b"[") + data.count(b"{") > _MOST_READ and (
        payload.metadata.get("encoding") == b"json/plain"
    ):
        from_json(data)


_NO_NUMBER = re.compile(rb'(?i)(?:^|[\[:,])\s*"?[+-]?(?:nan|inf(?:inity)?)"?\s*(?:[\]},]|$)')


def _no_number(payloads: Sequence[Payload], values: Sequence[Any]) -> str | None:
    """Find NaN or an infinity, which JSON doesn't have, though Python writes and reads them."""
    pairs = zip(payloads, values, strict=False)
    found = (
        _defect(value, f"[{n}]")
        for n, (payload, value) in enumerate(pairs)
        if _NO_NUMBER.search(payload.data)
    )
    return next(filter(None, found), None)


def _final(message: str, type: str = "invalid_payload") -> ApplicationError:
    return ApplicationError(message, type=type, non_retryable=True)


def _too_large(values: Sequence[Any], size: int, most: int) -> ApplicationError:
    what = ", ".join(type(each).__name__ for each in values)
    return _final(
        f"{what} has {size:,} bytes; at most {most:,} fit into Temporal's history. Pass less, or "
        "keep it in a store and pass a reference, or connect with a DataConverter that has "
        "external storage.",
        "payload_too_large",
    )


def _why(values: Sequence[Any], err: Exception) -> str:
    places = (_defect(value, f"[{n}]") for n, value in enumerate(values))
    return next((place for place in places if place), f"{type(err).__name__}.")


def _defect(value: Any, place: str, depth: int = 0) -> str | None:
    """Find the innermost value that JSON can't hold; say where it is, and why, without quoting."""
    if isinstance(value, RawValue):
        return None
    if depth > _DEEPEST:
        return f"{place[:200]}… is nested too deeply."
    for key, each in _children(value):
        if found := _defect(each, f"{place}{key}", depth + 1):
            return found
    if isinstance(value, float) and not math.isfinite(value):
        return f"{place} is {value}, which JSON doesn't have."
    with suppress(Exception):
        to_json(value)
        return None
    what = "text with half a surrogate pair" if isinstance(value, str) else type(value).__name__
    return f"{place} holds {what}."


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return (
            (f".{ascii(key)[1:-1] if isinstance(key, str) else key}", each)
            for key, each in value.items()
        )
    if isinstance(value, list | tuple | set | frozenset):
        return ((f"[{n}]", each) for n, each in enumerate(value))
    if isinstance(value, pydantic.BaseModel):
        return ((f".{key}", each) for key, each in value)
    if is_dataclass(value) and not isinstance(value, type):
        return ((f".{each.name}", getattr(value, each.name)) for each in fields(value))
    return iter(())


def _problems(err: Exception) -> str:
    """Say what didn't fit, without the values: they may be secrets."""
    if not isinstance(err, pydantic.ValidationError):
        return f"{type(err).__name__}: {err}"[:200]
    found = err.errors(include_url=False, include_input=False, include_context=False)
    said = (f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in found[:3])
    return "; ".join(said)[:500] + ("; …" if len(found) > 3 else "")
