"""Order numbers, as people write them."""

from __future__ import annotations

import re
from typing import Any

from offline_claude.mind.results import dig
from offline_claude.mind.words import collapse

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
_POINTS = re.compile(
    r"\bthe (?P<n>first|former|earlier|second|third|last|latter|other)(?: one| order)?\b"
    r"(?! (?:time|name|week|month|day|year|copy|book|parcel|item|half|edition))",
    re.IGNORECASE,
)
_ORDINALS = {"first": 0, "former": 0, "second": 1, "third": 2, "last": -1, "latter": -1}
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


def pointed_at(text: str, before: list[str]) -> list[int] | None:
    """Find the order that "the first one" is.

    Args:
        text: What the user writes now.
        before: What the user wrote before, oldest first.

    Returns:
        Its number; none when it isn't plain which is meant; None when nothing is pointed at.
    """
    numbers = list(dict.fromkeys(n for said in before for n in order_numbers(said)))
    if not (found := _POINTS.search(text)) or len(numbers) < 2:
        return None
    word = found["n"].lower()
    if word in ("other", "earlier"):
        return numbers[:1] if len(numbers) == 2 else []
    at = _ORDINALS[word]
    return [numbers[at]] if at < len(numbers) else []


def order_of(arguments: dict[str, Any]) -> str:
    """Name the order that a tool is used on.

    Args:
        arguments: The tool's arguments.

    Returns:
        The order number, or "?" when there is none.
    """
    return str(arguments.get("order_id", dig(arguments, "order") or "?"))
