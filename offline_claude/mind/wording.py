"""Wording: values, sums and quotes as the answers tell them."""

from __future__ import annotations

import re
from typing import Any

MOST_QUOTED = 450
"""How many characters of a result are told."""

_DEEPEST = 50


def describe(value: Any, depth: int = 0) -> str:
    """Tell a result as "name: value", what is empty left out; what is inside stands in brackets.

    Args:
        value: A result read as JSON.
        depth: How deep inside it stands.

    Returns:
        The words.
    """
    if not isinstance(value, dict | list):
        return "yes" if value is True else "no" if value is False else str(value)
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        fields = {k: v for k, v in value.items() if v not in (None, "", [], {})}
        named = [f"{k.replace('_', ' ')}: {describe(v, depth + 1)}" for k, v in fields.items()]
        told = ", ".join(named) or "nothing"
    else:
        few = [describe(v, depth + 1) for v in value[:5]]
        told = "; ".join(few + [f"and {len(value) - 5} more"] * (len(value) > 5)) or "nothing"
    return f"({told})" if depth and value else told


def tidy(text: str) -> str:
    """Drop the comma after a book's title where the sentence has its own mark.

    Args:
        text: A sentence.

    Returns:
        The sentence.
    """
    return re.sub(r",(?=[,.:]|$)", "", text)


def enumerated(parts: list[str]) -> str:
    """Join parts as in "one, two and three".

    Args:
        parts: The parts.

    Returns:
        The words; "" for no parts.
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def money(amount: Any, currency: Any) -> str:
    """Tell a sum of money.

    Args:
        amount: The number, or None when it isn't known.
        currency: Its currency, or None.

    Returns:
        Such as "38.50 EUR".
    """
    if amount is None:
        return "the amount"
    number = f"{amount:.2f}" if isinstance(amount, float) else amount
    return f"{number} {currency or ''}".rstrip()


def quote(text: str) -> str:
    """Quote a text, which then ends like a sentence.

    Args:
        text: The text.

    Returns:
        It in quotation marks, its end left out when it is long.
    """
    shown = cut(text.strip())
    return f"“{shown}”{'' if shown.endswith(('.', '!', '?', '…')) else '.'}"


def cut(text: str) -> str:
    """Leave out the end of a long text.

    Args:
        text: The text.

    Returns:
        At most `MOST_QUOTED` characters.
    """
    return text if len(text) <= MOST_QUOTED else text[: MOST_QUOTED - 1].rstrip() + "…"
