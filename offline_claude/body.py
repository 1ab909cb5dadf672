"""Reading a request's body: never more of it than the API takes, and never for ever."""

from __future__ import annotations

import asyncio
import json
import math
import re
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request

from offline_claude.errors import ApiError, invalid

MOST_BYTES = 32 * 1024 * 1024
"""The largest request that the API takes, packed or unpacked."""

MOST_SPARE_BYTES = 256 * 1024 * 1024
"""How much of a body is still read, and thrown away, once its request has been refused: closing
at once could take the answer from a client that is still sending."""

IDLE_SECONDS = 60.0
"""How long a client may send nothing in the middle of a request."""

LINGER_SECONDS = 1.0
"""How long nothing may come before a request is taken to be over that has been refused anyway."""

IN_THREAD_BYTES = 256 * 1024
"""Larger bodies are read in a thread: other calls shouldn't wait for them."""

_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""What zlib calls each content encoding."""

_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "iso-8859-1": "latin-1"}
_INFINITE = "number is infinity when parsed as double"
_NO_JSON = ("NaN", "Infinity", "-Infinity")
_FAULTS = {
    "Invalid control character at": "unexpected control character in string",
    "Expecting value": "unexpected character",
    "Expecting property name enclosed in double quotes": "unexpected character",
    "Expecting ':' delimiter": "unexpected character",
    "Expecting ',' delimiter": "unexpected character",
    "Extra data": "unexpected content after document",
    "Invalid \\escape": "invalid escaped character in string",
}
_HALF_A_PAIR = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u....)\\u[dD][c-fC-F]"
)


@dataclass(frozen=True)
class Body:
    """A request's body.

    Attributes:
        size: How many bytes arrived, or were announced.
        value: The parsed JSON; None when there is an error.
        error: Why it can't be used.
    """

    size: int
    value: Any = None
    error: ApiError | None = None


async def read_body(request: Request) -> Body:
    """Read and parse a request's body.

    Args:
        request: The request.

    Returns:
        The body; what is wrong with it comes as its error.

    Raises:
        ClientDisconnect: The client went away before the end.
    """
    raw = bytearray()
    try:
        if _announced(request) > MOST_BYTES:
            raise _too_large(waits="expect" in request.headers)
        async for chunk in _chunks(request, IDLE_SECONDS):
            raw += chunk
            if len(raw) > MOST_BYTES:
                raise _too_large()
        packed = "content-encoding" in request.headers
        if packed or len(raw) > IN_THREAD_BYTES:
            value = await asyncio.to_thread(_parse, bytes(raw), request)
        else:
            value = _parse(bytes(raw), request)
    except ApiError as err:
        return Body(len(raw) or _announced(request), error=err)
    except TimeoutError:
        error = ApiError(
            400,
            "The request body did not finish arriving in time.",
            details={"error_code": "request_body_timeout"},
            headers={"connection": "close"},
        )
        return Body(len(raw), error=error)
    return Body(len(raw), value)


async def read_the_rest(request: Request) -> None:
    """Read and forget what is still coming of a body, before a request is refused.

    That is for clients that want the connection closed afterwards: closed while they are still
    sending, it would take the answer from them. On other connections the server does it later.

    Args:
        request: The request.
    """
    closes = "close" in request.headers.get("connection", "").lower()
    if "expect" in request.headers or not (closes or request.scope["http_version"] == "1.0"):
        return
    size = 0
    # It has all been read, or nothing more comes: either way there is nothing to wait for.
    with suppress(RuntimeError, TimeoutError, ClientDisconnect):
        async for chunk in _chunks(request, LINGER_SECONDS):
            size += len(chunk)
            if size > MOST_SPARE_BYTES:
                return


async def _chunks(request: Request, idle_seconds: float) -> AsyncIterator[bytes]:
    chunks = request.stream()
    try:
        while True:
            async with asyncio.timeout(idle_seconds):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            yield chunk
    finally:
        await chunks.aclose()


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _too_large(*, waits: bool = False) -> ApiError:
    # A client that waits for "100 Continue" hasn't sent anything that would have to be read first.
    headers = {"connection": "close"} if waits else {}
    return ApiError(413, "Request exceeds the maximum size", headers=headers)


def _parse(raw: bytes, request: Request) -> Any:
    raw = _unpack(raw, request.headers.get("content-encoding", ""))
    text = _decode(raw, request.headers.get("content-type", ""))
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        if "\\ud" in text or "\\uD" in text:
            # Half a surrogate pair parses, but is no text that could be sent on.
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as err:
        raise _not_json(_in_the_apis_words(err)) from None
    except UnicodeEncodeError:
        found = _HALF_A_PAIR.search(text)
        error = json.JSONDecodeError(
            "no low surrogate in string", text, found.start() if found else 0
        )
        raise _not_json(str(error)) from None
    except RecursionError:
        raise _not_json("Recursion limit reached") from None
    except ValueError as err:  # Also for a whole number with five thousand digits.
        at = text.find(str(err)) if str(err) in _NO_JSON else -1
        constant = json.JSONDecodeError("unexpected character", text, at)
        raise _not_json(_INFINITE if at < 0 else str(constant)) from None
    return value


def _unpack(raw: bytes, encodings: str) -> bytes:
    names = [name for part in encodings.split(",") if (name := part.strip().lower())]
    names = [name for name in names if name != "identity"]
    if len(names) > 1 or not {*names} <= _WINDOW.keys():
        raise ApiError(
            400,
            f"Content-Encoding: {encodings[:80]} is not supported; use gzip, deflate or none",
            details={"error_code": "request_body_encoding_unsupported"},
        )
    if not names:
        return raw
    try:
        unpacked = _inflate(raw, _WINDOW[names[0]])
    except zlib.error:
        try:
            # Many clients send "deflate" without the zlib header.
            unpacked = _inflate(raw, -15) if names == ["deflate"] else None
        except zlib.error:
            unpacked = None
    if unpacked is None:
        raise ApiError(
            400,
            f"The request body is not valid {names[0]}",
            details={"error_code": "request_body_encoding_invalid"},
        )
    if len(unpacked) > MOST_BYTES:
        raise ApiError(
            413,
            "Request exceeds the maximum size",
            details={"error_code": "request_body_too_large_after_decoding"},
        )
    return unpacked


def _inflate(raw: bytes, window: int) -> bytes | None:
    """Unpack up to a byte more than is allowed; None when the end is missing."""
    unpacked = b""
    while raw and len(unpacked) <= MOST_BYTES:
        stream = zlib.decompressobj(window)
        unpacked += stream.decompress(raw, MOST_BYTES + 1 - len(unpacked))
        if not stream.eof and len(unpacked) <= MOST_BYTES:
            return None
        # A gzip file can have several members.
        raw = stream.unused_data
    return unpacked


def _decode(raw: bytes, content_type: str) -> str:
    found = re.search(r";\s*charset\s*=\s*\"?([^\s\";]+)", content_type, re.IGNORECASE)
    charset = found[1].lower() if found else "utf-8"
    if charset not in _CHARSETS:
        raise ApiError(
            400,
            f"Content-Type: charset {charset} is not supported; send UTF-8",
            details={"error_code": "unsupported_charset"},
        )
    try:
        return raw.removeprefix(b"\xef\xbb\xbf").decode(_CHARSETS[charset])
    except UnicodeDecodeError:
        reason = "str is not valid UTF-8: surrogates not allowed: line 1 column 1 (char 0)"
        raise _not_json(reason) from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


def _in_the_apis_words(err: json.JSONDecodeError) -> str:
    """The parser that the API uses has its own words for the commonest faults."""
    if not err.doc:
        return "Input is a zero-length, empty document: line 1 column 1 (char 0)"
    text = err.doc.rstrip()
    at, reason = err.pos, _FAULTS.get(err.msg, err.msg)
    if at >= len(text) or err.msg.startswith("Unterminated"):
        at, reason = len(text), "unexpected end of data"
    return str(json.JSONDecodeError(reason, err.doc, at))


def _not_json(reason: str) -> ApiError:
    return invalid(f"The request body is not valid JSON: {reason}")
