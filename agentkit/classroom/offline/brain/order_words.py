"""Order numbers, as people write them."""

from __future__ import annotations

import re
from typing import Any

from agentkit.classroom.offline.brain.results import dig
from agentkit.classroom.offline.brain.words import collapse

_ORDER_RUN = re.compile(
    r"(?:\borders?|\bnumbers?|\bno\.|#)\s*(?:ids?|numbers?|no\.?)?[\s:#]*"
    r"(\d+(?:(?:\s*(?:,|;|/|and|&|,\s*and|or)\s*|\s+(?=#?\d{4}\b))#?\d+"
    r"(?![\d.,]*\s*(?:€|\$|£|eur|usd|gbp|dollars?|pounds?|copies|days?|%)))*)",
    re.IGNORECASE,
)
_ORDER_SPAN = re.compile(
    r"\borders\s+(?:from\s+)?#?(\d{1,8})(?:,\s*#?\d{1,8})*,?"
    r"\s*(?:to|through|until|up to|-|–|—|\.{2,3}|…),?(?:\s*(?:and|to)\b)?\s*#?(\d{1,8})\b",
    re.IGNORECASE,
)
_LONE_NUMBER = re.compile(
    r"(?<![\w.,€$£@-])(\d{3,8})(?![\w@%-]|[.,]\d|\s*(?:€|\$|£|eur|usd|gbp|dollars|pounds|days|weeks"
    r"|words|copies|years|tokens))",
    re.IGNORECASE,
)


def order_numbers(text: str) -> list[int]:
    """Find order numbers: after the word "order" or a "#", or any lone number of 3 to 8 digits.

    Args:
        text: What the user wrote.

    Returns:
        The numbers, in order, each once.
    """
    text = collapse(text)
    if span := _ORDER_SPAN.search(text):
        first, last = int(span[1]), int(span[2])
        if first <= last < first + 100:
            return list(range(first, last + 1))
    listed = [n for run in _ORDER_RUN.findall(text) for n in re.findall(r"\d+", run)]
    found = listed or _LONE_NUMBER.findall(text)
    return list(dict.fromkeys(int(n) for n in found if len(n) <= 18))


def order_of(arguments: dict[str, Any]) -> str:
    """Name the order that a tool is used on.

    Args:
        arguments: The tool's arguments.

    Returns:
        The order number, or "?" when there is none.
    """
    return str(arguments.get("order_id", dig(arguments, "order") or "?"))
