"""Tool calls and their results."""

from __future__ import annotations

import re

from offline_claude.errors import invalid
from offline_claude.request import Sent, blocks_of, message_of

_IDS = {
    "tool_use": {"id": "[a-zA-Z0-9_-]+"},
    "tool_result": {"tool_use_id": "[a-zA-Z0-9_-]+"},
    "server_tool_use": {"id": "srvtoolu_[a-zA-Z0-9_]+"},
}
"""Patterns of ids by type of block."""


def ids_are_plain(sent: Sent) -> None:
    """Ids of tool calls are plain, and their names have a length."""
    for path, block in sent.blocks:
        kind = block["type"]
        for name, pattern in _IDS.get(kind, {}).items():
            if not re.fullmatch(pattern, block[name]):
                raise invalid(f"{path}.{kind}.{name}: String should match pattern '^{pattern}$'")
        if kind == "tool_use" and not 1 <= len(block["name"]) <= 200:
            much = "at most 200 characters" if block["name"] else "at least 1 character"
            raise invalid(f"{path}.tool_use.name: String should have {much}")


def call_ids_are_unique(sent: Sent) -> None:
    """No two tool calls share an id."""
    seen: set[str] = set()
    for path, block in (placed for turn in sent.turns for placed in turn.of_type("tool_use")):
        if block["id"] in seen:
            raise invalid(f"{path}: `tool_use` ids must be unique")
        seen.add(block["id"])


def calls_are_answered(sent: Sent) -> None:
    """Every tool call has its result at the beginning of the next message."""
    for turn, after in zip(sent.turns, [*sent.turns[1:], None], strict=True):
        results = after.leading("tool_result") if after else []
        answered = {block["tool_use_id"] for _, block in results}
        missing = [(p, b["id"]) for p, b in turn.of_type("tool_use") if b["id"] not in answered]
        if missing:
            raise invalid(
                f"{message_of(missing[0][0])}: `tool_use` ids were found without `tool_result` "
                f"blocks immediately after: {', '.join(i for _, i in missing)}. Each `tool_use` "
                "block must have a corresponding `tool_result` block in the next message."
            )


def results_were_asked_for(sent: Sent) -> None:
    """Every result is the only one for a call of the message before."""
    for before, turn in zip([None, *sent.turns], sent.turns, strict=False):
        asked = {block["id"] for _, block in before.of_type("tool_use")} if before else set()
        seen: set[str] = set()
        for path, block in turn.of_type("tool_result"):
            tool_use_id = block["tool_use_id"]
            if tool_use_id not in asked:
                raise invalid(
                    f"{path}: unexpected `tool_use_id` found in `tool_result` blocks: "
                    f"{tool_use_id}. Each `tool_result` block must have a corresponding "
                    "`tool_use` block in the previous message."
                )
            if tool_use_id in seen:
                raise invalid(
                    f"{path}: each tool_use must have a single result. Found multiple "
                    f"`tool_result` blocks with id: {tool_use_id}"
                )
            seen.add(tool_use_id)


def server_tools_are_answered(sent: Sent) -> None:
    """Calls of server tools have their results in the same turn."""
    for turn in sent.turns:
        asked: dict[str, tuple[str, str]] = {}
        for path, block in turn.blocks:
            kind = block["type"]
            if kind == "server_tool_use":
                asked[block["id"]] = (path, block["name"])
            elif kind.endswith("_tool_result") and kind != "mcp_tool_result":
                if block["tool_use_id"] not in asked:
                    raise invalid(
                        f"{path}: unexpected `tool_use_id` found in `{kind}` blocks: "
                        f"{block['tool_use_id']}. Each `{kind}` block must have a corresponding "
                        "`server_tool_use` block before it."
                    )
                asked.pop(block["tool_use_id"])
        if asked and turn is not sent.turns[-1]:
            tool_use_id, (path, name) = next(iter(asked.items()))
            raise invalid(
                f"{message_of(path)}: `{name}` tool use with id `{tool_use_id}` was found without "
                f"a corresponding `{name}_tool_result` block"
            )


def errors_are_explained(sent: Sent) -> None:
    """An error result has content, and only text."""
    for path, block in sent.blocks:
        if block["type"] != "tool_result" or not block.get("is_error"):
            continue
        if not block.get("content"):
            raise invalid(f"{path}.tool_result: content cannot be empty if `is_error` is true")
        if any(part["type"] != "text" for part in blocks_of(block["content"])):
            raise invalid(
                f'{path}.tool_result: all content must be type "text" if `is_error` is true'
            )
