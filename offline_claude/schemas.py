"""JSON schemas, of tools and of answers: valid, satisfied, and strict enough to be enforced."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from pydantic_core import SchemaError, SchemaValidator
from pydantic_core.core_schema import str_schema

_NUMERIC = ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf")
_UNSUPPORTED = {"number": _NUMERIC, "integer": _NUMERIC, "array": ("maxItems", "uniqueItems")}
"""Keywords that can't be enforced while an answer is being written, by type."""

_MOST_REMEMBERED = 16_384
"""Characters of a schema that is worth remembering."""

_LONGEST_PATTERN, _MOST_MATCHED = 300, 200
"""Characters of a pattern that is tried, and of a text that it is tried on."""


@cache
def load() -> Any:
    """Import the validator of JSON Schema, late because it takes a second.

    Returns:
        A validator class that tries no patterns: a sender's pattern could take forever.
    """
    # jsonschema would import a grammar of IRIs too, which takes most of that second.
    unwanted = {"rfc3987_syntax"} - sys.modules.keys()
    sys.modules.update(dict.fromkeys(unwanted))  # type: ignore[arg-type]
    try:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import extend
    finally:
        for name in unwanted:
            del sys.modules[name]
    untried = {"pattern": _satisfied, "patternProperties": _satisfied}
    return extend(Draft202012Validator, untried)  # type: ignore[no-untyped-call]


def _satisfied(*_: object) -> tuple[()]:
    """Find no error."""
    return ()


def schema_error(schema: Mapping[str, Any]) -> str | None:
    """Say what makes a schema invalid under JSON Schema draft 2020-12; None if it is valid."""
    # An agent sends the same tools with every call.
    encoded = json.dumps(schema)
    if len(encoded) > _MOST_REMEMBERED:
        return _schema_error(encoded)
    return _remembered(encoded)


def _schema_error(encoded: str) -> str | None:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(json.loads(encoded))
    except SchemaError as err:
        return str(err.message)
    return None


_remembered = lru_cache(maxsize=512)(_schema_error)


def instance_error(value: object, schema: Mapping[str, Any]) -> str | None:
    """Say why a value doesn't satisfy a valid schema; None if it does.

    No pattern is tried, and no reference to somewhere else is fetched.
    """
    from jsonschema.exceptions import best_match
    from referencing import Registry

    try:
        found = best_match(load()(schema, registry=Registry()).iter_errors(value))
    except Exception:  # a reference to somewhere else, or in circles
        return "the schema has a reference that can't be resolved"
    return str(found.message) if found else None


def is_instance(value: object, schema: object, root: Mapping[str, Any]) -> bool:
    """Tell whether a value satisfies a part of a valid schema, as `instance_error` does.

    Args:
        value: What JSON can hold.
        schema: The part.
        root: The whole schema, which holds the definitions.
    """
    from referencing import Registry

    try:
        return bool(load()(root, registry=Registry()).evolve(schema=schema).is_valid(value))
    except Exception:  # a reference to somewhere else, or in circles
        return False


def may_fit(text: str, pattern: str) -> bool:
    """Tell whether the beginning of a text fits a client's pattern, or that can't be told."""
    matcher = _matcher(pattern) if len(pattern) <= _LONGEST_PATTERN else None
    return matcher is None or matcher.isinstance_python(text[:_MOST_MATCHED])


@lru_cache(16)  # each has at most 10 MB
def _matcher(pattern: str) -> SchemaValidator | None:
    """Compile a pattern with Rust's engine, which never backtracks; None for what it lacks."""
    try:
        return SchemaValidator(str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError:  # looks around or back, or is too large
        return None


def optional_parameters(schema: Mapping[str, Any]) -> int:
    """Count the properties, at any depth, that a schema doesn't require."""
    return sum(
        len((part.get("properties") or {}).keys() - set(part.get("required") or []))
        for part in _parts(schema)
    )


def strictness_error(schema: Mapping[str, Any]) -> str | None:
    """Say why a schema can't be enforced while an answer is being written; None if it can."""
    return next(filter(None, map(_strictness_error, _parts(schema))), None) or _reference_error(
        schema
    )


def _strictness_error(part: Mapping[str, Any]) -> str | None:
    if not {"type", "anyOf", "oneOf", "allOf", "enum", "const", "$ref"} & part.keys():
        return "Invalid schema: Schema must have a 'type', 'anyOf', 'oneOf', or 'allOf' field"
    if "oneOf" in part:
        return "Schema type 'oneOf' is not supported"
    declared = part.get("type")
    kinds = declared if isinstance(declared, list) else [declared]
    if "object" in kinds and part.get("additionalProperties") is not False:
        if part.get("additionalProperties"):
            return "For 'object' type, 'additionalProperties: true' is not supported."
        return "For 'object' type, 'additionalProperties' must be explicitly set to false"
    if "array" in kinds and part.get("minItems", 0) > 1:
        return (
            "For 'array' type, 'minItems' values other than 0 or 1 are not supported "
            f"(got: {part['minItems']})"
        )
    for kind in kinds:
        if found := sorted(key for key in _UNSUPPORTED.get(str(kind), ()) if key in part):
            several = f"properties {', '.join(found)} are"
            which = f"property '{found[0]}' is" if len(found) == 1 else several
            return f"For '{kind}' type, {which} not supported"
    if declared is not None:
        fits = load()({"type": declared}).is_valid
        if odd := [value for value in part.get("enum") or [] if not fits(value)]:
            shown = declared if isinstance(declared, str) else json.dumps(declared)
            return f"Invalid schema: Enum value {odd[0]!r} does not match declared type '{shown}'"
    return None


def _reference_error(schema: Mapping[str, Any]) -> str | None:
    """References lead to definitions of this schema, and not back to where they came from."""
    definitions = {**(schema.get("definitions") or {}), **(schema.get("$defs") or {})}
    known = {f"#/{key}/{name}": name for key in ("$defs", "definitions") for name in definitions}
    refers: dict[str, list[str]] = {}
    for name, part in {**definitions, "": schema}.items():
        references = [
            str(inner["$ref"]) for inner in _parts(part, inside=not name) if "$ref" in inner
        ]
        for reference in references:
            if reference == "#":
                return _circular("root -> root")
            if reference not in known:
                return f"Invalid schema: Reference '{reference}' can't be resolved"
        refers[name] = [known[reference] for reference in references]
    done: set[str] = set()

    def cycle(path: list[str]) -> str | None:
        for name in refers[path[-1]]:
            if name in path:
                return " -> ".join([*path[path.index(name) :], name])
            if name not in done and (found := cycle([*path, name])):
                return found
        done.add(path[-1])
        return None

    found = next(filter(None, (cycle([name]) for name in refers if name not in done)), None)
    return _circular(found) if found else None


def _circular(cycle: str) -> str:
    return (
        f"Invalid schema: Circular reference detected in schema definitions: {cycle}. "
        "Self-referencing or mutually-referencing definitions are not supported."
    )


def _parts(schema: object, *, inside: bool = False) -> Iterator[Mapping[str, Any]]:
    """A schema and the schemas in it, without its definitions if only the inside is wanted."""
    if not isinstance(schema, Mapping):
        return
    yield schema
    for key in ("properties",) if inside else ("properties", "$defs", "definitions"):
        for inner in (schema.get(key) or {}).values():
            yield from _parts(inner)
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for inner in schema.get(key) or []:
            yield from _parts(inner)
    yield from _parts(schema.get("items"))
