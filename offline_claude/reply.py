"""From what the brain wants to say to the API's message, cut where the request says so."""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass, field
from typing import Any

from offline_claude.citations import cite
from offline_claude.request import (
    CHARACTERS_PER_TOKEN,
    Citable,
    MessagesRequest,
    estimate_tokens,
)
from offline_claude.signature import sign

_ALPHABET = string.ascii_letters + string.digits

Block = dict[str, Any]


@dataclass(frozen=True)
class Thought:
    """What the brain wants to say.

    Attributes:
        text: The words.
        calls: The tools to ask for, each with its arguments.
        reasoning: What a thinking block shows, when the request asks for thinking.
    """

    text: str
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    reasoning: str = ""


@dataclass(frozen=True)
class Reply:
    """A reply that can be sent whole or as a stream; both say the same.

    Attributes:
        message: The message in the API's shape.
        unfinished: The arguments of the last block, as JSON text, as far as they were written
            when `max_tokens` stopped a tool call; None when everything is finished.
    """

    message: dict[str, Any]
    unfinished: str | None = None

    @property
    def content(self) -> list[Block]:
        """The message's content blocks."""
        blocks: list[Block] = self.message["content"]
        return blocks

    @property
    def tools(self) -> tuple[str, ...]:
        """The client tools that it asks for."""
        return tuple(b["name"] for b in self.content if b["type"] == "tool_use")

    @property
    def output_tokens(self) -> int:
        """What it cost to write."""
        tokens: int = self.message["usage"]["output_tokens"]
        return tokens


def new_id(prefix: str) -> str:
    """Make an id like the API's: random, so that nobody relies on its value.

    Args:
        prefix: "msg", "toolu", "srvtoolu" or "req".

    Returns:
        The prefix, an underscore, and 24 characters.
    """
    return f"{prefix}_01{''.join(secrets.choice(_ALPHABET) for _ in range(22))}"


def build_reply(request: MessagesRequest, thought: Thought) -> Reply:
    """Build the reply: thinking, words, tool calls, as far as they may go.

    Args:
        request: The request.
        thought: What the brain wants to say.

    Returns:
        The reply, with stop reason and usage.
    """
    text, calls = thought.text, thought.calls
    stop_reason, stop_sequence = ("tool_use" if calls else "end_turn"), None
    if found := _first_stop(text, request.stop_sequences):
        at, stop_sequence = found
        text, calls, stop_reason = text[:at], [], "stop_sequence"
    writer = _Writer(request.max_tokens)
    if request.thinking:
        writer.think(thought.reasoning, shown=request.thinking == "summarized")
    writer.say(text, request.citable)
    for name, arguments in calls:
        writer.call(name, arguments)
    if writer.full or not request.max_tokens:
        stop_reason, stop_sequence = "max_tokens", None
    message = {
        "model": request.model,
        "id": new_id("msg"),
        "type": "message",
        "role": "assistant",
        "content": writer.blocks,
        "container": None,
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
        "stop_details": None,
        "usage": _usage(request, request.max_tokens - writer.left, writer.thinking_tokens),
        "diagnostics": None,
    }
    return Reply(message, writer.unfinished)


def _usage(request: MessagesRequest, output_tokens: int, thinking_tokens: int) -> dict[str, Any]:
    """Every field that the API sends for a request like these."""
    cache = request.cache
    return {
        "input_tokens": max(1, request.input_tokens - cache.read - cache.written),
        "cache_creation_input_tokens": cache.written,
        "cache_read_input_tokens": cache.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": cache.written_5m,
            "ephemeral_1h_input_tokens": cache.written_1h,
        },
        "output_tokens": output_tokens,
        "output_tokens_details": {"thinking_tokens": thinking_tokens},
        "service_tier": "standard",
        "inference_geo": "not_available",
    }


def _first_stop(text: str, sequences: list[str]) -> tuple[int, str] | None:
    """The stop sequence that is complete first, as for a model that writes from left to right."""
    found = [(text.find(s) + len(s), s) for s in sequences if s in text]
    if not found:
        return None
    end, sequence = min(found, key=lambda match: match[0])
    return end - len(sequence), sequence


class _Writer:
    """Writes blocks until the tokens run out."""

    def __init__(self, tokens: int) -> None:
        self.left = tokens
        self.full = False
        self.blocks: list[Block] = []
        self.unfinished: str | None = None
        self.thinking_tokens = 0

    def think(self, reasoning: str, *, shown: bool) -> None:
        if not (written := self._write(reasoning)).strip():
            return
        self.thinking_tokens = estimate_tokens(written)
        text = written if shown else ""
        self.blocks.append({"type": "thinking", "thinking": text, "signature": sign(written)})

    def say(self, text: str, sources: list[Citable]) -> None:
        if (written := self._write(text)).strip():
            found = cite(written, sources)
            more = {"citations": found} if found else {}
            self.blocks.append({"type": "text", "text": written, **more})

    def call(self, name: str, arguments: dict[str, Any]) -> None:
        encoded = json.dumps(arguments, ensure_ascii=False)
        start = json.dumps({"name": name})
        written = self._write(start + encoded)
        if not written:
            return
        if self.full:
            # As the API does it: the call is there, with as much of its arguments as was written.
            self.unfinished = written[len(start) :]
            arguments = _as_far_as_written(self.unfinished)
        self.blocks.append(
            {
                "type": "tool_use",
                "id": new_id("toolu"),
                "name": name,
                "input": arguments,
                "caller": {"type": "direct"},
            }
        )

    def _write(self, text: str) -> str:
        """Take as much of a text as there are tokens for, in whole tokens."""
        if not text or self.full:
            return ""
        tokens = estimate_tokens(text)
        self.full = tokens > self.left
        if self.full:
            text = text[: self.left * CHARACTERS_PER_TOKEN]
        self.left -= min(tokens, self.left)
        return text


def _as_far_as_written(encoded: str) -> dict[str, Any]:
    # Imported late: few replies are cut. It is what the SDK reads streams with.
    from jiter import from_json

    return from_json(encoded.encode(), partial_mode=True) if encoded else {}
