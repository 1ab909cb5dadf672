"""Mending: what an error says about a call, and the corrected call that follows from it."""

from __future__ import annotations

import re
from typing import Any

from offline_claude.mind.conversation import ToolRun, ToolUse
from offline_claude.mind.fill import fill
from offline_claude.mind.json_schema import Spec
from offline_claude.mind.shop_case import Case
from offline_claude.mind.words import name_words, pattern, stems


def corrected(case: Case, run: ToolRun, *, effect: bool) -> ToolUse | None:
    """Choose a failed call once more: with what its error names, or as it was if it says so.

    An effect that timed out may have worked: it is repeated only when the error asks for it.
    """
    if not run.failed or run.unsettled or run.name not in case.tools:
        return None
    error, same = run.text[:2000], case.uses(run.name)
    repeated = any(r.input == run.input for r in same if r is not run)
    if repeated or same[-1] is not run or pattern("never").search(error):
        return None
    if pattern("again").search(error) or (not effect and pattern("temporary").search(error)):
        return run.name, run.input
    if sum(r.failed for r in same) > 1:  # a second error is for the user to hear
        return None
    spec = case.spec(run.name)
    arguments = _mended(run.input, error, spec, case)
    return (run.name, arguments) if arguments and arguments != run.input else None


def _mended(given: dict[str, Any], error: str, spec: Spec, case: Case) -> dict[str, Any] | None:
    """Correct arguments by what an error says of them; None when it says nothing usable."""
    specs = spec.properties
    # What doesn't satisfy the schema, whatever the error says, is filled from the question again.
    kept = {n: v for n, v in given.items() if n in specs and specs[n].conforms(v)}
    if kept.keys() != given.keys() or {*spec.required} - kept.keys():
        return {**fill(spec, case.question, {**case.known_for(), **kept}, forced=True), **kept}
    # The argument that the error names, whose value it names, or a word of whose name it has.
    blamed = [n for n in specs if re.search(rf"\b{re.escape(n)}\b", error)]
    blamed += [n for n, v in given.items() if str(v) and str(v) in error]
    blamed += [n for n in specs if stems(" ".join(name_words(n))) & stems(error)]
    for name in [*blamed, *(given if len(given) == 1 else ())]:
        value = _choice(error, str(given.get(name) or ""), case.question)
        if value is not None and value != given.get(name) and specs[name].conforms(value):
            return {**given, name: value}
    return None


def _choice(error: str, old: str, question: str) -> str | None:
    """Of the values that an error lists, the one that was meant: near the old one, or said."""
    for m in pattern("listed_choices").finditer(error):
        listed = re.split(r"\s*(?:,|\bor\b|\band\b|\||/)\s*", m[1])
        values = [v.strip(" \t'\"“”`[](){}<>") for v in listed]
        values = [v for v in values if v and len(v.split()) <= 4 and v != old]
        if not values or re.match(r"an? |valid|not |in the|positive|non", m[1], re.IGNORECASE):
            continue
        near = [v for v in values if len(v) > 1 and v.lower() in question.lower()]
        near += [v for v in values if old and v.lower()[:3] == old.lower()[:3]]
        return [*near, *values][0]
    return None
