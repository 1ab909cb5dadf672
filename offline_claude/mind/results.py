"""Results: what a tool returned, as values by name and as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from offline_claude.request import Block, Message, ToolRun, blocks_of

_FAILED = re.compile(
    r"\s*(?:error|failed|failure|exception|traceback|invalid|unknown)\b", re.IGNORECASE
)
_UNKNOWN = re.compile(
    r"\bwhether\b[^.!?\n]{0,200}\b(?:unknown|unclear|uncertain|not known)\b"
    r"|\b(?:unknown|unclear|uncertain|not known)\s+(?:whether|if)\b"
    r"|\b(?:outcome|effect)\b[^.!?\n]{0,60}\b(?:unknown|unclear|uncertain|not known)\b"
    r"|\b(?:unknown|unclear|uncertain) outcome\b"
    r"|\bmay (?:or may not )?(?:already )?have (?:happened|worked|succeeded|gone through|been \w+)",
    re.IGNORECASE,
)
_ASKS_A_PERSON = re.compile(
    r"\b(?:ask|tell|inform|needs?|contact) (?:a|the|some) (?:person|human|colleague|operator)\b"
    r"|\b(?:person|human|operator) (?:must|has to|should|needs to) (?:look|check|decide)\b",
    re.IGNORECASE,
)
_MOST_PAIRS = 20_000


def dig(value: Any, *keys: str) -> Any:
    """Find a value in a tool's result by key, however deep, and whatever it is called exactly.

    Args:
        value: A result read as JSON.
        *keys: Names to look for, best first; a key that contains one will do.

    Returns:
        The first value that is text or a number, or None.
    """
    every = list(pairs(value))
    for wanted in keys:
        for match in (str.__eq__, str.__contains__):
            for key, found in every:
                if match(key.lower(), wanted) and isinstance(found, str | int | float):
                    return found
    return None


def pairs(value: Any) -> Iterator[tuple[str, Any]]:
    """Go through a tool's result: every key with its value, the outer ones first.

    Args:
        value: A result read as JSON; of a very large one, the beginning.

    Yields:
        Keys and values.
    """
    waiting, seen = [value], 0
    while waiting and seen < _MOST_PAIRS:
        inner = waiting.pop()
        if isinstance(inner, dict):
            yield from inner.items()
            seen += len(inner)
            waiting += reversed(inner.values())
        elif isinstance(inner, list):
            seen += len(inner)
            waiting += reversed(inner)


def failed(run: ToolRun) -> bool:
    """Tell whether a tool said no, also when it says so in words only.

    Args:
        run: A tool's run.

    Returns:
        True when it is marked as an error, begins with "Error", or is {"error": ...}.
    """
    if run.is_error or (isinstance(run.value, dict) and run.value.get("error")):
        return True
    return run.value is None and bool(_FAILED.match(run.text[:40]))


def is_unsettled(run: ToolRun) -> bool:
    """Tell whether nobody knows if a tool did what it was asked for: only a person can find out.

    Args:
        run: A tool's run.

    Returns:
        True when it failed, and says that the outcome is unknown or that a person is needed.
    """
    said = run.text[:2000]
    return failed(run) and bool(_UNKNOWN.search(said) or _ASKS_A_PERSON.search(said))


def readable(message: Message) -> Message:
    """Put into words what a tool returned besides text.

    Args:
        message: A message that may bring results.

    Returns:
        The message, with images named and search results as text.
    """
    if not any(isinstance(r.get("content"), list) for r in message.of_type("tool_result")):
        return message
    blocks = [
        {**b, "content": [_as_text(part) for part in blocks_of(b.get("content"))]}
        if b.get("type") == "tool_result"
        else b
        for b in message.blocks
    ]
    return Message(message.role, blocks)


def _as_text(block: Block) -> Block:
    kind = block.get("type")
    if kind == "text":
        return block
    if kind == "search_result":
        told = Message("user", blocks_of(block.get("content"))).text
        text = f"{block.get('title')} ({block.get('source')}): {told}"
    elif kind == "document":
        source = block.get("source")
        data = source.get("data") if isinstance(source, dict) else None
        plain = isinstance(source, dict) and source.get("type") == "text"
        text = str(data) if plain else "(a document, which the offline Claude can't read)"
    else:
        text = (
            f"(an {kind}, which the offline Claude can't see)" if kind == "image" else f"({kind})"
        )
    return {"type": "text", "text": text}
