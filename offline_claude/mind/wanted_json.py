"""Wanted JSON: a schema, or the wish for JSON, that stands in the words of a prompt."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from offline_claude.mind.case import Case
from offline_claude.mind.continuation import asked_keys, guessed
from offline_claude.mind.json_schema import Schema

_WANTS = re.compile(
    r"\b(?:respond|answer|reply|return|give|output|produce|provide|write|format|conform|match"
    r"|adhere|generate|extract|structure|must be|should be)\w*\b[^\n]{0,120}\bjson\b"
    r"|\bjson\b[^\n]{0,60}\b(?:schema|object|only|format)\b",
    re.IGNORECASE,
)
_STRICTLY = re.compile(r"\b(?:only|must|always|valid|exactly|strictly|nothing else)\b", re.I)
_NO_FENCE = re.compile(
    r"\b(?:no|not|without|don't|don’t|avoid)\b[^\n]{0,60}(?:fenc|markdown|code ?block|```)", re.I
)
_ABOUT_JSON = re.compile(r"^[^\n]*\b(?:json|schema)\b[^\n]*$", re.IGNORECASE | re.MULTILINE)
_MOST_TRIES = 60
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class WantedJson:
    """JSON that a prompt asks for in words.

    Attributes:
        schema: What it has to satisfy.
        fenced: Whether it is to stand between the marks of a code block.
        texts: What to fill it from: the user's text without the schema.
    """

    schema: Schema
    fenced: bool
    texts: tuple[str, ...]


def wanted_json(case: Case) -> WantedJson | None:
    """Find the JSON that a prompt asks for.

    Args:
        case: The case.

    Returns:
        What is wanted; None when the words ask for no JSON.
    """
    for place in (case.written, case.system):
        wish = _WANTS.search(place[:100_000])
        if not wish:
            continue
        fenced = "```json" in place and not _NO_FENCE.search(place)
        if found := _schema(place):
            schema, told = found
            text = case.written
            if place is case.written:
                text = _ABOUT_JSON.sub("", text.replace(told, "")).strip() or text
            return WantedJson(schema, fenced, (text,))
        around = place[max(0, wish.start() - 80) : wish.end() + 80]
        if place is case.written or _STRICTLY.search(around):
            keys = asked_keys(place[:5000])
            keys = keys if keys or place is case.system else asked_keys(case.system[:5000])
            named = {k: guessed(k) for k in keys or ["answer"]}
            wanted: Schema = {"type": "object", "properties": named, "required": [*named]}
            return WantedJson(wanted, fenced, (case.written,))
    return None


def _schema(text: str) -> tuple[Schema, str] | None:
    """The first JSON schema of an object in a text, and how it is written there."""
    at = tries = 0
    while '"properties"' in text[at:] and tries < _MOST_TRIES:
        at = text.find("{", at)
        if at < 0:
            break
        tries += 1
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if isinstance(value, dict) and isinstance(value.get("properties"), dict):
            return value, text[at:end]
        inner = value.get("schema") if isinstance(value, dict) else None
        if isinstance(inner, dict) and isinstance(inner.get("properties"), dict):
            return inner, text[at:end]
        at = end
    return None
