"""JSON schemas: what one asks for, and whether a value satisfies it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from offline_claude.mind.words import stems

Schema = Mapping[str, Any]

DEEPEST = 5

"""How far nested or recursive schemas are filled; what is required may nest a little deeper."""

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def plain(spec: Any, root: Schema, said: set[str] | None = None, depth: int = 0) -> Schema:
    """Follow references, merge `allOf`, and pick one alternative of `anyOf` and `oneOf`.

    Args:
        spec: A schema, or anything that stands in its place.
        root: The whole schema, which holds the definitions.
        said: Stems of what the text says, to pick the alternative that it speaks of.
        depth: How many `allOf` this schema stands in.

    Returns:
        A schema with a type, as far as it says one. Types other than null come first.
    """
    for _ in range(16):
        if not isinstance(spec, dict):
            return {}
        if "$ref" in spec:
            rest = {k: v for k, v in spec.items() if k != "$ref"}
            spec = {**_pointed(root, str(spec["$ref"])), **rest}
        elif isinstance(parts := spec.get("allOf"), list) and parts and depth < DEEPEST:
            own = {k: v for k, v in spec.items() if k != "allOf"}
            spec = _merged([plain(p, root, said, depth + 1) for p in (own, *parts)])
        elif isinstance(options := spec.get("anyOf") or spec.get("oneOf"), list) and options:
            around = {k: v for k, v in spec.items() if k not in ("anyOf", "oneOf")}
            spec = {**around, **_option(options, root, said or set())}
        else:
            break
    if isinstance(kinds := spec.get("type"), list):
        real = [k for k in kinds if k != "null"]
        return {**spec, "type": real[0] if real else "null"}
    return dict(spec)


def nullable(spec: Any, root: Schema) -> bool:
    """Tell whether null satisfies a schema.

    Args:
        spec: A schema.
        root: The whole schema.

    Returns:
        True when null is one of its types or alternatives.
    """
    for _ in range(16):
        if not isinstance(spec, dict) or "$ref" not in spec:
            break
        spec = _pointed(root, str(spec["$ref"]))
    if not isinstance(spec, dict):
        return False
    if isinstance(choices := spec.get("enum"), list):
        return None in choices
    options = spec.get("anyOf") or spec.get("oneOf") or []
    kinds = spec.get("type")
    return "null" in ([kinds] if isinstance(kinds, str) else kinds or []) or any(
        isinstance(o, dict) and o.get("type") == "null" for o in options
    )


def required(spec: Schema) -> list[str]:
    """List the properties that a schema wants in any case.

    Args:
        spec: An object's schema.

    Returns:
        Their names.
    """
    names = spec.get("required")
    return [n for n in names if isinstance(n, str)] if isinstance(names, list) else []


def properties(spec: Schema) -> dict[str, Any]:
    """List an object's properties with their schemas.

    Args:
        spec: An object's schema.

    Returns:
        Also the required ones that the schema forgets to describe.
    """
    named = spec.get("properties")
    described = dict(named) if isinstance(named, dict) else {}
    return described | {n: {} for n in required(spec) if n not in described}


def kind_of(spec: Schema) -> str:
    """Name the type that a plain schema asks for.

    Args:
        spec: A plain schema.

    Returns:
        Its type; "string" when it doesn't say.
    """
    if isinstance(kind := spec.get("type"), str):
        return kind
    for hint, kind in (("properties", "object"), ("items", "array"), ("minimum", "number")):
        if hint in spec:
            return kind
    return "string"


def limit(spec: Schema, name: str, otherwise: float) -> float:
    """Read a limit from a schema that nobody has checked.

    Args:
        spec: A schema.
        name: Such as "minimum".
        otherwise: What holds when the schema says nothing, or nothing usable.

    Returns:
        The limit.
    """
    value = spec.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return otherwise


def conforms(value: Any, spec: Schema) -> bool:
    """Check a value against a plain schema, one level deep.

    Args:
        value: A value.
        spec: A plain schema.

    Returns:
        False when type, enum, const, limits, pattern or format forbid it.
    """
    if "const" in spec:
        return bool(value == spec["const"])
    if isinstance(choices := spec.get("enum"), list):
        return value in choices
    kind = spec.get("type")
    if isinstance(kind, str) and kind in _KINDS:
        if not isinstance(value, _KINDS[kind]):
            return False
        if isinstance(value, bool) and kind != "boolean":
            return False
    if isinstance(value, str):
        return _text_conforms(value, spec)
    if isinstance(value, list):
        return limit(spec, "minItems", 0) <= len(value) <= limit(spec, "maxItems", math.inf)
    if isinstance(value, int | float) and not isinstance(value, bool):
        step = limit(spec, "multipleOf", 0)
        return (
            limit(spec, "minimum", -math.inf) <= value <= limit(spec, "maximum", math.inf)
            and value > limit(spec, "exclusiveMinimum", -math.inf)
            and value < limit(spec, "exclusiveMaximum", math.inf)
            and (not step or abs(value / step - round(value / step)) < 1e-9)
        )
    return True


def fit(value: Any, spec: Any, root: Schema | None = None) -> Any:
    """Turn a known value into the type that a schema wants, where that loses nothing.

    Args:
        value: A value from a tool's result or the question.
        spec: The property's schema.
        root: The whole schema, which holds the definitions.

    Returns:
        The value, as text or number if the schema says so.
    """
    kind = plain(spec, root or {}).get("type")
    if kind == "string":
        return value if isinstance(value, str) else str(value)
    if kind in ("integer", "number") and isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


# Texts that stand for nothing, where a format or a pattern doesn't allow the empty one.
FORMATS = {
    "email": ("unknown@example.com", r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "date": ("1970-01-01", r"\d{4}-\d\d-\d\d"),
    "date-time": ("1970-01-01T00:00:00Z", r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*"),
    "time": ("00:00:00Z", r"\d\d:\d\d.*"),
    "duration": ("PT0S", r"P.+"),
    "uri": ("https://example.com/", r"[a-zA-Z][\w+.-]*:\S*"),
    "url": ("https://example.com/", r"[a-zA-Z][\w+.-]*:\S*"),
    "uuid": ("00000000-0000-0000-0000-000000000000", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-.{12}"),
    "ipv4": ("192.0.2.0", r"\d+(?:\.\d+){3}"),
    "ipv6": ("::", r"[0-9a-fA-F:.]+"),
    "hostname": ("example.com", r"[\w.-]+"),
}

_RISKY = re.compile(r"\)[+*]|(?:[+*].*){4}")


def _text_conforms(value: str, spec: Schema) -> bool:
    if not limit(spec, "minLength", 0) <= len(value) <= limit(spec, "maxLength", math.inf):
        return False
    if (form := str(spec.get("format"))) in FORMATS and len(value) < 300:
        return bool(re.fullmatch(FORMATS[form][1], value))
    pattern = spec.get("pattern")
    # A pattern comes from the client: one that might take for ever is not tried.
    if isinstance(pattern, str) and len(pattern) < 300 and not _RISKY.search(pattern):
        try:
            return bool(re.search(pattern, value[:200]))
        except re.error:
            return True
    return True


def _pointed(root: Schema, reference: str) -> dict[str, Any]:
    place: Any = root
    for step in filter(None, reference.lstrip("#").split("/")):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, list) and key.isdigit() and int(key) < len(place):
            place = place[int(key)]
        elif isinstance(place, Mapping):
            place = place.get(key)
    return dict(place) if isinstance(place, Mapping) else {}


def _merged(parts: list[Schema]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for part in parts:
        named, wanted = {**properties(whole), **properties(part)}, required(whole) + required(part)
        whole |= part
        whole |= {"properties": named} if named else {}
        whole |= {"required": wanted} if wanted else {}
    return whole


def _option(options: list[Any], root: Schema, said: set[str]) -> dict[str, Any]:
    """The alternative that the text speaks of, else the first that isn't null."""
    real = [o for o in options if isinstance(o, dict) and o.get("type") != "null"]

    def spoken_of(option: dict[str, Any]) -> int:
        target = _pointed(root, str(option["$ref"])) if "$ref" in option else option
        marks = [str(option.get("$ref", "")).rsplit("/", 1)[-1], str(target.get("title", ""))]
        inner = target.get("properties")
        for spec in [target, *(inner.values() if isinstance(inner, dict) else ())]:
            if isinstance(spec, dict):
                marks += [str(spec.get("const", "")), *map(str, spec.get("enum") or [])]
        return len(stems(" ".join(marks)) & said)

    nearest: dict[str, Any] = max(real, key=spoken_of, default={"type": "null"})
    return nearest
