"""From a thought to the API's message, cut where the request says so."""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass, field
from typing import Any

from offline_claude.citations import cite
from offline_claude.prompt_cache import UNCACHED, CacheUse
from offline_claude.request import CHARACTERS_PER_TOKEN, Block, Sent, estimate_tokens
from offline_claude.signature import sign

_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Thought:
    """What the mind wants to say.

    Attributes:
        text: The words.
        calls: The tools to ask for, each with its arguments.
        reasoning: The text of the thinking block, when the request asks for thinking.
    """

    text: str
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    reasoning: str = ""


@dataclass(frozen=True)
class Reply:
    """A reply that can be sent whole or as a stream, with the same content.

    Attributes:
        message: The message in the API's shape.
        unfinished: The JSON text of the last tool call's arguments, as far as it was written when
            `max_tokens` stopped it; None when everything is finished.
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
    def usage(self) -> dict[str, Any]:
        """The message's usage."""
        usage: dict[str, Any] = self.message["usage"]
        return usage


def new_id(prefix: str) -> str:
    """Make an id like the API's, such as "msg_01…": random, so that no program relies on it."""
    return f"{prefix}_01{''.join(secrets.choice(_ALPHABET) for _ in range(22))}"


def build_reply(
    sent: Sent, thought: Thought, cache: CacheUse = UNCACHED, *, max_tokens: int | None = None
) -> Reply:
    """Build the reply: thinking, words and tool calls, up to the request's limits.

    Args:
        sent: The request.
        thought: What the mind wants to say.
        cache: What the request reads from the prompt cache and writes to it; nothing by default.
        max_tokens: Most tokens to write; the request's own limit by default.

    Returns:
        The reply, with stop reason and usage.
    """
    most = sent.body["max_tokens"] if max_tokens is None else max_tokens
    text, calls = thought.text, thought.calls
    stop_reason, stop_sequence = ("tool_use" if calls else "end_turn"), None
    if found := _first_stop(text, sent.body.get("stop_sequences") or []):
        at, stop_sequence = found
        text, calls, stop_reason = text[:at], [], "stop_sequence"
    writer = _Writer(most)
    if sent.display:
        writer.think(thought.reasoning, shown=sent.display == "summarized")
    writer.say(text, sent)
    for name, arguments in calls:
        writer.call(name, arguments)
    if writer.full or not most:
        stop_reason, stop_sequence = "max_tokens", None
    message = {
        "model": sent.model.id,
        "id": new_id("msg"),
        "type": "message",
        "role": "assistant",
        "content": writer.blocks,
        "container": None,
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
        "stop_details": None,
        "usage": _usage(sent.input_tokens, cache, most - writer.left, writer.thinking_tokens),
        "diagnostics": None,
    }
    return Reply(message, writer.unfinished)


def _usage(
    input_tokens: int, cache: CacheUse, output_tokens: int, thinking_tokens: int
) -> dict[str, Any]:
    """Every field that the API sends for a request like these."""
    return {
        "input_tokens": max(1, input_tokens - cache.read - cache.written),
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
    """The stop sequence that ends first, as for a model that writes from left to right."""
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

    def say(self, text: str, sent: Sent) -> None:
        if (written := self._write(text)).strip():
            citations = cite(written, sent)
            more = {"citations": citations} if citations else {}
            self.blocks.append({"type": "text", "text": written, **more})

    def call(self, name: str, arguments: dict[str, Any]) -> None:
        encoded = json.dumps(arguments, ensure_ascii=False)
        start = json.dumps({"name": name})
        written = self._write(start + encoded)
        if not written:
            return
        if self.full:
            # Like the API: the call is there, with as much of its arguments as was written.
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
    # Imported late: few replies are cut. The SDK reads streams with the same parser.
    from jiter import from_json

    return from_json(encoded.encode(), partial_mode=True) if encoded else {}
