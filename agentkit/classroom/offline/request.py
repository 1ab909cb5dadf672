"""A request as the rest of the offline Claude reads it, and where the turn stands."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Block = dict[str, Any]


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
class MessagesRequest:
    """A request that passed every rule.

    Attributes:
        model: Model id.
        max_tokens: Most tokens to write.
        messages: The conversation, without system messages.
        tools: Client tools offered, in the API's shape.
        tool_choice: "auto", "any", "tool" or "none".
        forced_tool: The tool named by `tool_choice`, if any.
        parallel: Whether several tools may be asked for at once.
        stop_sequences: Texts that end the reply.
        stream: Whether to answer as server-sent events.
        input_tokens: Estimated size of the input.
    """

    model: str
    max_tokens: int
    messages: list[Message]
    tools: list[dict[str, Any]] = field(default_factory=list)
    tool_choice: str = "auto"
    forced_tool: str | None = None
    parallel: bool = True
    stop_sequences: list[str] = field(default_factory=list)
    stream: bool = False
    input_tokens: int = 1


def blocks_of(content: object) -> list[Block]:
    """Read a message's content as blocks, whatever state it is in.

    Args:
        content: Text, a list of blocks, or something the rules will refuse.

    Returns:
        Blocks; what isn't a block is left out.
    """
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []


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
    except ValueError:
        return None


def estimate_tokens(value: object) -> int:
    """Estimate a size in tokens: about four characters each.

    Args:
        value: Text, or anything JSON can hold.

    Returns:
        At least 1.
    """
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return max(1, -(-len(text) // 4))
