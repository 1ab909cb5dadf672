"""A conversation as text that a person can read and two runs can be compared by."""

from __future__ import annotations

import json
from typing import Any, cast

from agentkit.messages import Messages, printable


def transcript(messages: Messages, *, width: int = 96) -> str:
    """Write a conversation down, one line a text, tool call or result.

    Ids are left out: the API makes up new ones on every call, and two runs that said and did
    the same have the same transcript.

    Args:
        messages: The conversation, in the API's shape.
        width: Characters a line; longer ones end in "…". 0 cuts nothing.

    Returns:
        Lines such as `Claude → find_order(order_id=1042)`.
    """
    lines: list[str] = []
    names: dict[str, str] = {}
    for message in cast("list[dict[str, Any]]", messages):
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        who = "Claude" if message["role"] == "assistant" else "user  "
        for block in blocks:
            if block["type"] == "tool_use":
                names[block["id"]] = block["name"]
            lines.append(_line(who, block, names))
    return "\n".join(_cut(printable(line), width) for line in lines)


def _line(who: str, block: dict[str, Any], names: dict[str, str]) -> str:
    if block["type"] == "text":
        return f"{who}: {' '.join(block['text'].split())}"
    if block["type"] == "tool_use":
        arguments = ", ".join(
            f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in block["input"].items()
        )
        return f"{who} → {block['name']}({arguments})"
    if block["type"] == "tool_result":
        mark = "✗" if block.get("is_error") else "←"
        return f"  {mark} {names.get(block['tool_use_id'], '?')}: {_text(block.get('content'))}"
    return f"{who}: [{block['type']}]"


def _text(content: object) -> str:
    if isinstance(content, list):
        content = " ".join(str(b.get("text", f"[{b.get('type')}]")) for b in content)
    return " ".join(str(content or "").split())


def _cut(line: str, width: int) -> str:
    return line if not width or len(line) <= width else line[: width - 1] + "…"
