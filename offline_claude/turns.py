"""A request body as the rules read it: its turns, its blocks, and where each of them stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import Any

from offline_claude.models import Model, find_model
from offline_claude.request import (
    CHARACTERS_PER_TOKEN,
    Block,
    blocks_of,
    estimate_tokens,
)

_INPUT = ("system", "tools", "messages")
_IMAGE_TOKENS = 1_600
"""About what an image or a page costs, however many bytes it has."""

Placed = tuple[str, Block]
"""A block, after its path such as "messages.2.content.0"."""


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
        """Pick blocks by type.

        Args:
            kind: A block type such as "tool_use".

        Returns:
            The blocks of that type, in order.
        """
        return [(path, block) for path, block in self.blocks if block["type"] == kind]

    def leading(self, kind: str) -> list[Placed]:
        """Pick the blocks of a type that the turn begins with.

        Args:
            kind: A block type such as "tool_result".

        Returns:
            Those before the first block of another type.
        """
        return list(takewhile(lambda placed: placed[1]["type"] == kind, self.blocks))


def message_of(path: str) -> str:
    """Name the message that a block stands in.

    Args:
        path: Such as "messages.2.content.0".

    Returns:
        Such as "messages.2".
    """
    return path.split(".content")[0]


@dataclass(frozen=True)
class Sent:
    """A request whose structure is right, as the rules read it.

    Attributes:
        body: The parsed JSON.
        version: The `anthropic-version` header.
    """

    body: dict[str, Any]
    version: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages as they were sent."""
        messages: list[dict[str, Any]] = self.body["messages"]
        return messages

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
        """How tools are to be chosen; "auto" when the request doesn't say."""
        return self.body.get("tool_choice") or {"type": "auto"}

    @property
    def thinking(self) -> dict[str, Any]:
        """How much to think; {} when the request doesn't say."""
        return self.body.get("thinking") or {}

    @property
    def output_schema(self) -> dict[str, Any] | None:
        """The JSON schema of the answer, if one is asked for."""
        output = (self.body.get("output_config") or {}).get("format")
        output = output or self.body.get("output_format")
        return output["schema"] if output else None

    @property
    def display(self) -> str:
        """How to show thinking: "summarized", "omitted", or "" for no thinking at all."""
        if self.thinking.get("type") not in ("enabled", "adaptive"):
            # Models that think unasked decide how much; ours then finds that nothing needs it.
            return ""
        return self.thinking.get("display") or self.model.thinking_display

    @cached_property
    def input_tokens(self) -> int:
        """The estimated size of the input, as `count_tokens` and `usage` both show it."""
        tokens = sum(estimate_tokens(self.body[k]) for k in _INPUT if self.body.get(k))
        encoded = [len(source["data"]) for source in self.sources if source["type"] == "base64"]
        return tokens + _IMAGE_TOKENS * len(encoded) - sum(encoded) // CHARACTERS_PER_TOKEN

    @cached_property
    def model(self) -> Model:
        """The model asked for.

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
        """Every block of every message, those inside tool results and documents too."""
        return [
            placed
            for n, message in enumerate(self.messages)
            for placed in _all(message["content"], f"messages.{n}.content")
        ]

    @property
    def sources(self) -> list[dict[str, Any]]:
        """Where the images and documents come from."""
        return [b["source"] for _, b in self.blocks if b["type"] in ("image", "document")]

    @cached_property
    def cacheable(self) -> list[Placed]:
        """Whatever can be marked for the prompt cache, in the order in which it is cached."""
        tools = [(f"tools.{n}", tool) for n, tool in enumerate(self.tools)]
        return [*tools, *_all(self.body.get("system"), "system"), *self.blocks]


def _all(content: object, path: str) -> Iterator[Placed]:
    for m, block in enumerate(content if isinstance(content, list) else []):
        yield f"{path}.{m}", block
        yield from _all(block.get("content"), f"{path}.{m}.content")
        if isinstance(source := block.get("source"), dict):
            yield from _all(source.get("content"), f"{path}.{m}.{block['type']}.source.content")
