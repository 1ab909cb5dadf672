"""A server on loopback that answers with the very bytes it was given: what the API never says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest


def error(
    status: int, type: str, message: str = "Words.", code: str | None = None, **headers: str
) -> bytes:
    """An error in the API's shape; header names with underscores."""
    details = {"error_code": code} if code else None
    body = {"type": "error", "error": {"type": type, "message": message, "details": details}}
    return http(status, json.dumps(body), "application/json", **headers)


def stream(*events: dict[str, Any]) -> bytes:
    """A stream of events, which ends after the last."""
    text = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    return http(200, text, "text/event-stream")


def http(status: int, body: str, content_type: str, **headers: str) -> bytes:
    """A whole answer."""
    lines = {"content-type": content_type, "connection": "close", **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    content = body.encode()
    return (
        f"HTTP/1.1 {status} Words\r\n{head}content-length: {len(content)}\r\n\r\n".encode()
        + content
    )


def tool_use(
    *partial_json: str, stop_reason: str | None = "tool_use", name: str = "refund"
) -> bytes:
    """A reply that asks for a tool, whose input comes in these pieces."""
    usage = {"input_tokens": 3, "output_tokens": 1}
    kind = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5"}
    message: dict[str, Any] = {**kind, "content": [], "stop_reason": None, "usage": usage}
    block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": {}}
    pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in partial_json]
    deltas = [{"type": "content_block_delta", "index": 0, "delta": piece} for piece in pieces]
    ending = {"stop_reason": stop_reason, "stop_sequence": None}
    return stream(
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    )


def message(*content: Any, stop_reason: Any = "end_turn", **fields: Any) -> bytes:
    """A reply with these blocks, each whole in its first event, and these fields."""
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5"}
    usage = {"input_tokens": 3, "output_tokens": 9}
    blocks: list[dict[str, Any]] = []
    for index, block in enumerate(content):
        blocks += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        ]
    return stream(
        {"type": "message_start", "message": {**start, "content": [], "usage": usage, **fields}},
        *blocks,
        {"type": "message_delta", "delta": {"stop_reason": stop_reason}},
        {"type": "message_stop"},
    )


@asynccontextmanager
async def answering(monkeypatch: pytest.MonkeyPatch, *answers: bytes) -> AsyncIterator[list[bytes]]:
    """Be Claude for this test; the last answer is given again to whoever asks once more.

    Yields:
        The requests so far.
    """
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        requests.append(head + await reader.readexactly(length))
        writer.write(answers[min(len(requests), len(answers)) - 1])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=2**24)
    async with server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{port}")
        yield requests
