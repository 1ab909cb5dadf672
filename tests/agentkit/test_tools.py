"""Typed functions as Claude's tools: schemas, checks, and what becomes of a failure."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, cast

import pytest

from agentkit import ToolError, tool, tool_activity
from agentkit.activity_options import TOOL_ATTEMPTS
from tests.support.agents import add, refuse

# What Claude is told, and what is checked before a function runs.


def test_schema_comes_from_signature_and_docstring() -> None:
    schema = cast("dict[str, Any]", add.schema())
    assert schema["name"] == "add"
    assert schema["description"] == "Add two numbers."
    properties = schema["input_schema"]["properties"]
    assert list(properties) == ["a", "b", "kind"]
    assert properties["a"]["type"] == "integer"
    assert properties["a"]["description"] == "The first number."
    assert properties["b"]["default"] == 10
    assert properties["kind"]["enum"] == ["plain", "json"]
    assert schema["input_schema"]["required"] == ["a"]
    assert schema["input_schema"]["additionalProperties"] is False


async def test_tool_can_be_called_like_its_function() -> None:
    with pytest.raises(ToolError, match="closed on Sundays"):
        await tool(_closed)()
    assert repr(tool(_closed)) == "<Tool _closed() -> 'str'>"


async def _closed() -> str:
    """Say no."""
    raise ToolError("We are closed on Sundays.")


def _sync(a: int) -> int:
    """Block.

    Args:
        a: A number.
    """
    return a + (threading.current_thread() is threading.main_thread())


async def _silent(a: int) -> int:
    return a


async def _blank(a: int) -> int:
    """ """
    return a


async def _bare(a, b: int, c):  # type: ignore[no-untyped-def]
    """Two parameters without a type."""


async def _star(*args: int) -> None:
    """A parameter without a name."""


async def _stars(**kwargs: int) -> None:
    """Parameters of any name."""


async def _positional(a: int, /) -> None:
    """A parameter that can't be given by name."""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_silent, "The tool _silent has no docstring: say in it when Claude should use it."),
        (_blank, "The tool _blank has no docstring"),
        (_bare, "The tool _bare takes a, c without a type: give each parameter a name"),
        (_star, "The tool _star takes args without a type"),
        (_stars, "The tool _stars takes kwargs without a type"),
        (_positional, "The tool _positional takes a without a type"),
    ],
)
def test_incomplete_function_is_rejected_with_what_to_add(
    function: Callable[..., Any], words: str
) -> None:
    with pytest.raises(TypeError, match=re.escape(words)):
        tool(function)


async def _order(order_id: int, copy: bool = False, tags: list[str] | None = None) -> object:
    """Take arguments of several types.

    Args:
        order_id: The order.
        copy: A name that pydantic's models use for themselves.
        tags: Words.
    """
    return [order_id, copy, tags]


async def _choose(how: Literal["slow", "fast"]) -> str:
    """Choose."""
    return how


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (_order, {}, "_order: order_id: Field required"),
        (_order, {"order_id": "abc"}, "_order: order_id: Input should be a valid integer"),
        (_order, {"order_id": "1042"}, "_order: order_id: Input should be a valid integer"),
        (_order, {"order_id": True}, "_order: order_id: Input should be a valid integer"),
        (_order, {"order_id": 1, "copy": "yes"}, "_order: copy: Input should be a valid boolean"),
        (_order, {"order_id": 1, "copy": 1}, "_order: copy: Input should be a valid boolean"),
        (_order, {"order_id": 1, "colour": 2}, "_order: colour: Extra inputs are not permitted"),
        (_order, {"order_id": 1, "tags": ["a", 2]}, "_order: tags.1: Input should be a valid str"),
        (_order, {"order_id": [], "tags": 1}, "valid integer; tags: Input should be a valid array"),
        (_choose, {"how": "soon"}, "_choose: how: Input should be 'slow' or 'fast'"),
        (_closed, {"day": 1}, "_closed: day: Extra inputs are not permitted"),
    ],
)
async def test_invalid_arguments_are_rejected_with_name_and_reason(
    function: Callable[..., Any], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ToolError, match=re.escape(words)) as refused:
        await tool(function).call(arguments)
    assert str(refused.value).startswith("Invalid arguments for ")
    assert "pydantic" not in str(refused.value)


async def test_defaults_are_filled_in() -> None:
    assert await tool(_order).call({"order_id": 1042.0}) == "[1042,false,null]"
    assert await tool(_order).call({"order_id": 1, "tags": ["ü"]}) == '[1,false,["ü"]]'


def test_duplicate_tool_names_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"must be unique; given twice: add, refuse$"):
        tool_activity([add, refuse, add, refuse])


# What a tool declares.


@pytest.mark.parametrize(
    ("declared", "effect", "attempts", "seconds"),
    [
        ({}, "undeclared", TOOL_ATTEMPTS, 60),
        ({"effect": "none"}, "none", TOOL_ATTEMPTS, 60),
        ({"effect": "idempotent", "attempts": 3}, "idempotent", 3, 60),
        ({"effect": "at_most_once"}, "at_most_once", 1, 60),
        ({"timeout": timedelta(seconds=5)}, "undeclared", TOOL_ATTEMPTS, 5),
    ],
)
def test_declaration_sets_and_bounds_time_and_attempts(
    declared: dict[str, Any], effect: str, attempts: int, seconds: int
) -> None:
    for each in (tool(**declared)(_closed), tool(**declared)(_sync)):
        assert (each.effect, each.attempts) == (effect, attempts)
        assert each.timeout == timedelta(seconds=seconds)
        policy = each.options["retry_policy"]
        assert policy is not None
        assert policy.maximum_attempts == attempts
        whole = each.options["schedule_to_close_timeout"]
        assert whole is not None
        assert whole >= timedelta(seconds=seconds * attempts)


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"effect": "twice"}, "_closed declares effect='twice': choose none, idempotent or"),
        ({"effect": "at_most_once", "attempts": 2}, "_closed is at_most_once and asks for 2"),
        ({"attempts": 0}, "_closed asks for 0 attempts: it takes at least one."),
        ({"timeout": timedelta(0)}, "_closed has the timeout 0:00:00: give it some time."),
    ],
)
def test_senseless_declaration_is_rejected(declared: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        tool(**declared)(_closed)


async def test_plain_function_runs_in_a_thread() -> None:
    assert await tool(_sync)(1) == 1
    assert await tool(_sync).call({"a": 1}) == "1"
    assert tool(_sync).schema()["description"] == "Block."
