"""The rules about a conversation: shapes of messages, and how tool calls and results pair up."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agentkit.classroom.offline.errors import invalid
from agentkit.classroom.offline.request import Block, blocks_of

_BLOCK_FIELDS = {
    "text": ({"text"}, {"cache_control", "citations"}),
    "tool_use": ({"id", "name", "input"}, {"cache_control", "caller", "toolset_name"}),
    "tool_result": ({"tool_use_id"}, {"cache_control", "content", "is_error"}),
}
"""Of the blocks whose fields are checked one by one: those required, those optional."""

_OTHER_BLOCKS = {
    *("image", "document", "search_result", "thinking", "redacted_thinking"),
    *("server_tool_use", "web_search_tool_result", "web_fetch_tool_result"),
    *("code_execution_tool_result", "bash_code_execution_tool_result", "container_upload"),
    *("text_editor_code_execution_tool_result", "tool_search_tool_result"),
    *("mcp_tool_use", "mcp_tool_result", "compaction", "fallback"),
}
_ID = re.compile(r"[a-zA-Z0-9_-]+")


def check_message_shapes(body: dict[str, Any]) -> None:
    """Each message has a role and content blocks of known types, with their own fields.

    Args:
        body: The request body.

    Raises:
        ApiError: 400, the first shape that is wrong.
    """
    if "messages" not in body:
        raise invalid("messages: Field required")
    messages = body["messages"]
    if not isinstance(messages, list):
        raise invalid("messages: Input should be a valid list")
    for n, message in enumerate(messages):
        _message_shape(message, f"messages.{n}")


def _message_shape(message: object, where: str) -> None:
    if not isinstance(message, dict):
        raise invalid(f"{where}: Input should be a valid dictionary")
    for name in ("role", "content"):
        if name not in message:
            raise invalid(f"{where}.{name}: Field required")
    for name in message:
        if name not in ("role", "content"):
            raise invalid(f"{where}.{name}: Extra inputs are not permitted")
    if message["role"] not in ("user", "assistant", "system"):
        raise invalid(f"{where}.role: Input should be 'user', 'assistant' or 'system'")
    content = message["content"]
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise invalid(f"{where}.content: Input should be a valid string or list")
    for m, block in enumerate(content):
        _block_shape(block, f"{where}.content.{m}")


def _block_shape(block: object, where: str) -> None:
    if not isinstance(block, dict):
        raise invalid(f"{where}: Input should be a valid dictionary")
    kind = block.get("type")
    if kind is None:
        raise invalid(f"{where}: Unable to extract tag using discriminator 'type'")
    if not isinstance(kind, str) or (kind not in _BLOCK_FIELDS and kind not in _OTHER_BLOCKS):
        tags = ", ".join(f"'{t}'" for t in sorted([*_BLOCK_FIELDS, *_OTHER_BLOCKS]))
        raise invalid(
            f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected "
            f"tags: {tags}"
        )
    if kind in _OTHER_BLOCKS:
        return
    required, optional = _BLOCK_FIELDS[kind]
    for name in sorted(required - block.keys()):
        raise invalid(f"{where}.{kind}.{name}: Field required")
    for name in block:
        if name not in required | optional | {"type"}:
            raise invalid(f"{where}.{kind}.{name}: Extra inputs are not permitted")
    for name in required & {"text", "id", "name", "tool_use_id"}:
        if not isinstance(block[name], str):
            raise invalid(f"{where}.{kind}.{name}: Input should be a valid string")
    for name in required & {"id", "tool_use_id"}:
        if not _ID.fullmatch(block[name]):
            raise invalid(f"{where}.{kind}.{name}: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if kind == "tool_use" and not isinstance(block["input"], dict):
        raise invalid(f"{where}.tool_use.input: Input should be a valid dictionary")
    if kind == "tool_result":
        _result_shape(block, f"{where}.tool_result")


def _result_shape(block: Block, where: str) -> None:
    content = block.get("content")
    if not isinstance(content, str | list | None):
        raise invalid(f"{where}.content: Input should be a valid string or list")
    for i, part in enumerate(content if isinstance(content, list) else []):
        _block_shape(part, f"{where}.content.{i}")
    if not isinstance(block.get("is_error", False), bool | None):
        raise invalid(f"{where}.is_error: Input should be a valid boolean")
    if block.get("is_error") and not content:
        raise invalid(f"{where}: content cannot be empty if `is_error` is true")


def check_text_blocks(blocks: Iterable[Block], where: str) -> None:
    """Text blocks have something in them.

    Args:
        blocks: Blocks of any type.
        where: What to name in the error.

    Raises:
        ApiError: 400, one is empty or only white space.
    """
    for block in blocks:
        if block.get("type") != "text":
            continue
        if not block["text"]:
            raise invalid(f"{where}: text content blocks must be non-empty")
        if not block["text"].strip():
            raise invalid(f"{where}: text content blocks must contain non-whitespace text")


@dataclass
class _Turn:
    """Consecutive messages of one role: the API reads them as one."""

    role: str
    first: int
    blocks: list[tuple[str, Block]] = field(default_factory=list)

    def of_type(self, kind: str) -> list[tuple[str, Block]]:
        return [(where, b) for where, b in self.blocks if b["type"] == kind]


def check_conversation(body: dict[str, Any]) -> None:
    """Starts with the user, says something in each message, and every tool call is answered.

    Args:
        body: A request body whose shapes are right.

    Raises:
        ApiError: 400, the first rule it breaks.
    """
    messages = body["messages"]
    if not messages:
        raise invalid("messages: at least one message is required")
    if messages[0]["role"] != "user":
        raise invalid('messages: first message must use the "user" role')
    _has_content(messages)
    turns = _merge(messages)
    _blocks_in_their_role(turns)
    _unique_ids(turns)
    for before, turn, after in zip([None, *turns], turns, [*turns[1:], None], strict=False):
        if turn.role == "assistant":
            _calls_are_answered(turn, after)
        else:
            _results_were_asked_for(turn, before)


def _has_content(messages: list[dict[str, Any]]) -> None:
    for n, message in enumerate(messages):
        last_words = n == len(messages) - 1 and message["role"] == "assistant"
        if not message["content"] and not last_words:
            raise invalid(
                f"messages.{n}: all messages must have non-empty content except for the optional "
                "final assistant message"
            )
        if message["content"]:
            check_text_blocks(blocks_of(message["content"]), "messages")


def _merge(messages: list[dict[str, Any]]) -> list[_Turn]:
    turns: list[_Turn] = []
    for n, message in enumerate(messages):
        if message["role"] == "system":
            continue
        if not turns or turns[-1].role != message["role"]:
            turns.append(_Turn(message["role"], n))
        blocks = blocks_of(message["content"])
        turns[-1].blocks += [(f"messages.{n}.content.{m}", b) for m, b in enumerate(blocks)]
    return turns


def _blocks_in_their_role(turns: list[_Turn]) -> None:
    for turn in turns:
        wrong, role = ("tool_result", "user") if turn.role != "user" else ("tool_use", "assistant")
        for where, _ in turn.of_type(wrong):
            message = where.split(".content")[0]
            raise invalid(f"{message}: `{wrong}` blocks can only be in `{role}` messages")


def _unique_ids(turns: list[_Turn]) -> None:
    seen: set[str] = set()
    for where, block in (b for t in turns for b in t.of_type("tool_use")):
        if block["id"] in seen:
            raise invalid(f"{where}: `tool_use` ids must be unique")
        seen.add(block["id"])


def _calls_are_answered(turn: _Turn, after: _Turn | None) -> None:
    """Results come first in the next message: text before them hides them."""
    answered: set[str] = set()
    for _, block in after.blocks if after else []:
        if block["type"] != "tool_result":
            break
        answered.add(block["tool_use_id"])
    calls = turn.of_type("tool_use")
    open_calls = [(where, b["id"]) for where, b in calls if b["id"] not in answered]
    if open_calls:
        message = open_calls[0][0].split(".content")[0]
        raise invalid(
            f"{message}: `tool_use` ids were found without `tool_result` blocks immediately "
            f"after: {', '.join(i for _, i in open_calls)}. Each `tool_use` block must have a "
            "corresponding `tool_result` block in the next message."
        )


def _results_were_asked_for(turn: _Turn, before: _Turn | None) -> None:
    asked = {b["id"] for _, b in before.of_type("tool_use")} if before else set()
    seen: set[str] = set()
    for where, block in turn.of_type("tool_result"):
        tool_use_id = block["tool_use_id"]
        if tool_use_id not in asked:
            raise invalid(
                f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {tool_use_id}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the "
                "previous message."
            )
        if tool_use_id in seen:
            raise invalid(
                f"{where}: each `tool_use` must have a single result. Found multiple "
                f"`tool_result` blocks with id: {tool_use_id}"
            )
        seen.add(tool_use_id)
