"""Mending: what an error message says about the arguments, and the call that follows from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from offline_claude.mind.json_schema import (
    Schema,
    conforms,
    fit,
    kind_of,
    plain,
    properties,
)
from offline_claude.mind.matching import best
from offline_claude.mind.said import said_choices
from offline_claude.mind.slots import Slot
from offline_claude.mind.values import Passage
from offline_claude.mind.words import name_words, stem, stems
from offline_claude.request import ToolRun

_SAYS_AGAIN = re.compile(
    r"\btry(?:ing)? (?:it |this )?again\b|\bretry\b|\bplease repeat\b", re.IGNORECASE
)
_SAYS_NEVER = re.compile(
    r"\b(?:do not|don't|never|must not|mustn't|should not|shouldn't)\b[^.!?\n]{0,40}"
    r"\b(?:again|retry|repeat|re-?run|re-?send)\b|\bnon-?retryable\b"
    r"|\bnot (?:be )?(?:retried|repeated|retryable)\b",
    re.IGNORECASE,
)
_TEMPORARY = re.compile(
    r"\btemporar|\btime[ds]?[ -]?out\b|\btimeout\b|\bunavailable\b|\boverloaded\b|\brate limit"
    r"|\btoo many requests\b|\b(?:429|502|503|504)\b|\bconnection (?:reset|refused|error)",
    re.IGNORECASE,
)
_CHOICES = re.compile(
    r"\b(?:must be|should be|one of|expected|did you mean|allowed(?: values)?|available(?: \w+)?"
    r"|valid (?:\w+ )?(?:are|is|values)|choose (?:from|between)|either|supported(?: \w+)?|use)\b"
    r"(?: either| one of| are| is| in)?\s*[:(\[]?\s*([^.;?!\n]{1,300})",
    re.IGNORECASE,
)
_LETTERS = re.compile(
    r"(?P<upper>\bupper[ -]?case|\bcapital letters|\ball caps)|\blower[ -]?case", re.IGNORECASE
)
_N = r"(-?\d+(?:\.\d+)?)"
_LIMIT = re.compile(
    rf"(?:at most|no more than|less than or equal to|maximum(?: is| of)?|<=) {{0,3}}(?P<high>{_N})"
    rf"|(?:at least|no less than|greater than or equal to|minimum(?: is| of)?|>=)"
    rf" {{0,3}}(?P<low>{_N})"
    rf"|between (?P<from>{_N}) and (?P<to>{_N})",
    re.IGNORECASE,
)


def forbids_more(error: str) -> bool:
    """Tell whether an error asks not to be answered by another call.

    Args:
        error: What the tool said.

    Returns:
        True for such as "Do not call it again".
    """
    return bool(_SAYS_NEVER.search(error[:2000]))


def is_temporary(error: str, *, effect: bool = False) -> bool:
    """Tell whether an error may be gone the next time.

    Args:
        error: What the tool said.
        effect: Whether the tool changes something: that is only repeated when the error asks
            for it, for a call that timed out may have worked.

    Returns:
        True when the same call is worth one more try.
    """
    return bool(
        _SAYS_AGAIN.search(error[:2000]) or (not effect and _TEMPORARY.search(error[:2000]))
    )


def mended(
    run: ToolRun, schema: Schema, question: str, known: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Correct a call by what its error says.

    Args:
        run: The call that failed.
        schema: The tool's input schema.
        question: The user's question.
        known: Values known by argument name.

    Returns:
        Other arguments, or None when the error names nothing that would help.
    """
    error = run.text[:2000]
    specs = {n: plain(s, schema) for n, s in properties(schema).items()}
    for name in _blamed(error, run.input, specs):
        value = _better(error, name, specs[name], run.input.get(name), question, known)
        if value is not None and value != run.input.get(name):
            return {**run.input, name: value}
    return None


def _blamed(error: str, given: Mapping[str, Any], specs: Mapping[str, Schema]) -> list[str]:
    """The arguments that an error is about, the one it names first."""
    said = stems(error)
    named = [n for n in specs if re.search(rf"\b{re.escape(n)}\b", error, re.IGNORECASE)]
    akin = [n for n in specs if {stem(w) for w in name_words(n)} & said]
    quoted = [n for n, v in given.items() if isinstance(v, str) and v and v in error and n in specs]
    alone = list(given) if len(given) == 1 else []
    return list(dict.fromkeys([*named, *quoted, *akin, *(n for n in alone if n in specs)]))


def _better(
    error: str, name: str, spec: Schema, old: Any, question: str, known: Mapping[str, Any]
) -> Any:
    if kind_of(spec) in ("integer", "number") and (m := _LIMIT.search(error)):
        high, low = m["high"] or m["to"], m["low"] or m["from"]
        number = old if isinstance(old, int | float) else 0
        if re.search(rf"(?<![\d.]){re.escape(f'{number:g}')}(?![\d.]*\d)", question):
            return None  # what the user has said isn't ours to change
        number = min(number, float(high)) if high else number
        number = max(number, float(low)) if low else number
        limited = int(number) if float(number).is_integer() else number
        return limited if conforms(limited, spec) else None
    if isinstance(old, str) and (m := _LETTERS.search(error)):
        cased = old.upper() if m["upper"] else old.lower()
        return cased if conforms(cased, spec) else None
    if isinstance(old, str) and re.search(
        r"\b(?:number|numeric|integer|int|float)\b", error, re.IGNORECASE
    ):
        read = fit(old, {"type": "number"})
        read = int(read) if isinstance(read, float) and read.is_integer() else read
        if conforms(read, spec) and read != old:
            return read
    if kind_of(spec) == "string" and (value := _choice(error, old, question)) is not None:
        return value if conforms(value, spec) else None
    if old is None:
        found = best(Passage(question), Slot(name, spec), [])
        return found[0] if found else fit(known[name], spec) if name in known else None
    return None


def _choice(error: str, old: Any, question: str) -> str | None:
    """The value of those an error lists that the question means, or that is near the old one."""
    for m in _CHOICES.finditer(error):
        listed = re.split(r"\s*(?:,|\bor\b|\band\b|\||/)\s*", m[1])
        values = [v.strip(" \t'\"“”`[](){}<>") for v in listed]
        values = [v for v in values if v and len(v.split()) <= 4]
        if not values or stems(m[1]) <= stems("a valid number integer string"):
            continue
        if re.match(r"an? |valid|not |in the|positive|non", m[1], re.IGNORECASE):
            continue
        near = [
            *(v for v in values if v.lower() == str(old).lower()),
            *(v for v in values if len(v) > 1 and v.lower() in question.lower()),
            *(v for v in values if old and _begin_alike(v.lower(), str(old).lower())),
        ]
        if near := [v for v in near if v != old]:
            return near[0]
        meant = said_choices(Passage(question), values)
        return meant[0] if meant else next((v for v in values if v != old), None)
    return None


def _begin_alike(one: str, other: str) -> bool:
    return one.startswith(other[:3]) or other.startswith(one)
