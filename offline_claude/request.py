"""A request as the rest of the offline Claude reads it, and where the turn stands."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Block = dict[str, Any]

CHARACTERS_PER_TOKEN = 4
"""About how much text a token is."""


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
        """All its text blocks, joined."""
        return "\n".join(str(b.get("text", "")) for b in self.blocks if b.get("type") == "text")

    def of_type(self, kind: str) -> list[Block]:
        """Pick blocks by type.

        Args:
            kind: A block type such as "tool_use".

        Returns:
            The blocks of that type, in order.
        """
        return [b for b in self.blocks if b.get("type") == kind]


@dataclass(frozen=True)
class ToolRun:
    """One tool that was asked for, with what came back.

    Attributes:
        name: The tool.
        input: The arguments it was called with.
        text: What it returned.
        is_error: Whether it said no.
        value: The result read as JSON, or None when it is plain text or an error.
    """

    name: str
    input: dict[str, Any]
    text: str
    is_error: bool
    value: Any


@dataclass(frozen=True)
class Prefix:
    """A request up to the end of one of its blocks, as the prompt cache knows it.

    Attributes:
        digest: What tells it from other prefixes.
        tokens: Its estimated size.
        ttl: "5m" or "1h" where the block is marked, else "".
    """

    digest: bytes
    tokens: int
    ttl: str


@dataclass(frozen=True)
class CacheUse:
    """What one call reads from the prompt cache and writes to it, in tokens.

    Attributes:
        read: Tokens that were there already.
        written_5m: Tokens written for five minutes.
        written_1h: Tokens written for an hour.
    """

    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def written(self) -> int:
        """All tokens written."""
        return self.written_5m + self.written_1h


@dataclass(frozen=True)
class Citable:
    """A document or a search result that an answer may cite.

    Attributes:
        location: How places in it are named: the type of the citation.
        named: What a citation says of it, in the API's fields.
        parts: The texts that it is made of.
    """

    location: str
    named: dict[str, Any]
    parts: list[str]


@dataclass(frozen=True)
class MessagesRequest:
    """A request that passed every rule.

    Attributes:
        model: Model id.
        max_tokens: Most tokens to write.
        messages: The conversation, without system messages.
        system: The system prompt's text, with that of system messages; "" when there is none.
        tools: Client tools offered, in the API's shape.
        tool_choice: "auto", "any", "tool" or "none".
        forced_tool: The tool named by `tool_choice`, if any.
        parallel: Whether several tools may be asked for at once.
        stop_sequences: Texts that end the reply.
        stream: Whether to answer as server-sent events.
        thinking: How to show thinking: "summarized", "omitted", or "" for no thinking at all.
        output_schema: JSON schema that the answer's text has to satisfy, if any.
        input_tokens: Estimated size of the input.
        citable: What an answer may cite.
        prefixes: What of it may be cached; empty when nothing is marked.
        cache: What it reads from the prompt cache and writes to it.
    """

    model: str
    max_tokens: int
    messages: list[Message]
    system: str = ""
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: str = "auto"
    forced_tool: str | None = None
    parallel: bool = True
    stop_sequences: list[str] = field(default_factory=list)
    stream: bool = False
    thinking: str = ""
    output_schema: dict[str, Any] | None = None
    input_tokens: int = 1
    citable: list[Citable] = field(default_factory=list)
    prefixes: list[Prefix] = field(default_factory=list)
    cache: CacheUse = CacheUse()


def blocks_of(content: object) -> list[Block]:
    """Read a message's content as blocks, whatever state it is in.

    Args:
        content: Text, a list of blocks, or something the rules will refuse.

    Returns:
        Blocks; what isn't a block is left out.
    """
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []


def text_of(content: object) -> str:
    """Read the text of a message or a system prompt.

    Args:
        content: Text, a list of blocks, or nothing.

    Returns:
        Its text blocks, one a line.
    """
    return Message("", blocks_of(content)).text


def read_messages(body: object) -> list[Message]:
    """Read the conversation, whatever state it is in: the call log shows refused calls too.

    Args:
        body: The request body.

    Returns:
        The user's and the assistant's messages.
    """
    raw = body.get("messages") if isinstance(body, dict) else None
    items = [m for m in raw if isinstance(m, dict)] if isinstance(raw, list) else []
    return [
        Message(m["role"], blocks_of(m.get("content")))
        for m in items
        if m.get("role") in ("user", "assistant")
    ]


def question_index(messages: list[Message]) -> int:
    """Find the question being worked on: the last user message that brings no tool results.

    Args:
        messages: The conversation.

    Returns:
        Its position; 0 when there is none.
    """
    for i in range(len(messages) - 1, -1, -1):
        if messages[i].role == "user" and not messages[i].of_type("tool_result"):
            return i
    return 0


def turn_of(messages: list[Message]) -> int:
    """Count which model call this is for the question being worked on.

    Args:
        messages: The conversation.

    Returns:
        1 for the first call after the question, 2 after one reply, and so on.
    """
    after = messages[question_index(messages) + 1 :]
    return 1 + sum(m.role == "assistant" for m in after)


def tool_runs(messages: list[Message]) -> list[ToolRun]:
    """Pair the tools asked for with their results.

    Args:
        messages: The conversation, or a part that splits no pair.

    Returns:
        One entry for each result, in the order asked.
    """
    results = {r.get("tool_use_id"): r for m in messages for r in m.of_type("tool_result")}
    runs = []
    for call in (c for m in messages for c in m.of_type("tool_use")):
        if (result := results.get(call["id"])) is None:
            continue
        text = Message("user", blocks_of(result.get("content"))).text
        is_error = bool(result.get("is_error"))
        runs.append(ToolRun(call["name"], call["input"], text, is_error, _parse(text, is_error)))
    return runs


def _parse(text: str, is_error: bool) -> Any:
    if is_error:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def estimate_tokens(value: object) -> int:
    """Estimate a size in tokens: about four characters each.

    Args:
        value: Text, or anything JSON can hold.

    Returns:
        At least 1.
    """
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))
