"""Emptiness: what stands in a value where nothing is known, and a schema wants something."""

from __future__ import annotations

import math
from typing import Any

from offline_claude.mind.json_schema import (
    DEEPEST,
    FORMATS,
    Schema,
    conforms,
    kind_of,
    limit,
    nullable,
    plain,
    properties,
    required,
)

_FLAT = {"string", "integer", "number", "boolean", "null"}


_MOST_ITEMS = (100, 10, 3, 1)
"""How many items an array is filled up to, by the number of arrays around it."""


def empty(
    spec: Any, root: Schema, depth: int = 0, inside: tuple[str, ...] = (), arrays: int = 0
) -> Any:
    """Make the emptiest value that satisfies a schema: nothing is known, but one has to be given.

    Args:
        spec: A schema.
        root: The whole schema.
        depth: How deep the value is nested.
        inside: The definitions that it is a part of.
        arrays: How many arrays it is an item of.

    Returns:
        null where that is allowed, else the default, "", 0, false, [] or {}, as near to these as
        the schema's limits allow.
    """
    if nullable(spec, root):
        return None
    spec = _simplest(spec) if depth > 1 else spec
    if isinstance(spec, dict) and isinstance(reference := spec.get("$ref"), str):
        if reference in inside:  # a thing that has to hold a thing of its kind has no end
            return {}
        inside = (*inside, reference)
    flat = plain(spec, root)
    if "const" in flat:
        return flat["const"]
    if "default" in flat and conforms(flat["default"], flat):
        return flat["default"]
    if isinstance(choices := flat.get("enum"), list) and choices:
        vague = ("unknown", "other", "none", "neutral", "unspecified", "n/a", "")
        return next((c for c in choices if str(c).lower() in vague), choices[0])
    match kind_of(flat):
        case "object":
            wanted = required(flat) if depth < 2 * DEEPEST else []
            named = properties(flat)
            return {n: empty(named[n], root, depth + 1, inside, arrays) for n in wanted}
        case "array":
            if depth >= 2 * DEEPEST or not (least := _least_items(flat, arrays)):
                return []
            return [empty(flat.get("items", {}), root, depth + 1, inside, arrays + 1)] * least
        case "integer" | "number":
            return _empty_number(flat)
        case "boolean":
            return False
        case "null":
            return None
    return _empty_text(flat)


def _simplest(spec: Any) -> Any:
    """Of alternatives, one that doesn't lead further: a recursive schema has to end somewhere."""
    options = (spec.get("anyOf") or spec.get("oneOf")) if isinstance(spec, dict) else None
    flat = [o for o in options or [] if isinstance(o, dict) and kind_of(o) in _FLAT and "type" in o]
    return flat[0] if flat else spec


def _least_items(spec: Schema, arrays: int) -> int:
    most = _MOST_ITEMS[min(arrays, len(_MOST_ITEMS) - 1)]
    return min(int(limit(spec, "minItems", 0)), most)


def complete(value: Any, spec: Any, root: Schema, depth: int = 0, arrays: int = 0) -> Any:
    """Add to a value what its schema requires and nothing has told.

    Args:
        value: What is known; None for nothing.
        spec: Its schema.
        root: The whole schema.
        depth: How deep the value is nested.
        arrays: How many arrays it is an item of.

    Returns:
        A value that satisfies the schema, as far as its rules are known here.
    """
    if value is None or depth > 2 * DEEPEST:
        return empty(spec, root, depth, arrays=arrays)
    flat = plain(spec, root)
    if isinstance(value, dict) and kind_of(flat) == "object":
        named = properties(flat)
        wanted = {n for n in required(flat) if n not in value}
        return {
            n: complete(value.get(n), s, root, depth + 1, arrays)
            for n, s in named.items()
            if n in value or n in wanted
        }
    if isinstance(value, list) and kind_of(flat) == "array":
        items = flat.get("items", {})
        padded = [*value, *[None] * (_least_items(flat, arrays) - len(value))]
        return [complete(v, items, root, depth + 1, arrays + 1) for v in padded]
    return value if conforms(value, flat) else empty(spec, root, depth, arrays=arrays)


def _empty_number(spec: Schema) -> Any:
    low = limit(spec, "minimum", limit(spec, "exclusiveMinimum", -math.inf))
    high = limit(spec, "maximum", limit(spec, "exclusiveMaximum", math.inf))
    near = [0.0, *(x + d for x in (low, high) if math.isfinite(x) for d in (0, 1, -1))]
    if math.isfinite(low) and math.isfinite(high):
        near.append((low + high) / 2)
    if step := limit(spec, "multipleOf", 0):
        near += [math.ceil(x / step) * step for x in near]
    if kind_of(spec) == "integer":
        near += [math.ceil(x) for x in near]
    values = [int(x) if float(x).is_integer() else x for x in near]
    return next((x for x in values if conforms(x, spec)), 0)


_SAMPLES = (
    "0",
    "a",
    "A",
    "00",
    "aa",
    "AA",
    "000",
    "AAA",
    "0000",
    "00000",
    "A0",
    "AA-00",
    "AAA-000",
)


def _empty_text(spec: Schema) -> str:
    if str(spec.get("format")) in FORMATS:
        return FORMATS[str(spec["format"])][0]
    least = min(int(limit(spec, "minLength", 0)), 100_000)
    first = "" if not least else "unknown".ljust(least, ".")
    first = first[: int(limit(spec, "maxLength", len(first)))]
    return next((s for s in (first, *_SAMPLES) if conforms(s, spec)), first)
