"""Reading a request's body: no more of it than the API takes, and not forever."""

from __future__ import annotations

import asyncio
import re
import zlib
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request

from offline_claude.errors import ApiError, invalid

MOST_BYTES = 32 * 1024 * 1024
"""The largest request that the API takes, compressed or decompressed."""

MOST_SECONDS = 60.0
"""How long a body may take to arrive."""

IN_THREAD_BYTES = 256 * 1024
"""Larger bodies are read in a thread: other calls shouldn't wait for them."""

_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""zlib's window bits for each content encoding."""

_FIRST_PIECE = 256
"""A decompressor copies what it is given beyond its member's end, so that giving each all the rest
would cost the square. The pieces of a member double."""

_CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "utf-8", "iso-8859-1": "latin-1"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Body:
    """A request's body.

    Attributes:
        size: Bytes that arrived or were announced.
        value: The parsed JSON; None when there is an error.
        error: Why the body can't be used.
    """

    size: int
    value: Any = None
    error: ApiError | None = None

    def parsed(self) -> Any:
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


async def read_body(request: Request) -> Body:
    """Read and parse a request's body.

    Args:
        request: The request.

    Returns:
        The body; anything wrong with it comes as its error.

    Raises:
        ClientDisconnect: The client went away before the end.
    """
    announced = request.headers.get("content-length", "")
    if "expect" in request.headers and announced.isdecimal() and int(announced) > MOST_BYTES:
        # The client waits for "100 Continue" and hasn't sent anything yet.
        return Body(int(announced), error=_too_large(headers={"connection": "close"}))
    raw, size = bytearray(), 0
    try:
        async with asyncio.timeout(MOST_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                # The rest of a body that is too large is read too, and dropped: a client that is
                # still sending when the connection closes would never see the refusal.
                raw += chunk if size <= MOST_BYTES else b""
    except TimeoutError:
        error = ApiError(
            400,
            "The request body did not finish arriving in time.",
            details={"error_code": "request_body_timeout"},
            headers={"connection": "close"},
        )
        return Body(size, error=error)
    if size > MOST_BYTES:
        return Body(size, error=_too_large())
    try:
        if "content-encoding" in request.headers or size > IN_THREAD_BYTES:
            return Body(size, await asyncio.to_thread(_parse, bytes(raw), request))
        return Body(size, _parse(bytes(raw), request))
    except ApiError as err:
        return Body(size, error=err)


def _too_large(**options: Any) -> ApiError:
    return ApiError(413, "Request exceeds the maximum size", **options)


def _parse(raw: bytes, request: Request) -> Any:
    raw = _decompressed(raw, request.headers.get("content-encoding", ""))
    text = _decoded(raw, request.headers.get("content-type", ""))
    try:
        # The API parses with orjson too: its errors are the API's own words.
        return orjson.loads(text)
    except orjson.JSONDecodeError as err:
        raise invalid(f"The request body is not valid JSON: {err}") from None


def _decompressed(raw: bytes, encodings: str) -> bytes:
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
        inflated = _inflate(raw, _WINDOW[names[0]])
    except zlib.error:
        try:
            # Many clients send "deflate" without the zlib header.
            inflated = _inflate(raw, -15) if names == ["deflate"] else None
        except zlib.error:
            inflated = None
    if inflated is None:
        raise ApiError(
            400,
            f"The request body is not valid {names[0]}",
            details={"error_code": "request_body_encoding_invalid"},
        )
    if len(inflated) > MOST_BYTES:
        raise _too_large(details={"error_code": "request_body_too_large_after_decoding"})
    return inflated


def _inflate(raw: bytes, window: int) -> bytes | None:
    """Decompress up to a byte more than is allowed; None when the end is missing."""
    inflated, at, size = bytearray(), 0, _FIRST_PIECE
    stream = zlib.decompressobj(window)
    while at < len(raw) and len(inflated) <= MOST_BYTES:
        if stream.eof:  # a gzip file can have several members
            stream, size = zlib.decompressobj(window), _FIRST_PIECE
        piece = raw[at : at + size]
        inflated += stream.decompress(piece, MOST_BYTES + 1 - len(inflated))
        at, size = at + len(piece) - len(stream.unused_data), 2 * size
    return bytes(inflated) if stream.eof or len(inflated) > MOST_BYTES or not raw else None


def _decoded(raw: bytes, content_type: str) -> bytes | str:
    found = re.search(r";\s*charset\s*=\s*\"?([^\s\";]+)", content_type, re.IGNORECASE)
    charset = found[1].lower() if found else "utf-8"
    if charset not in _CHARSETS:
        raise ApiError(
            400,
            f"Content-Type: charset {charset} is not supported; send UTF-8",
            details={"error_code": "unsupported_charset"},
        )
    raw = raw.removeprefix(_BYTE_ORDER_MARK)
    return raw if _CHARSETS[charset] == "utf-8" else raw.decode(_CHARSETS[charset])
