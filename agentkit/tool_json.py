"""Between Claude's JSON and Python: the schema, the arguments and the result of a tool.

The schema that Claude reads and the check of what it sends come from one pydantic model of the
function's signature. `check_promise` holds both against each other when a tool is declared.
"""

from __future__ import annotations

import base64
import inspect
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import chain, islice, product
from types import SimpleNamespace
from typing import Annotated, Any, TypeAlias, cast, get_args, get_type_hints

import pydantic
import pydantic_core
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import DecimalSchema, DictSchema, ErrorType
from temporalio import workflow

from agentkit.messages import canonical_json

Schema: TypeAlias = dict[str, Any]
"""A JSON schema."""

Blocks: TypeAlias = list[dict[str, Any]]
"""Content blocks of the Messages API: text, images, documents, search results."""

MOST_IMAGE_CHARACTERS = 5 * 2**20
"""The API's own limit of an image, in characters of base64."""


_MOST_SAID, _MOST_CHARACTERS = 20, 2_000
"""Of what doesn't fit: how many errors are told, and in how many characters."""


class UnusableResult(Exception):
    """A tool has run, and Claude can't get what it returned; the message says why."""


def model_of(
    name: str, function: Callable[..., Any], namespace: Mapping[str, Any]
) -> type[pydantic.BaseModel]:
    """Build the model of a function's arguments; its n-th field is the n-th parameter.

    Args:
        name: The tool's name.
        function: A function with an annotation for each parameter.
        namespace: Names around the function that annotations in quotes may use, beside those of
            its module.

    Raises:
        TypeError: An annotation means nothing, or is of a type that JSON can't carry.
    """
    known = {**namespace, **getattr(inspect.unwrap(function), "__globals__", {})}
    parameters = inspect.signature(function).parameters
    try:
        # Of the parameters only: the type of the result may be one that only the type checker sees.
        annotations = {name: p.annotation for name, p in parameters.items()}
        annotated = SimpleNamespace(__annotations__=annotations)
        hints = get_type_hints(annotated, globalns=known, include_extras=True)
        fields: dict[str, Any] = {}
        for number, (parameter, p) in enumerate(parameters.items()):
            hint, has_default = hints[parameter], p.default is not p.empty
            info = (
                FieldInfo.from_annotated_attribute(hint, p.default)
                if has_default
                else FieldInfo.from_annotation(hint)
            )
            # A parameter may have a name that a model needs for itself ("copy").
            alias = info.validation_alias or parameter
            name_in_json = alias.choices[0] if isinstance(alias, pydantic.AliasChoices) else alias
            if isinstance(name_in_json, str):  # else `check_promise` refuses it
                names = pydantic.Field(validation_alias=alias, serialization_alias=name_in_json)
                hint = Annotated[hint, names]
            fields[f"argument_{number}"] = (hint, p.default) if has_default else hint
        config = pydantic.ConfigDict(extra="forbid", protected_namespaces=())
        return pydantic.create_model(name, __config__=config, **fields)
    except (NameError, pydantic.errors.PydanticUserError) as err:
        raise TypeError(_no_type(name, err)) from None


def schema_of(function: Callable[..., Any], model: type[pydantic.BaseModel]) -> Schema:
    """Describe the arguments as JSON schema, with the words of the docstring's `Args:` section."""
    schema = _schema(model)
    meant = {p.arg_name: {"description": p.description} for p in _docstring(function).params}
    properties = schema["properties"]
    for parameter, name in zip(inspect.signature(function).parameters, properties, strict=True):
        properties[name] = dict(sorted({**meant.get(parameter, {}), **properties[name]}.items()))
    del schema["title"]
    return schema


def _schema(model: type[pydantic.BaseModel]) -> Schema:
    try:
        return model.model_json_schema(schema_generator=_Truthful)
    except pydantic.errors.PydanticUserError as err:
        raise TypeError(_no_type(model.__name__, err)) from None


class _Truthful(GenerateJsonSchema):
    """Pydantic's own schemas, but for two that promise more text than they take."""

    def decimal_schema(self, schema: DecimalSchema) -> Schema:
        found = super().decimal_schema(schema)
        for branch in found.get("anyOf", ()):
            if branch == {"type": "string"}:
                branch["pattern"] = r"^-?[0-9]{1,99}(\.[0-9]{1,99})?$"
        return found

    def dict_schema(self, schema: DictSchema) -> Schema:
        found = super().dict_schema(schema)
        if schema.get("keys_schema", {}).get("type") == "int":
            found["propertyNames"] = {"pattern": "^-?[0-9]{1,18}$"}
        return found


def description_of(function: Callable[..., Any]) -> str:
    """Read from the docstring what the tool is for: all of it but its sections."""
    found = _docstring(function)
    return "\n\n".join(filter(None, (found.short_description, found.long_description)))


def _docstring(function: Callable[..., Any]) -> Any:
    # It comes with the SDK, whose own tools read their docstrings with it.
    with workflow.unsafe.imports_passed_through():
        import docstring_parser
    return docstring_parser.parse(function.__doc__ or "")


def _no_type(name: str, err: Exception) -> str:
    return (
        f"The tool {name} has an annotation that Claude can't be shown: "
        f"{str(err).splitlines()[0]} Use a type that JSON can carry, and that is known where the "
        "tool is declared."
    )


class UnsettledArguments(ValueError):
    """Arguments that are read back as others once they are written; the message says how."""


def normalise(
    model: type[pydantic.BaseModel], arguments: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Read arguments and write them, until what is written stays the same.

    Types are strict: text isn't a number, nor True 1. 2.0 is an integer, as in JSON Schema.
    Arguments are read as JSON and not as Python: only so does a strict type take a date, a set
    or an enum.

    Returns:
        The values of the parameters, in their order, and the JSON that they were read from:
        every argument, defaults included, by its name in the schema.

    Raises:
        ValueError: The arguments don't fit, or aren't JSON: a `pydantic.ValidationError`, which
            is one, or another.
        UnsettledArguments: They fit, and have no JSON of their own.
    """
    read, written = _read(model, arguments), canonical_json(_as_json(arguments))
    for _ in range(2):
        try:
            data = _written(read)
            if canonical_json(data) == written:
                return [getattr(read, field) for field in model.model_fields], data
            again = _read(model, data)
        except Exception as err:
            why = problems_of(err, "it") if isinstance(err, pydantic.ValidationError) else err
            raise UnsettledArguments(f"what they are written as can't be read: {why}") from None
        if again != read:
            break
        read, written = again, canonical_json(data)
    raise UnsettledArguments("what they are written as is read as something else")


def _read(model: type[pydantic.BaseModel], arguments: Mapping[str, Any]) -> pydantic.BaseModel:
    text = json.dumps(_as_json(arguments), default=pydantic_core.to_jsonable_python)
    return model.model_validate_json(text, strict=True)


def _written(read: pydantic.BaseModel) -> dict[str, Any]:
    how: dict[str, Any] = {"by_alias": True, "round_trip": True, "warnings": False}
    return cast(
        "dict[str, Any]",
        _in_order(read.model_dump(mode="json", **how), read.model_dump(mode="python", **how)),
    )


def _in_order(data: Any, value: Any) -> Any:
    """Sort the members of sets: their order differs from one process to the next."""
    if isinstance(value, dict) and isinstance(data, dict):
        pairs = zip(data.items(), value.values(), strict=True)
        return {key: _in_order(each, was) for (key, each), was in pairs}
    if isinstance(value, list | tuple | set | frozenset) and isinstance(data, list):
        found = [_in_order(each, was) for each, was in zip(data, value, strict=True)]
        return found if isinstance(value, list | tuple) else sorted(found, key=canonical_json)
    return data


def _as_json(value: Any) -> Any:
    """Write 2.0 as 2, as to JSON Schema both are integers, and refuse what isn't in JSON."""
    if isinstance(value, Mapping):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        raise ValueError(f"{value} isn't a number that JSON has")
    exact = value.is_integer() and abs(value) < 2**53
    return int(value) if exact else value


# The promise of a schema.

_FORMATS = {
    "date": "2026-11-29",
    "date-time": "2026-11-29T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "uuid": "9a3a2f3c-9c1a-4b1e-8f5e-2d1b7d3a9c11",
    **{f"uuid{n}": f"9a3a2f3c-9c1a-{n}b1e-8f5e-2d1b7d3a9c11" for n in range(1, 9)},
    "uri": "https://example.com/",
    "email": "a@example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "binary": "a",
    "base64": "YQ==",
    "base64url": "YQ==",
    "path": "a",
    "password": "a",
    "regex": "a",
}
"""A text of each format; of another one no sample is made."""

_TEXTS = ("a", "A", "1", "1.5", "A1", "a@example.com", "ABC-123", "")
"""Candidates for a pattern; where none fits it, no sample is made."""

_MOST_SAMPLES = 300

_ANYTHING: tuple[Any, ...] = ("a", 1, 1.5, True, None, [], {})

_IN_WORDS = frozenset({"value_error", "assertion_error", "predicate_failed", "url_scheme"})
_BOUNDS = (
    "greater_than",
    "less_than",
    "date_past",
    "date_future",
    "datetime_past",
    "datetime_future",
    "timezone_",
    "decimal_max",
    "decimal_whole",
)
"""Errors of a value and not of its type: a schema can't express them all, so Claude reads them."""


def check_promise(model: type[pydantic.BaseModel]) -> None:
    """Check that the types take whatever the schema promises, with samples made from it.

    Validators of the reader's own run too, and may refuse: their words are for Claude.

    Raises:
        TypeError: They refuse a sample, or read something else from what they write for it.
    """
    schema = _schema(model)
    samples = list(islice(_objects(schema, schema.get("$defs", {}), depth=0), _MOST_SAMPLES))
    for check, arguments in product((_read, normalise), samples):
        try:
            check(model, arguments)
        except UnsettledArguments as err:
            raise TypeError(
                f"The tool {model.__name__} takes {json.dumps(arguments)[:300]}, and {err}. Give "
                "its types one name for reading and writing (alias=), a serializer whose JSON they "
                "read, and an __eq__."
            ) from None
        except pydantic.ValidationError as err:
            if not any(_is_for_claude(each["type"]) for each in err.errors()):
                raise TypeError(
                    f"The tool {model.__name__} refuses what its schema promises to take: "
                    f"{problems_of(err, 'arguments')}, for {json.dumps(arguments)[:300]}. Give "
                    "the parameter a type or default for which both agree."
                ) from None
        except Exception:  # noqa: S110 - out of a validator of the reader's own
            pass


def _is_for_claude(error: str) -> bool:
    return error in _IN_WORDS or error.startswith(_BOUNDS) or error not in get_args(ErrorType)


def _samples(schema: Schema, defs: Schema, depth: int) -> list[Any]:
    """Make a few values that fit a schema; none where it isn't clear what would fit."""
    if depth > 4:
        return []
    if "$ref" in schema:
        target = defs.get(schema["$ref"].rpartition("/")[2], {"not": {}})
        return _samples({**target, **{k: schema[k] for k in schema if k != "$ref"}}, defs, depth)
    found = [schema["default"]] if "default" in schema else []
    for union in ("anyOf", "oneOf"):
        for branch in schema.get(union, ()):
            found += _samples(branch, defs, depth)
    if "anyOf" in schema or "oneOf" in schema:
        return found
    if "const" in schema or "enum" in schema:
        return [*found, *schema.get("enum", [schema.get("const")])]
    match schema.get("type"):
        case "object":
            found += _objects(schema, defs, depth)
        case "array":
            found += _arrays(schema, defs, depth)
        case "string":
            found += _texts(schema, defs, depth)
        case "integer" | "number":
            found += _numbers(schema)
        case "boolean":
            found += [True, False]
        case "null":
            found.append(None)
        case None if not schema.keys() & {"allOf", "not", "if"}:
            found += _ANYTHING
    return found


def _objects(schema: Schema, defs: Schema, depth: int) -> Iterator[dict[str, Any]]:
    """Make the smallest object, the fullest, and the fullest with each other value in turn."""
    required = set(schema.get("required", ()))
    values = {
        name: _samples(each, defs, depth + 1) for name, each in schema.get("properties", {}).items()
    }
    more = schema.get("additionalProperties")
    if isinstance(more, dict) and not values:
        names = _samples({"type": "string", **schema.get("propertyNames", {})}, defs, depth + 1)
        names = names[: schema.get("maxProperties", 1)]
        values = {name: _samples(more, defs, depth + 1) for name in names}
        required = set(names) if schema.get("minProperties") else set()
        if len(names) < schema.get("minProperties", 0):
            return
    if any(not values.get(name) for name in required):
        return
    yield {name: found[0] for name, found in values.items() if name in required}
    full = {name: found[0] for name, found in values.items() if found}
    yield full
    for name, found in values.items():
        yield from ({**full, name: other} for other in found[1:])


def _arrays(schema: Schema, defs: Schema, depth: int) -> Iterator[list[Any]]:
    first = [_samples(each, defs, depth + 1) for each in schema.get("prefixItems", ())]
    least = max(schema.get("minItems", 0) - len(first), 0)
    most = schema.get("maxItems", len(first) + least + 1) - len(first)
    each = _samples(schema.get("items", {}), defs, depth + 1) if most > 0 else []
    if not all(first) or (least and not each):
        return
    begin = [found[0] for found in first]
    if schema.get("uniqueItems"):
        if len(each) >= least:
            yield begin + each[:least]
        yield from ([value] for value in each if least < 2 and not begin)
        return
    yield begin + each[:1] * least
    for value in each if most > least else ():
        yield [*begin, value, *each[:1] * (least - 1)]
    for place, found in enumerate(first):
        yield from (
            [*begin[:place], value, *begin[place + 1 :], *each[:1] * least] for value in found[1:]
        )


def _texts(schema: Schema, defs: Schema, depth: int) -> Iterator[str]:
    if "contentSchema" in schema:
        yield from map(json.dumps, _samples(schema["contentSchema"], defs, depth + 1))
    elif "format" in schema:
        yield from filter(None, [_FORMATS.get(schema["format"])])
    elif "pattern" in schema:
        yield from (text for text in _TEXTS if _fits(schema, text))
    else:
        least = schema.get("minLength", 0)
        most = schema.get("maxLength", max(least, 1))
        lengths = sorted({max(least, min(most, 1)), min(most, 9_999)})
        yield from ("a" * length for length in lengths if least <= length < 10_000)


def _fits(schema: Schema, text: str) -> bool:
    try:
        found = re.search(schema["pattern"], text, re.ASCII)
    except re.error:  # a dialect that isn't Python's
        return False
    return bool(found) and schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", 99)


def _numbers(schema: Schema) -> list[float]:
    whole = schema["type"] == "integer"
    step = schema.get("multipleOf", 1 if whole else 0.5)
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + step
    if "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - step
    found = [value for value in (low, high) if value is not None] or [1, 2 if whole else 1.5]
    if "multipleOf" in schema:
        found = [-(-value // step) * step for value in found]
    return [v for v in found if (low is None or v >= low) and (high is None or v <= high)]


# Results.


def content_of(name: str, result: object) -> str | Blocks:
    """Turn a result into what Claude gets: a text as it is, content blocks as blocks, else JSON.

    Content blocks are a block of the Messages API, or a list of blocks, of which at least one
    isn't text. In JSON a set is a list in any order, and bytes inside of a value are the text
    that they are in UTF-8; without being such text they can't be written.

    Raises:
        UnusableResult: It can't be written as JSON, or the API would refuse it.
    """
    if isinstance(result, str):
        return result
    if isinstance(result, bytes | bytearray | memoryview):
        raise UnusableResult(
            f"{name} returned bytes. Return text, or an image or document as the API's block: "
            '{"type": "image", "source": {"type": "base64", "media_type": …, "data": …}}.'
        )
    try:
        text = pydantic_core.to_json(result).decode()
    except Exception as err:
        raise UnusableResult(
            f"{name} returned a value that can't be written as JSON: {err}"
        ) from None
    items = [result] if isinstance(result, dict) else result
    if not isinstance(items, list | tuple) or not items or not all(map(_may_be_block, items)):
        return text
    if all(item["type"] == "text" for item in items):
        return text
    blocks: Blocks = json.loads(text if items is result else f"[{text}]")
    try:
        _block_adapter().validate_python(blocks, strict=True)
    except pydantic.ValidationError as err:
        if not any(_images(blocks)):
            return text  # it only looks like blocks
        raise UnusableResult(
            f"{name} returned an image or document that the API refuses: "
            f"{problems_of(err, 'block')[:500]}"
        ) from None
    for data in _images(blocks):
        if len(data) > MOST_IMAGE_CHARACTERS:
            raise UnusableResult(
                f"{name} returned an image or document of {len(data):,} characters of base64, and "
                f"the API takes {MOST_IMAGE_CHARACTERS:,}: make it smaller."
            )
        try:
            base64.b64decode(data, validate=True)
        except ValueError as err:
            raise UnusableResult(
                f"{name} returned an image or document whose data isn't base64: {err}"
            ) from None
    return [b for b in blocks if b["type"] != "text" or b["text"].strip()]


def _may_be_block(item: object) -> bool:
    kinds = ("text", "image", "document", "search_result")
    return isinstance(item, dict) and item.get("type") in kinds


@cache
def _block_adapter() -> pydantic.TypeAdapter[object]:
    from anthropic.types import (
        DocumentBlockParam,
        ImageBlockParam,
        SearchResultBlockParam,
        TextBlockParam,
    )

    block = TextBlockParam | ImageBlockParam | DocumentBlockParam | SearchResultBlockParam
    return pydantic.TypeAdapter(
        list[Annotated[block, pydantic.Field(discriminator="type")]],
        config=pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=True),
    )


def _images(value: Any) -> Iterator[str]:
    """Find the base64 of images and documents, also of those inside a document."""
    if isinstance(value, list):
        yield from chain.from_iterable(map(_images, value))
    elif isinstance(value, dict):
        if value.get("type") == "base64" and isinstance(value.get("data"), str):
            yield value["data"]
        yield from chain.from_iterable(map(_images, value.values()))


def problems_of(err: pydantic.ValidationError, whole: str) -> str:
    """List in one line what doesn't fit first, and where; `whole` names the value itself."""
    if err.error_count() > 1_000:  # to list so many takes seconds
        return f"{err.error_count():,} values of wrong types"
    problems = err.errors(include_url=False, include_context=False, include_input=False)
    said = [f"{'.'.join(map(str, e['loc'])) or whole}: {e['msg']}" for e in problems[:_MOST_SAID]]
    return "; ".join(said)[:_MOST_CHARACTERS] + "; …" * (len(problems) > _MOST_SAID)
