"""Observations: what tools returned, where a client tells it in words instead of in blocks."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection
from itertools import pairwise
from typing import Any

from offline_claude.request import Message, ToolRun

_OBSERVED = re.compile(
    r"\s*(?:observations?|(?:tool|function)s?[ _](?:results?|responses?|outputs?))(?: \d+)?\s*:\s*",
    re.IGNORECASE,
)
_BUT_ASKS = re.compile(
    r"\n[^\n{}\[\]]{0,200}\b(?:following (?:user )?task|answer)\b", re.IGNORECASE
)


def is_observation(text: str) -> bool:
    """Tell whether a user's message only tells what tools returned.

    Args:
        text: The message.

    Returns:
        True when it begins with a word such as "Observation:".
    """
    return bool(_OBSERVED.match(text)) and not _BUT_ASKS.search(text[-1000:])


def observed(messages: list[Message], tools: Collection[str]) -> list[ToolRun]:
    """Read the tools that were used from a conversation in words.

    Args:
        messages: What came after the question.
        tools: The names of the tools on offer.

    Returns:
        A run for every name of a tool in the assistant's words, with its line of the observation.
    """
    runs: list[ToolRun] = []
    names = "|".join(sorted(map(re.escape, tools), key=len, reverse=True))
    for asked, told in pairwise(messages):
        if asked.role != "assistant" or not names or not is_observation(told.text):
            continue
        text = asked.text[:20_000]
        called = [
            (m[0], _arguments(text[m.end() : m.end() + 2000]))
            for m in re.finditer(rf"(?<![\w-])(?:{names})(?![\w-])", text)
        ]
        called = [one for one in called if one[1]] or called
        result = _OBSERVED.sub("", told.text, count=1).strip()
        lines = result.split("\n")
        parts = lines if len(lines) == len(called) else [result] * len(called)
        for (name, arguments), part in zip(called, parts, strict=True):
            runs.append(ToolRun(name, arguments, part, False, _read(part)))
    return runs


def _arguments(text: str) -> dict[str, Any]:
    """The flat object after a tool's name, written as JSON or as Python writes it."""
    if not (m := re.match(r"[^{}]{0,60}(\{[^{}]*\})", text)):
        return {}
    try:
        value = ast.literal_eval(m[1])
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        value = _read(m[1])
    return value if isinstance(value, dict) else {}


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
