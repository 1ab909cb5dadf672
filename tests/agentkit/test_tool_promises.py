"""Whatever fits a tool's schema is taken, and reaches the function as the type it declares."""

from __future__ import annotations

import base64
import inspect
import json
import re
import sys
import uuid
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import jsonschema
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AliasPath, BeforeValidator, Field, PastDate

from agentkit import ToolError, tool
from agentkit.tools import InvalidArguments
from tests.support import odd_signatures
from tests.support.odd_signatures import Types

# Any JSON that fits a schema.


def fitting(schema: dict[str, Any], defs: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that fit a JSON schema, of the kinds that types in Python give rise to."""
    if "$ref" in schema:
        return fitting(defs[schema["$ref"].rpartition("/")[2]], defs, depth + 1)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return st.one_of(*(fitting(each, defs, depth) for each in schema[union]))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        if "properties" not in schema:
            names = fitting({"type": "string", **schema.get("propertyNames", {})}, defs)
            more = schema.get("additionalProperties", True)
            values = fitting(more if isinstance(more, dict) else {}, defs, depth + 1)
            return st.dictionaries(names, values, max_size=3)
        each = {k: fitting(v, defs, depth + 1) for k, v in schema["properties"].items()}
        needed = schema.get("required", [])
        return st.fixed_dictionaries(
            {k: each[k] for k in needed},
            optional={k: v for k, v in each.items() if k not in needed},
        )
    if kind == "array":
        first = st.tuples(*(fitting(e, defs, depth + 1) for e in schema.get("prefixItems", [])))
        if "prefixItems" in schema:
            least = schema["minItems"]
            return first.flatmap(lambda v: st.integers(least, len(v)).map(lambda n: list(v[:n])))
        if depth > 3 and not schema.get("minItems"):
            return st.just([])
        items = fitting(schema.get("items", {}), defs, depth + 1)
        return st.lists(
            items,
            min_size=schema.get("minItems", 0),
            max_size=schema.get("maxItems", 4),
            unique_by=json.dumps if schema.get("uniqueItems") else None,
        )
    if kind == "string":
        return texts(schema, defs)
    if kind == "boolean":
        return st.booleans()
    if kind == "null":
        return st.none()
    if kind == "integer":
        low = schema.get("minimum", schema.get("exclusiveMinimum", -(10**30) - 1) + 1)
        high = schema.get("maximum", schema.get("exclusiveMaximum", 10**30 + 1) - 1)
        step = schema.get("multipleOf", 1)
        whole = st.integers(-(-low // step), high // step).map(lambda n: n * step)
        return whole | whole.filter(lambda n: abs(n) < 2**53).map(float)  # 2.0 is an integer
    if kind == "number":
        return st.floats(
            schema.get("minimum", schema.get("exclusiveMinimum", -1e300)),
            schema.get("maximum", schema.get("exclusiveMaximum", 1e300)),
            exclude_min="exclusiveMinimum" in schema,
            exclude_max="exclusiveMaximum" in schema,
        ) | st.integers(1, 9).filter(lambda n: "exclusiveMaximum" not in schema)
    leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def texts(schema: dict[str, Any], defs: dict[str, Any]) -> st.SearchStrategy[str]:
    if "contentSchema" in schema:
        # JSON inside a text is read by a strict type, to which 2.0 is no integer.
        return (
            fitting(schema["contentSchema"], defs)
            .map(json.dumps)
            .filter(lambda text: ".0" not in text)
        )
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("$", r"\Z"), fullmatch=True)
    plain = st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 9))
    formats: dict[str, st.SearchStrategy[str]] = {
        "date": st.dates().map(str),
        "date-time": st.datetimes().map(lambda d: d.isoformat() + "Z"),
        "time": st.times().map(lambda t: t.isoformat() + "Z"),
        "duration": st.integers(0, 10_000).map(lambda n: f"PT{n}S"),
        "uuid": st.uuids().map(str),
        "ipv4": st.ip_addresses(v=4).map(str),
        "base64": st.binary().map(lambda b: base64.b64encode(b).decode()),
        "path": plain.filter(lambda t: "\0" not in t),
    }
    return formats.get(schema.get("format", ""), plain)


def function_of(hint: Any, name: str = "value") -> Callable[..., Any]:
    """A function that returns its only argument in a list, so that its type can be seen."""

    async def take(**arguments: Any) -> Any:
        got.append(arguments[name])
        return "taken"

    got: list[Any] = []
    parameter = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint)
    vars(take).update(__signature__=inspect.Signature([parameter]), got=got)
    take.__doc__ = "Take a value."
    return take


@pytest.mark.parametrize("name", Types)
def test_any_json_that_fits_is_taken_as_the_declared_type(name: str) -> None:
    hint, types = Types[name]
    made = tool(function_of(hint))
    schema: Any = made.schema()["input_schema"]
    jsonschema.Draft202012Validator.check_schema(schema)

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(fitting(schema, schema.get("$defs", {})))
    def holds(arguments: dict[str, Any]) -> None:
        jsonschema.validate(arguments, schema)
        (value,) = made.check(arguments).values()
        assert isinstance(value, types), (arguments, value)
        if not isinstance(value, bool) or bool in types or object in types:
            return
        raise AssertionError(f"{arguments} became {value}")

    holds()


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from(sorted(Types)), min_size=1, max_size=5, unique=True), st.data())
def test_any_signature_takes_any_json_that_fits(names: list[str], data: st.DataObject) -> None:
    async def take(**arguments: Any) -> None:
        """Take them."""

    optional = data.draw(st.sets(st.sampled_from(names)))
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=Types[name][0] | None if name in optional else Types[name][0],
            default=None if name in optional else inspect.Parameter.empty,
        )
        for name in names
    ]
    vars(take)["__signature__"] = inspect.Signature(parameters)
    made = tool(take)
    schema: Any = made.schema()["input_schema"]
    arguments = data.draw(fitting(schema, schema.get("$defs", {})))
    checked = made.check(arguments)
    assert list(checked) == names
    for name, value in checked.items():
        assert (name in optional and value is None) or isinstance(value, Types[name][1])


async def test_values_reach_the_function() -> None:
    function = function_of(odd_signatures.Strict, "order")
    sent = {
        "day": "2026-11-29",
        "at": "2026-11-29T10:00:00Z",
        "tags": ["a", "b"],
        "pair": [1, "x"],
        "colour": "blue",
        "id": "9a3a2f3c-9c1a-4b1e-8f5e-2d1b7d3a9c11",
        "amount": "12.30",
        "wait": "PT90S",
        "lines": [{"SKU": "AB", "count": 2.0}],
    }
    assert await tool(function).call({"order": sent}) == "taken"
    (order,) = vars(function)["got"]
    assert order.day == date(2026, 11, 29)
    assert order.tags == {"a", "b"}
    assert order.pair == (1, "x")
    assert order.colour is odd_signatures.Colour.BLUE
    assert order.id == uuid.UUID("9a3a2f3c-9c1a-4b1e-8f5e-2d1b7d3a9c11")
    assert str(order.amount) == "12.30"
    assert order.lines[0].count == 2


# Other names.


async def test_names_in_the_schema_are_the_names_that_the_call_takes() -> None:
    made = tool(odd_signatures.aliases)
    schema: Any = made.schema()["input_schema"]
    assert list(schema["properties"]) == [
        "orderId",
        "customerName",
        "mail",
        "maxCount",
        "from",
        "copy",
        "model_config",
    ]
    assert schema["required"] == ["orderId", "customerName", "mail"]
    assert schema["properties"]["orderId"]["description"] == "The order."
    assert schema["properties"]["maxCount"]["default"] == 5
    assert schema["properties"]["from"]["default"] == "2026-01-01"
    least = {"orderId": 1, "customerName": "Mira", "mail": "mira@example.com"}
    assert list(made.check(least).values()) == [
        1,
        "Mira",
        "mira@example.com",
        5,
        date(2026, 1, 1),
        [],
        3,
    ]
    full = {**least, "maxCount": 2, "from": "2026-02-01", "copy": ["a"], "model_config": 4}
    assert await made.call(full) == '[1,"Mira","mira@example.com",2,"2026-02-01",["a"],4]'
    with pytest.raises(ToolError, match="orderId: Field required"):
        await made.call({"order_id": 1})


def test_normalised_arguments_have_defaults_names_of_the_schema_and_one_order() -> None:
    @tool
    async def take(
        ids: set[str],
        amount: Annotated[float, Field(alias="sum")] = 5,
        line: odd_signatures.Line | None = None,
        word: Annotated[str, BeforeValidator(str.strip)] = "",
    ) -> None:
        """Take them."""

    sent = {"ids": ["b", "c", "a", "b"], "line": {"SKU": "AB"}, "word": " x "}
    wanted = {"ids": ["a", "b", "c"], "sum": 5.0, "line": {"SKU": "AB", "count": 1}, "word": "x"}
    assert json.dumps(take.normalised(sent)) == json.dumps(wanted)
    assert json.dumps(take.normalised(wanted)) == json.dumps(wanted)


def test_validator_that_changes_its_own_words_is_refused_when_a_tool_is_declared() -> None:
    async def take(cents: Annotated[int, BeforeValidator(lambda euros: euros * 100)]) -> None:
        """Take cents."""

    with pytest.raises(TypeError, match="what they are written as is read as something else"):
        tool(take)


async def test_default_in_the_annotation_is_a_default() -> None:
    @tool
    async def take(value: Annotated[int, Field(default=5, alias="other")]) -> str:
        """Take it."""
        return str(value)

    assert "required" not in take.schema()["input_schema"]
    assert await take.call({}) == "5"
    assert await take.call({"other": 6}) == "6"


# What is refused when a tool is declared.


class Picky:
    """A type that shows one schema and takes another."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _: object, __: object) -> Any:
        return pydantic.TypeAdapter(int).core_schema

    @classmethod
    def __get_pydantic_json_schema__(cls, _: object, __: object) -> Any:
        return {"type": "string"}


class Renamed(pydantic.BaseModel):
    """A model that reads another name than it writes."""

    number: int = Field(validation_alias="id")


@pytest.mark.parametrize(
    ("hint", "default", "words"),
    [
        (Picky, ..., "refuses what its schema promises to take: value: Input should be a valid in"),
        (list[Picky], ..., "value.0: Input should be a valid integer"),
        (dict[float, str], ..., 'for {"value": {"a": "a"}}. Give the parameter a type or'),
        (complex, ..., "refuses what its schema promises to take"),
        (int, None, 'for {"value": null}. Give the parameter a type or default for which both'),
        (Annotated[int, Field(alias="other")], "one", "other: Input should be a valid integer"),
        (Annotated[int, Field(validation_alias=AliasPath("other", 0))], ..., "refuses what its"),
        (Callable[[], int], ..., "has an annotation that Claude can't be shown: Cannot generate"),
        (pydantic.SecretStr, ..., 'takes {"value": "a"}, and what they are written as is read as'),
        (
            Renamed,
            ...,
            "and what they are written as can't be read: value.id: Field required. Give",
        ),
        (type(sys), ..., "has an annotation that Claude can't be shown: Unable to generate"),
    ],
)
def test_schema_that_promises_too_much_is_refused(hint: Any, default: Any, words: str) -> None:
    async def take(value: int) -> None:
        """Take it."""

    kind = inspect.Parameter.KEYWORD_ONLY
    empty = inspect.Parameter.empty if default is ... else default
    parameter = inspect.Parameter("value", kind, annotation=hint, default=empty)
    vars(take)["__signature__"] = inspect.Signature([parameter])
    with pytest.raises(TypeError, match=re.escape(words)) as refused:
        tool(take)
    assert str(refused.value).startswith("The tool take ")
    assert "pydantic.dev" not in str(refused.value)


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("only even numbers")
    return value


def _broken(value: int) -> int:
    raise KeyError("shelf")


async def test_words_of_a_validator_are_for_claude() -> None:
    @tool
    async def take(
        even: Annotated[int, BeforeValidator(_even)],
        day: PastDate,
        since: Annotated[date, Field(ge=date(2024, 1, 1))],
        amount: Annotated[Decimal, Field(ge=0, decimal_places=2)],
    ) -> str:
        """Take them."""
        return "taken"

    good: dict[str, Any] = {"even": 2, "day": "2020-01-01", "since": "2025-01-01"}
    good["amount"] = "12.50"
    assert await take.call(good) == "taken"
    with pytest.raises(InvalidArguments, match="only even numbers"):
        await take.call({**good, "even": 3})
    with pytest.raises(InvalidArguments, match="day: Date should be in the past"):
        await take.call({**good, "day": "2999-01-01"})
    with pytest.raises(InvalidArguments, match="amount: Decimal input should have no more than 2"):
        await take.call({**good, "amount": 1.125})
    with pytest.raises(InvalidArguments, match="amount: Input should be greater than or equal to"):
        await take.call({**good, "amount": "-1"})


async def test_validator_that_breaks_is_a_plain_no_before_the_tool() -> None:
    @tool(effect="at_most_once")
    async def take(value: Annotated[int, BeforeValidator(_broken)]) -> str:
        """Take it."""
        return "taken"

    with pytest.raises(InvalidArguments, match="Invalid arguments for take: 'shelf'"):
        await take.call({"value": 1})


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), 10**5_000, "a\ud800b", [[]] * 3],
    ids=["NaN", "infinity", "minus", "digits", "surrogate", "list"],
)
async def test_what_json_cannot_hold_is_a_plain_no(value: Any) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    made = tool(function_of(float | str))
    for each in (value, deep):
        with pytest.raises(InvalidArguments):
            await made.call({"value": each})
