"""A request as it was sent: its messages, its blocks, and the path of each of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import Any

from offline_claude.models import Model, find_model

Block = dict[str, Any]

Placed = tuple[str, Block]
"""A path such as "messages.2.content.0", and the block there."""

CHARACTERS_PER_TOKEN = 4
"""Roughly how much text a token is."""

NEWEST_VERSION = "2026-10-21"
"""The API version without sampling parameters, and stricter about documents and citations."""

_INPUT = ("system", "tools", "messages")
_IMAGE_TOKENS = 1_600
"""Roughly what an image or a page costs, however many bytes it has."""


@dataclass(frozen=True)
class Message:
    """One message of the conversation.

    Attributes:
        role: "user", "assistant" or "system".
        blocks: Its content blocks; plain text is one text block.
    """

    role: str
    blocks: list[Block]

    @property
    def text(self) -> str:
        """All its text blocks, one a line."""
        texts = [block.get("text") for block in self.of_type("text")]
        return "\n".join(text for text in texts if isinstance(text, str))

    def of_type(self, kind: str) -> list[Block]:
        """Pick the blocks of one type, such as "tool_use", in order."""
        return [b for b in self.blocks if b.get("type") == kind]


@dataclass
class Turn:
    """Consecutive messages of one role: the API reads them as one.

    Attributes:
        role: "user" or "assistant".
        messages: The indices of its messages.
        blocks: Its blocks, each with its path.
    """

    role: str
    messages: list[int] = field(default_factory=list)
    blocks: list[Placed] = field(default_factory=list)

    def of_type(self, kind: str) -> list[Placed]:
        """Pick the blocks of one type, such as "tool_use", in order."""
        return [(path, block) for path, block in self.blocks if block["type"] == kind]

    def leading(self, kind: str) -> list[Placed]:
        """Pick the blocks of one type that the turn begins with."""
        return list(takewhile(lambda placed: placed[1]["type"] == kind, self.blocks))


@dataclass(frozen=True)
class Sent:
    """A request body as rules, mind and call log read it.

    `said`, `question` and `turn_number` read a body in any state, the rest only one of the right
    structure.

    Attributes:
        body: The parsed JSON.
        version: The `anthropic-version` header.
    """

    body: dict[str, Any]
    version: str = NEWEST_VERSION

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages as they were sent."""
        messages: list[dict[str, Any]] = self.body["messages"]
        return messages

    @cached_property
    def said(self) -> list[Message]:
        """The messages of the user and the assistant."""
        raw = self.body.get("messages")
        return [
            Message(message["role"], blocks_of(message.get("content")))
            for message in (raw if isinstance(raw, list) else [])
            if isinstance(message, dict) and message.get("role") in ("user", "assistant")
        ]

    @property
    def question(self) -> str:
        """The text of the question being worked on; "" when there is none."""
        return self.said[question_index(self.said)].text if self.said else ""

    @property
    def turn_number(self) -> int:
        """Which model call for the question this is: 1 for the first."""
        after = self.said[question_index(self.said) + 1 :]
        return 1 + sum(message.role == "assistant" for message in after)

    @property
    def system(self) -> str:
        """The text of the system prompt and of system messages; "" when there is none."""
        messages = [m.get("content") for m in self.messages if m["role"] == "system"]
        return "\n".join(filter(None, map(text_of, [self.body.get("system"), *messages])))

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools on offer, of any kind."""
        return self.body.get("tools") or []

    @property
    def own_tools(self) -> list[tuple[int, dict[str, Any]]]:
        """The tools that the client runs, each with its index."""
        return [(n, tool) for n, tool in enumerate(self.tools) if "input_schema" in tool]

    @property
    def tool_choice(self) -> dict[str, Any]:
        """How tools are chosen; "auto" by default."""
        return self.body.get("tool_choice") or {"type": "auto"}

    @property
    def thinking(self) -> dict[str, Any]:
        """How much to think; {} by default."""
        return self.body.get("thinking") or {}

    @property
    def display(self) -> str:
        """How thinking is shown: "summarized", "omitted", or "" for no thinking at all."""
        if self.thinking.get("type") not in ("enabled", "adaptive"):
            # Models that think unasked decide how much; ours then finds that nothing needs it.
            return ""
        return self.thinking.get("display") or self.model.thinking_display

    @property
    def output_schema(self) -> dict[str, Any] | None:
        """The JSON schema of the answer, if the request has one."""
        output = (self.body.get("output_config") or {}).get("format")
        output = output or self.body.get("output_format")
        return output["schema"] if output else None

    @property
    def stream(self) -> bool:
        """Whether to answer with server-sent events."""
        return bool(self.body.get("stream"))

    @cached_property
    def input_tokens(self) -> int:
        """The estimated size of the input, as `count_tokens` and `usage` both show it."""
        tokens = sum(estimate_tokens(self.body[k]) for k in _INPUT if self.body.get(k))
        encoded = [len(source["data"]) for source in self.sources if source["type"] == "base64"]
        return tokens + _IMAGE_TOKENS * len(encoded) - sum(encoded) // CHARACTERS_PER_TOKEN

    @cached_property
    def model(self) -> Model:
        """The model.

        Raises:
            ApiError: 404, there is no such model.
        """
        return find_model(self.body["model"])

    @cached_property
    def turns(self) -> list[Turn]:
        """The conversation, without system messages."""
        turns: list[Turn] = []
        for n, message in enumerate(self.messages):
            if message["role"] == "system":
                continue
            if not turns or turns[-1].role != message["role"]:
                turns.append(Turn(message["role"]))
            turns[-1].messages.append(n)
            blocks = blocks_of(message["content"])
            turns[-1].blocks += [(f"messages.{n}.content.{m}", b) for m, b in enumerate(blocks)]
        return turns

    @property
    def latest_reply(self) -> str:
        """The path of the assistant's last message; "" when there is none."""
        last = [n for turn in self.turns if turn.role == "assistant" for n in turn.messages]
        return f"messages.{last[-1]}" if last else ""

    @cached_property
    def blocks(self) -> list[Placed]:
        """Every block of every message, including those inside tool results and documents."""
        return [
            placed
            for n, message in enumerate(self.messages)
            for placed in _nested(message.get("content"), f"messages.{n}.content")
        ]

    @property
    def sources(self) -> list[dict[str, Any]]:
        """The sources of images and documents."""
        return [b["source"] for _, b in self.blocks if b["type"] in ("image", "document")]

    @cached_property
    def cacheable(self) -> list[Placed]:
        """Everything that can carry a cache marker, in the order in which it is cached."""
        tools = [(f"tools.{n}", tool) for n, tool in enumerate(self.tools)]
        return [*tools, *_nested(self.body.get("system"), "system"), *self.blocks]


def _nested(content: object, path: str) -> Iterator[Placed]:
    for m, block in enumerate(content if isinstance(content, list) else []):
        yield f"{path}.{m}", block
        yield from _nested(block.get("content"), f"{path}.{m}.content")
        if isinstance(source := block.get("source"), dict):
            yield from _nested(source.get("content"), f"{path}.{m}.{block['type']}.source.content")


def message_of(path: str) -> str:
    """Shorten a block's path, "messages.2.content.0", to its message's, "messages.2"."""
    return path.split(".content")[0]


def blocks_of(content: object) -> list[Block]:
    """Read a message's content in any state as blocks, without anything that isn't one."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []


def text_of(content: object) -> str:
    """Read the text of a message or a system prompt in any state, one block a line."""
    return Message("", blocks_of(content)).text


def told_in_lines(text: str) -> Iterator[str]:
    """Write out messages and notes that a conversation is told in, if each is a line of JSON."""
    for line in text.splitlines():
        value: Any = line
        with suppress(ValueError, RecursionError):
            value = json.loads(line)
        if not isinstance(value, dict):
            yield str(value)
            continue
        for block in blocks_of(value.get("content")):
            called = f" called {block.get('name')}: {json.dumps(block.get('input'))}"
            said = called if "input" in block else f": {block.get('text', '')}"
            yield f"{value.get('role')}{said}".replace("\n", " ")


def question_index(messages: list[Message]) -> int:
    """Find the question being worked on: the last user message without tool results, else 0."""
    for i in range(len(messages) - 1, -1, -1):
        if messages[i].role == "user" and not messages[i].of_type("tool_result"):
            return i
    return 0


def estimate_tokens(value: object) -> int:
    """Estimate the size of text or a JSON value in tokens, at least 1."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))
