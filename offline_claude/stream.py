"""A reply as server-sent events, in the API's order (docs: build-with-claude/streaming)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from offline_claude.errors import ApiError
from offline_claude.reply import Reply
from offline_claude.request import Block

_PIECE = re.compile(r"\s*\S{1,12}\s*$|\s*\S{1,12}|\s+")
"""Roughly a token: a word with the space before it; long words come in parts."""

_PIECES_PER_DELTA = 3
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def events(reply: Reply) -> Iterator[bytes]:
    """Split a reply into server-sent events, encoded; the last is `message_stop`."""
    message = reply.message
    usage = reply.usage
    later = ("output_tokens_details", "server_tool_use")
    at_first = {k: v for k, v in usage.items() if k not in later}
    start = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": at_first | {"output_tokens": min(1, usage["output_tokens"])},
    }
    yield _event("message_start", message=start)
    if not reply.content:
        yield _PING
    for index, block in enumerate(reply.content):
        last = index == len(reply.content) - 1
        yield _event("content_block_start", index=index, content_block=_empty(block))
        if index == 0:
            yield _PING
        for delta in _deltas(block, reply.unfinished if last else None):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    cumulative = {
        name: usage[name]
        for name in (
            "input_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "output_tokens",
            "output_tokens_details",
            "server_tool_use",
        )
        if name in usage
    }
    ending = ("stop_reason", "stop_sequence", "stop_details", "container")
    yield _event("message_delta", delta={k: message[k] for k in ending}, usage=cumulative)
    yield _event("message_stop")


def error_event(error: ApiError, request_id: str) -> bytes:
    """Build the event that ends a stream with an error."""
    return _event(**error.body(request_id))


def _event(type: str, **fields: Any) -> bytes:
    # Non-ASCII is escaped: some clients take U+2028 for the end of a line.
    data = json.dumps({"type": type, **fields}, separators=(",", ":"))
    return f"event: {type}\ndata: {data}\n\n".encode()


def _empty(block: Block) -> Block:
    """A block without the fields that deltas bring; results of server tools come whole."""
    empty = {"text": "", "citations": [], "thinking": "", "signature": "", "input": {}}
    return {key: empty.get(key, value) for key, value in block.items()}


def _deltas(block: Block, unfinished: str | None) -> Iterator[dict[str, Any]]:
    if block["type"] == "text":
        for text in _pieces(block["text"]):
            yield {"type": "text_delta", "text": text}
        for citation in block.get("citations", []):
            yield {"type": "citations_delta", "citation": citation}
    elif block["type"] == "thinking":
        for text in _pieces(block["thinking"]):
            yield {"type": "thinking_delta", "thinking": text}
        yield {"type": "signature_delta", "signature": block["signature"]}
    elif "input" in block:
        encoded = unfinished
        if encoded is None:
            # A call without arguments sends no JSON at all.
            encoded = json.dumps(block["input"], ensure_ascii=False) if block["input"] else ""
        yield {"type": "input_json_delta", "partial_json": ""}
        for text in _pieces(encoded):
            yield {"type": "input_json_delta", "partial_json": text}


def _pieces(text: str) -> Iterator[str]:
    """The first token alone, then a few at a time, as a model writes them."""
    found = _PIECE.findall(text)
    yield from found[:1]
    for at in range(1, len(found), _PIECES_PER_DELTA):
        yield "".join(found[at : at + _PIECES_PER_DELTA])
