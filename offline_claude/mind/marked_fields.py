"""Marked fields: an answer in parts, each under a line such as "[[ ## answer ## ]]"."""

from __future__ import annotations

import json
import re
from typing import Any

from offline_claude.mind.json_schema import Schema, properties

_MARK = re.compile(r"\[\[ ## (\w{1,60}) ## \]\]")
_WANTED = re.compile(r"^(?:Respond with|Outputs?) .*\bfields?\b.*$", re.MULTILINE)
_NAMED = re.compile(
    r"`(?:\[\[ ## )?(?P<name>\w{1,60})(?: ## \]\])?`"
    r"(?: \(must be formatted as a valid Python (?P<kind>[^)]{1,200})\))?"
)
_KINDS = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}
_LAST = "completed"


def question_in_fields(text: str) -> str:
    """Take the marks, and the wish for marked fields, out of a question.

    Args:
        text: A user's message.

    Returns:
        The contents of its fields; the text as it is when it has none.
    """
    if not _MARK.search(text[:2000]):
        return text
    return _MARK.sub("", _WANTED.sub("", text)).strip()


def wanted_fields(text: str, system: str) -> Schema | None:
    """Find the marked fields that a prompt asks for.

    Args:
        text: The user's message as it was sent.
        system: The system prompt, which may hold the fields' schemas.

    Returns:
        A schema with a property for each field; None when no marked fields are asked for.
    """
    asked = _WANTED.search(text)
    if not asked or not _MARK.search(asked[0]):
        return None
    fields: dict[str, Any] = {}
    for m in _NAMED.finditer(asked[0]):
        if m["name"] != _LAST:
            fields[m["name"]] = _schema(m["name"], m["kind"] or "str", system)
    return {"type": "object", "properties": fields, "required": [*fields]} if fields else None


def in_fields(value: dict[str, Any], schema: Schema) -> str:
    """Write an answer as marked fields.

    Args:
        value: The answer.
        schema: The fields.

    Returns:
        Each field under its mark, with the mark of the end.
    """
    told = {k: value.get(k) for k in properties(schema)}
    parts = [
        f"[[ ## {k} ## ]]\n{v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)}"
        for k, v in told.items()
    ]
    return "\n\n".join([*parts, f"[[ ## {_LAST} ## ]]"])


def _schema(name: str, kind: str, system: str) -> Schema:
    """A field's schema by its Python type, or as the system prompt gives it."""
    if kind in _KINDS:
        return {"type": _KINDS[kind]}
    if kind.startswith("Literal["):
        return {"enum": re.findall(r"'([^']*)'", kind)}
    if inner := re.fullmatch(r"list\[(\w+)\]", kind):
        return {"type": "array", "items": {"type": _KINDS.get(inner[1], "string")}}
    given = re.search(rf"\{{{name}\}}[^\n]*?JSON schema: ", system[:100_000])
    if given:
        try:
            value, _ = json.JSONDecoder().raw_decode(system, given.end())
        except (ValueError, RecursionError):
            value = {}
        return value if isinstance(value, dict) else {}
    return {"type": "string"}
