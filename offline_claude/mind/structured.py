"""Structured answers: JSON that satisfies a schema, filled from what was said and found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from offline_claude.mind.emptiness import complete
from offline_claude.mind.filler import Filler
from offline_claude.mind.json_schema import (
    Schema,
    conforms,
    fit,
    kind_of,
    plain,
    properties,
)
from offline_claude.mind.results import pairs
from offline_claude.mind.said import feelings
from offline_claude.mind.values import Passage
from offline_claude.mind.words import name_words

_TAGGED = re.compile(r"<(\w{1,40})>\s*([^<]{10,20000}?)\s*</\1>")
_ASKED = re.compile(
    r"^[^:\n]{0,200}\b(?:extract|classify|analy[sz]e|summari[sz]e|parse|read|convert|turn|identify"
    r"|detect|rate|categori[sz]e|record|print|sentiment|text|review|describe|find|give|return)"
    r"\b[^:\n]{0,200}(?::|\n)\s*(?=\S)",
    re.IGNORECASE,
)
_ANSWER = {
    "answer",
    "response",
    "reply",
    "result",
    "output",
    "explanation",
    "reasoning",
    "rationale",
}
_ABSTRACT = {"summary", "abstract", "gist", "tldr", "overview", "headline"}


def material(question: str) -> str:
    """Find what a request is about, without the request: the text to extract from.

    Args:
        question: Such as "Extract the person: Ada Lovelace is 36".

    Returns:
        What stands in tags, else after the colon, else the question.
    """
    start = question[:20_000]
    if tagged := _TAGGED.search(start):
        return tagged[2]
    if asked := _ASKED.match(start):
        rest = start[asked.end() :].strip().strip("\"“”'")
        return rest if len(rest.split()) > 2 else question
    return question


def extracted(
    schema: Schema,
    texts: Sequence[str],
    known: Mapping[str, Any],
    about: str = "",
    answer: str = "",
) -> Any:
    """Fill a whole schema from texts; nothing is asked, what isn't known stays empty.

    Args:
        schema: A schema of any type.
        texts: What was said, the most telling first.
        known: Values known by name.
        about: What the value is, such as a tool's name.
        answer: The answer in words, for fields that want one.

    Returns:
        A value that satisfies the schema, as far as its rules are known here.
    """
    passages = [Passage(material(text)) for text in texts if text.strip()] or [Passage("")]
    # Any schema can be a property: so one that isn't an object needs no rules of its own.
    wrapped = {"type": "object", "properties": {"items": schema}, "required": ["items"]}
    found: Any = None
    for passage in passages:
        filler = Filler(schema, passage, known, forced=True, whole=True, about=about)
        filler.writes = partial(_written, answer)
        found = _merged(found, filler.object(wrapped).get("items"))
    if found is None and kind_of(plain(schema, schema)) == "string" and conforms(answer, schema):
        found = answer
    return complete(found, schema, schema)


def from_results(schema: Schema, results: Sequence[Any]) -> dict[str, Any]:
    """Take over what tools returned under the very names that a schema has.

    Args:
        schema: The schema of the answer.
        results: What the tools returned, read as JSON.

    Returns:
        Values by property, rows too; {} when the schema isn't one of an object.
    """
    whole = plain(schema, schema)
    found: dict[str, Any] = {}
    every = list(pairs(list(results)))
    lists = [v for v in [*results, *(v for _, v in every)] if isinstance(v, list)]
    for name, raw in properties(whole).items() if kind_of(whole) == "object" else ():
        spec = plain(raw, schema)
        columns = properties(plain(spec.get("items", {}), schema)).keys()
        if kind_of(spec) == "array" and columns:
            rows = next((v for v in lists if v and _are_rows(v, columns)), [])
            found[name] = [{k: row[k] for k in columns if k in row} for row in rows]
        else:
            same = (v for k, v in every if k == name and conforms(v, spec))
            found[name] = next(same, None)
    known = {name: value for name, value in found.items() if value not in (None, [])}
    tables = [value for value in known.values() if isinstance(value, list)]
    if "count" in found and "count" not in known and len(tables) == 1:
        known["count"] = len(tables[0])
    return known


def _are_rows(value: list[Any], columns: Iterable[str]) -> bool:
    return all(isinstance(row, dict) and row.keys() & set(columns) for row in value)


def as_json(value: Any) -> str:
    """Write a value as the compact JSON of a structured answer.

    Args:
        value: A value.

    Returns:
        JSON without white space between its parts.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _merged(first: Any, second: Any) -> Any:
    """What two texts tell, where the first one counts more."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {**second, **{k: _merged(v, second.get(k)) for k, v in first.items()}}
    return second if first in (None, "", []) else first


def _written(answer: str, name: str, spec: Schema, passage: Passage) -> Any:
    """Scores, summaries and answers: they follow from a text, but don't stand in it."""
    words = {*name_words(name)}
    if kind_of(spec) in ("number", "integer"):
        return _score(words, spec, passage)
    if kind_of(spec) == "string" and not spec.get("enum"):
        if words & _ABSTRACT and (first := _first_sentence(passage.text)):
            return first if conforms(first, spec) else None
        if words & _ANSWER and answer and conforms(answer, spec):
            return answer
    return None


def _score(words: set[str], spec: Schema, passage: Passage) -> Any:
    """How positive, negative or neutral a text is, from 0 to 1."""
    if not words & {"positive", "negative", "neutral", "sentiment", "polarity"}:
        return None
    good, bad = feelings(passage)
    every = max(1, good + bad)
    share = {"positive": good / every, "negative": bad / every, "neutral": float(not good + bad)}
    mood = next((share[w] for w in share if w in words), (good - bad) / every)
    value = fit(round(mood, 2), spec)
    return value if conforms(value, spec) else None


def _first_sentence(text: str) -> str:
    end = re.search(r"[.!?](?=\s|$)", text[:400])
    return (text[: end.end()] if end else text[:200]).strip()
