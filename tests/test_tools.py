"""Typed functions as Claude's tools: schemas, checks, and what becomes of a failure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, cast

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment

from agentkit import ToolCall, ToolError, tool
from agentkit.classroom.offline import OfflineClaude
from agentkit.classroom.show import steps, until
from agentkit.tools import TOOL_OPTIONS, tool_activity
from tests.agents import Desk, RunTool, RunToolInThreeRuns, add, desk, eventually, refuse, seen

NO_TOOL = "There is no tool 'fly'. Tools: add, fail, key, nap, refuse."


def error(content: str) -> dict[str, Any]:
    return {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": content,
        "is_error": True,
    }


# What Claude is told, and what is checked before a function runs.


def test_the_schema_comes_from_signature_and_docstring() -> None:
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


async def test_a_tool_can_still_be_called_like_its_function() -> None:
    with pytest.raises(ToolError, match="closed on Sundays"):
        await tool(_closed)()
    assert repr(tool(_closed)) == "<Tool _closed() -> 'str'>"


async def _closed() -> str:
    """Say no."""
    raise ToolError("We are closed on Sundays.")


def _sync(a: int) -> int:
    """Not async."""
    return a


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
        (_sync, "The tool _sync is not async: write `async def _sync(...)`."),
        (_silent, "The tool _silent has no docstring: say in it when Claude should use it."),
        (_blank, "The tool _blank has no docstring"),
        (_bare, "The tool _bare takes a, c without a type: give each parameter a name"),
        (_star, "The tool _star takes args without a type"),
        (_stars, "The tool _stars takes kwargs without a type"),
        (_positional, "The tool _positional takes a without a type"),
    ],
)
def test_a_function_that_makes_no_tool_is_refused_with_what_to_add(
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
        (_order, {"order_id": 1, "colour": 2}, "_order: colour: Extra inputs are not permitted"),
        (_order, {"order_id": 1, "tags": ["a", 2]}, "_order: tags.1: Input should be a valid str"),
        (_order, {"order_id": [], "tags": 1}, "valid integer; tags: Input should be a valid list"),
        (_choose, {"how": "soon"}, "_choose: how: Input should be 'slow' or 'fast'"),
        (_closed, {"day": 1}, "_closed: day: Extra inputs are not permitted"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_with_name_and_reason(
    function: Callable[..., Any], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ToolError, match=re.escape(words)) as refused:
        await tool(function).call(arguments)
    assert str(refused.value).startswith("Invalid arguments for ")
    assert "pydantic" not in str(refused.value)


async def test_defaults_are_filled_in_and_numbers_in_words_are_taken() -> None:
    assert await tool(_order).call({"order_id": "1042"}) == "[1042,false,null]"
    assert await tool(_order).call({"order_id": 1, "tags": ["ü"]}) == '[1,false,["ü"]]'


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be unique; given twice: add, refuse$"):
        tool_activity([add, refuse, add, refuse])


# What becomes of a call in a run.


@pytest.mark.parametrize(("kind", "result"), [("plain", "42"), ("json", '{"sum":42}')])
async def test_text_goes_back_as_it_is_and_anything_else_as_json(kind: str, result: str) -> None:
    async with desk() as running:
        assert await running.run_tool("add", a=32, kind=kind) == {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": result,
        }


async def test_a_tools_own_no_is_told_in_its_words_and_never_retried() -> None:
    async with desk() as running:
        assert await running.run_tool("refuse") == error("The desk is closed on Sundays.")
    assert seen.attempts == [1]


async def test_wrong_arguments_are_told_to_claude_and_never_retried() -> None:
    async with desk() as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "add", {"a": "x"}))
        result = await handle.result()
        (step,) = await steps(handle)
    assert result["is_error"]
    assert result["content"].startswith("Invalid arguments for add: a: Input should be a valid int")
    assert step.attempts == 1
    assert seen.attempts == []


async def test_a_tool_that_fails_once_is_tried_again_under_the_same_key() -> None:
    async with desk() as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "fail", {"times": 1}))
        assert (await handle.result())["content"] == "delivered"
    assert seen.attempts == [1, 2]
    assert seen.keys == [f"{handle.first_execution_run_id}:toolu_1"] * 2


async def test_a_tool_that_goes_on_failing_is_an_error_after_bounded_attempts() -> None:
    async with desk() as running:
        assert await running.run_tool("fail", times=99) == error("The carrier hung up.")
    policy = TOOL_OPTIONS["retry_policy"]
    assert policy is not None
    assert seen.attempts == list(range(1, policy.maximum_attempts + 1))


async def test_the_key_stays_the_same_across_continue_as_new() -> None:
    async with desk() as running:
        handle = await running.start(RunToolInThreeRuns.run, ToolCall("toolu_1", "key", {}), [])
        keys = await handle.result()
    assert keys == [f"{handle.first_execution_run_id}:toolu_1"] * 3


async def test_a_tool_that_does_not_exist_is_an_error_that_names_those_that_do() -> None:
    async with desk() as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "fly", {}))
        assert await handle.result() == error(NO_TOOL)
        (step,) = await steps(handle)
    assert step.attempts == 1
    async with desk(tools=[]) as running:
        assert await running.run_tool("fly") == error("There is no tool 'fly'. Tools: none.")


@pytest.mark.parametrize("name", ["call_claude", "tool.add", "", "run_any_tool"])
async def test_a_made_up_name_never_runs_another_activity(name: str, claude: OfflineClaude) -> None:
    async with desk() as running:
        result = await running.run_tool(name, messages=[{"role": "user", "content": "Hi"}])
    assert result["is_error"]
    assert result["content"].startswith(f"There is no tool {name!r}. Tools: add, ")
    assert claude.calls() == []
    assert seen.attempts == []


async def test_a_tool_answers_only_activity_types_of_tools() -> None:
    env = ActivityEnvironment()
    env.info = replace(env.info, activity_type="add")
    with pytest.raises(ApplicationError, match="There is no tool 'add'") as refused:
        await env.run(tool_activity([add]), [])
    assert refused.value.non_retryable


async def test_cancelling_a_run_cancels_its_tool_and_is_no_error_for_claude() -> None:
    async with desk() as running:
        handle = await _napping(running)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        assert isinstance(failed.value.cause, CancelledError)
        # While the Worker goes on: its end would cancel the tool too.
        await eventually(lambda: seen.was_cancelled)
    assert seen.attempts == [1]


async def _napping(running: Desk) -> Any:
    handle = await running.start(RunTool.run, ToolCall("toolu_1", "nap", {"seconds": 60}))
    await until(handle, lambda found: bool(found) and found[0].state == "running", timeout=20)
    return handle
