"""From what the brain wants to say to the API's message, whole or as a stream of events."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentkit.classroom.offline.request import MessagesRequest, estimate_tokens

_ALPHABET = string.ascii_letters + string.digits
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class Thought:
    """What the brain wants to say.

    Attributes:
        text: The words.
        calls: The tools to ask for, each with its arguments.
    """

    text: str
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


def new_id(prefix: str) -> str:
    """Make an id like the API's: random, so that nobody relies on its value.

    Args:
        prefix: "msg", "toolu" or "req".

    Returns:
        The prefix, an underscore, and 24 characters.
    """
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(24))}"


def build_message(request: MessagesRequest, thought: Thought) -> dict[str, Any]:
    """Build the reply, cut where the request says so.

    Args:
        request: The request.
        thought: What the brain wants to say.

    Returns:
        A message in the API's shape, with stop reason and usage.
    """
    text, calls = thought.text, thought.calls
    stop_reason, stop_sequence = ("tool_use" if calls else "end_turn"), None
    found = [(at, s) for s in request.stop_sequences if (at := text.find(s)) >= 0]
    if found:
        at, stop_sequence = min(found)
        text, calls, stop_reason = text[:at], [], "stop_sequence"
    blocks: list[dict[str, Any]] = []
    left = request.max_tokens
    if text and left * _CHARACTERS_PER_TOKEN < len(text):
        text, calls = text[: left * _CHARACTERS_PER_TOKEN], []
        stop_reason, stop_sequence = "max_tokens", None
    if text.strip():
        blocks.append({"type": "text", "text": text})
        left -= estimate_tokens(text)
    for name, arguments in calls:
        left -= estimate_tokens({"name": name, "input": arguments})
        if left < 0:
            # Half a tool call can't be sent as JSON: what doesn't fit is left out.
            stop_reason = "max_tokens"
            break
        call_id = new_id("toolu")
        blocks.append({"type": "tool_use", "id": call_id, "name": name, "input": arguments})
    return {
        "id": new_id("msg"),
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": blocks,
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
        "usage": _usage(request, min(request.max_tokens, sum(map(_block_tokens, blocks)))),
    }


def _block_tokens(block: dict[str, Any]) -> int:
    if block["type"] == "text":
        return estimate_tokens(block["text"])
    return estimate_tokens({"name": block["name"], "input": block["input"]})


def _usage(request: MessagesRequest, output_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": request.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def events(message: dict[str, Any]) -> Iterator[bytes]:
    """Tell a message as server-sent events, in the API's order.

    Args:
        message: The whole message.

    Yields:
        One encoded event after the other; the last is `message_stop`.
    """
    start = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**message["usage"], "output_tokens": 1},
    }
    yield _event("message_start", message=start)
    for index, block in enumerate(message["content"]):
        text = block["type"] == "text"
        empty = {**block, "text": ""} if text else {**block, "input": {}}
        yield _event("content_block_start", index=index, content_block=empty)
        if index == 0:
            yield _event("ping")
        for delta in _text_deltas(block["text"]) if text else _input_deltas(block["input"]):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    yield _event(
        "message_delta",
        delta={"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]},
        usage={"output_tokens": message["usage"]["output_tokens"]},
    )
    yield _event("message_stop")


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def _text_deltas(text: str) -> Iterator[dict[str, str]]:
    """A few words at a time, so that a reader sees them arrive."""
    size = max(1, min(24, -(-len(text) // 2)))
    for at in range(0, len(text), size):
        yield {"type": "text_delta", "text": text[at : at + size]}


def _input_deltas(arguments: dict[str, Any]) -> Iterator[dict[str, str]]:
    encoded = json.dumps(arguments)
    yield {"type": "input_json_delta", "partial_json": ""}
    for at in range(0, len(encoded), 16):
        yield {"type": "input_json_delta", "partial_json": encoded[at : at + 16]}
