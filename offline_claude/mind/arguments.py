"""Arguments for a tool: values found in the question and in results, fitted to a JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offline_claude.mind.filler import Filler
from offline_claude.mind.json_schema import (
    Schema,
    kind_of,
    plain,
    properties,
    required,
)
from offline_claude.mind.matching import candidates, listed_with
from offline_claude.mind.values import Passage


def fill(
    schema: Schema,
    text: str,
    known: Mapping[str, Any] | None = None,
    *,
    forced: bool = False,
    about: str = "",
) -> dict[str, Any]:
    """Fill in a tool's arguments.

    Args:
        schema: The tool's input schema.
        text: The question.
        known: Values known by argument name, such as the order being talked about.
        forced: Whether the call must be made even if the question leaves something open.
        about: The tool's name.

    Returns:
        Every required argument, and the optional ones that the question mentions.

    Raises:
        MissingArgument: A required one can't be found, and the call isn't forced.
    """
    filler = Filler(schema, Passage(text), known or {}, forced=forced, about=about)
    return filler.object(plain(schema, schema))


def fill_each(
    schema: Schema,
    text: str,
    known: Mapping[str, Any],
    about: str = "",
    before: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Fill in a tool's arguments once for each thing that the question lists.

    Args:
        schema: The tool's input schema.
        text: The question, such as "the weather in Paris, Rome and Oslo".
        known: Values known by argument name.
        about: The tool's name.
        before: The arguments it was given before, if the question goes back to that.

    Returns:
        Several sets when one argument alone has several values of its kind, else one.

    Raises:
        MissingArgument: A required argument can't be found.
    """
    passage = Passage(text)
    filler = Filler(schema, passage, known, forced=False, about=about)
    filler.before = before or {}
    one = filler.object(plain(schema, schema))
    specs = {n: plain(s, schema) for n, s in properties(schema).items()}
    kinds = {n: tuple(filler.slot(n, specs[n]).kinds) for n in one if kind_of(specs[n]) == "string"}
    for name in required(schema):
        spec = specs[name]
        if name not in one or spec.get("enum") or "const" in spec:
            continue
        slot = filler.slot(name, spec)
        if kind_of(spec) == "string":
            alone = [*kinds.values()].count(kinds.get(name, ())) == 1 and bool(slot.kinds)
        else:
            alone = kind_of(spec) in ("integer", "number") and len(required(schema)) == 1
        if not alone:
            continue
        others = [s for s in filler.taken if s.value != one[name]]
        found = candidates(passage, slot, others)
        several = list(dict.fromkeys(listed_with(passage, found, one[name])))
        if len(several) > 1 and one[name] in several:
            return [{**one, name: v} for v in several]
    return [one]
