"""What `tool` takes works, and what doesn't work is refused in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus

from agentkit import ToolCall, ToolError, tool
from agentkit.liveness import NAMES
from tests.support import odd_callables
from tests.support.agents import desk
from tests.support.module_with_a_tool import ACTIVITIES, Packing
from tests.support.odd_callables import REFUSED, WORKS


@pytest.mark.parametrize(
    "function", WORKS, ids=lambda f: getattr(f, "__qualname__", type(f).__name__)
)
async def test_callable_that_is_taken_runs(function: Callable[..., Any]) -> None:
    made = tool(function)
    assert re.fullmatch("[a-z_]+", made.name)
    schema: Any = made.schema()
    assert schema["name"] == made.name
    assert schema["description"].startswith("Pay back")
    assert list(schema["input_schema"]["properties"]) == ["order_id"]
    assert await made.call({"order_id": 7}) == "refunded 7"


@pytest.mark.parametrize(
    ("function", "words"), REFUSED, ids=lambda v: v[:30] if isinstance(v, str) else ""
)
def test_callable_that_cannot_work_is_refused_with_what_to_do(function: Any, words: str) -> None:
    with pytest.raises(TypeError, match=re.escape(words)) as refused:
        tool(function)
    assert str(refused.value).startswith("The tool ")
    with pytest.raises(TypeError, match=re.escape(words)):
        tool(effect="at_most_once")(function)


def test_tool_of_a_tool_is_refused() -> None:
    with pytest.raises(TypeError, match="is a Tool and no function"):
        tool(tool(odd_callables.refund))


async def test_returned_generator_is_a_plain_no_and_never_runs() -> None:
    with pytest.raises(ToolError, match="lazily returned a generator, none of which has run"):
        await tool(effect="at_most_once")(odd_callables.lazily).call({"to": 1})
    assert odd_callables.ran == []


async def test_annotation_in_quotes_may_name_what_is_local() -> None:
    class Word(StrEnum):
        HI = "hi"

    @tool
    async def say(word: Word) -> str:
        """Say it."""
        return word.name

    assert await say.call({"word": "hi"}) == "HI"

    @tool
    async def ask(word: Word) -> Missing:  # type: ignore[name-defined]  # noqa: F821
        """Ask it."""
        return word

    assert await ask.call({"word": "hi"}) == "hi"

    with pytest.raises(TypeError, match="say_it has an annotation that Claude can't be shown"):

        @tool
        async def say_it(word: Missing) -> str:  # type: ignore[name-defined]  # noqa: F821
            """Say it."""
            return str(word)


async def test_tool_declared_in_the_module_of_its_workflow_works_in_the_sandbox() -> None:
    call = ToolCall("toolu_1", "pack", {"day": "2026-11-29", "size": "large"})
    known = len(NAMES)
    async with desk(workflows=[Packing], activities=ACTIVITIES) as running:
        handle = await running.start(Packing.run, call)
        result = await handle.result()
        described = await handle.describe()
    assert result["content"] == "date 2026-11-29 Size large"
    assert described.status is WorkflowExecutionStatus.COMPLETED
    # The sandbox imports the module for each run: nothing of it stays behind.
    added = {name for names in list(NAMES.values())[known:] for name in names}
    assert not [name for name in added if name.startswith("The tool")]
