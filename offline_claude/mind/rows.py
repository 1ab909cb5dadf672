"""Rows: the parts of a text that each tell of one thing, such as the lines of an invoice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from offline_claude.mind.json_schema import Schema, properties, required
from offline_claude.mind.patterns import COUNTS
from offline_claude.mind.values import whole_number
from offline_claude.mind.words import collapse, name_words, stem

_MONEY = r"(?:€|\$|£|EUR|USD|GBP|CHF)?"
_PRICE = rf"{_MONEY} ?(?P<price>\d+(?:[.,]\d{{1,2}})?) ?{_MONEY}"
_COUNT = rf"(?P<count>\d{{1,5}}|{'|'.join(COUNTS[1:])}|an?)"
_PATTERNS = (
    # 2 x Emma at 8.00 each; three copies of Dune for 9.50 EUR
    re.compile(
        rf"{_COUNT} ?(?:x|×|\*|(?:copies|pieces|units|pcs)(?: of)?) ?"
        r"(?P<title>[\"“'\w][^\n;]{0,80}?)"
        rf",? ?(?:at|@|for|à|:|–|-|,|\(| ) ?{_PRICE}(?![\d%])",
        re.IGNORECASE,
    ),
    # - Emma (1 copy, 7.00 EUR)
    re.compile(
        rf"(?:^|[-*•;] |\n)(?P<title>[^\n;:(]{{1,80}}?) ?[(:,–-] ?{_COUNT} ?"
        rf"(?:x|×|copy|copies|pieces?|units?|pcs)?(?: ?(?:at|@|for|,|x|×) ?){_PRICE}",
        re.IGNORECASE,
    ),
)
_ROLES = {
    "title": "title name item product description book article label",
    "count": "quantity qty count copies amount units number pieces",
    "price": "price cost amount unit_price rate each",
}
_MOST_ROWS = 200


def rows(text: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Find the rows of a text.

    Args:
        text: Such as "2 x Emma at 8.00; 1 x Dune at 9.50", or a table.
        names: The properties that a row is to have.

    Returns:
        For each row the values by property, as far as they are known; none when nothing looks
        like a row.
    """
    table = list(_table(text, names))
    if len(table) > 0:
        return table[:_MOST_ROWS]
    flat = collapse(text)
    for pattern in _PATTERNS:
        found = []
        for m in pattern.finditer(flat):
            values = {
                "title": m["title"].strip(" \"'“”*-–,"),
                "count": _number(m["count"]),
                "price": _number(m["price"]),
            }
            found.append(_named(values, names))
        if found and len(found[0]) > 1:
            return found[:_MOST_ROWS]
    return []


def only_repeats(row: Any, values: list[Any]) -> bool:
    """Tell whether an object of a list holds nothing but what is said elsewhere.

    Args:
        row: The object.
        values: What is said elsewhere.

    Returns:
        True when all its values are among them.
    """
    return isinstance(row, dict) and all(value in values for value in row.values())


def tells_enough(value: Mapping[str, Any], items: Schema) -> bool:
    """Tell whether a part of a text speaks of an object of a list.

    Args:
        value: What was found in the part.
        items: The object's schema.

    Returns:
        True when it tells more than half of what is required, and of several properties two.
    """
    told = {n for n, v in value.items() if v not in (None, "", [], False, {}, 0)}
    wanted = {*required(items)} or {*properties(items)}
    return len(told) >= min(2, len(properties(items))) and 2 * len(told & wanted) > len(wanted)


def _named(values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Give each value to the property that is called so; each property takes one."""
    told: dict[str, Any] = {}
    for role in ("title", "count", "price"):
        words = _ROLES[role].split()
        for name in sorted(names, key=lambda n: -(name_words(n)[-1:] == [role])):
            own = {*name_words(name), name}
            total = own & {"total", "subtotal", "sum"}
            if name not in told and own & {*words} and not total:
                told[name] = values[role]
                break
    return told


def _table(text: str, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table whose first line names its columns."""
    lines = [line.strip() for line in text.split("\n")]
    for mark in ("|", "\t", ";", ","):
        cells = [[c.strip() for c in line.strip("|").split(mark)] for line in lines]
        for n, header in enumerate(cells[:-1]):
            columns = {i: name for i, c in enumerate(header) if (name := _column(c, names))}
            if len(columns) < 2 or len(header) > 40 or len({*columns.values()}) < len(columns):
                continue
            for row in cells[n + 1 :]:
                if len(row) != len(header):
                    break
                if not all(set(c) <= set("-: ") for c in row):
                    yield {name: _number(row[i]) for i, name in columns.items() if row[i]}
            return


def _column(heading: str, names: Sequence[str]) -> str:
    words = {stem(w) for w in name_words(heading)}
    if not words or len(heading) > 30:
        return ""
    same = [n for n in names if {stem(w) for w in name_words(n)} == words]
    near = [n for n in names if {stem(w) for w in name_words(n)} & words]
    roles = [{stem(r) for r in told.split()} for told in _ROLES.values()]
    akin = [n for n in names for r in roles if words & r and {stem(w) for w in name_words(n)} & r]
    return (same or near or akin or [""])[0]


def _number(text: str) -> Any:
    """A number where the text is one."""
    if text.lower() in ("a", "an"):
        return 1
    if text.lower() in COUNTS:
        return COUNTS.index(text.lower())
    if re.fullmatch(r"-?\d{1,12}(?:[.,]\d{1,4})?", text):
        return whole_number(float(text.replace(",", ".")))
    return text
