"""Tools that end in odd ways, and Workflows that are ended while one runs."""

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import anyio
    from temporalio.exceptions import ApplicationError, CancelledError
    from temporalio.worker import Worker

    from agentkit import AnyTool, ToolCall, ToolError, run_tool, run_tools, tool, tool_activity
    from tests.support.agents import Desk, nap, seen

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
"""The smallest of images."""

SOURCE = {"type": "base64", "media_type": "image/png", "data": PNG}
IMAGE = {"type": "image", "source": SOURCE}
CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)

RESULTS: dict[str, object] = {
    "text of half a pair": "a\ud800b",
    "None": None,
    "decimal": Decimal("1.10"),
    "bytes": b"abc",
    "no json": object(),
    "long": "x" * 60_000,
    "circle": CIRCLE,
    "image": IMAGE,
    "blocks": [{"type": "text", "text": "The map:"}, {"type": "text", "text": " "}, IMAGE],
    "tuple": (IMAGE,),
    "document": {
        "type": "document",
        "title": "Terms",
        "source": {"type": "text", "media_type": "text/plain", "data": "Pay in 14 days."},
    },
    "search result": [
        {
            "type": "search_result",
            "source": "handbook",
            "title": "Returns",
            "content": [{"type": "text", "text": "14 days"}],
        }
    ],
    "only text": [{"type": "text", "text": "hi"}],
    "a type of its own": {"type": "document", "title": "Contract 7", "pages": 3},
    "types among others": [IMAGE, {"order": 7}],
    "empty list": [],
    "bmp": {"type": "image", "source": {**SOURCE, "media_type": "image/bmp"}},
    "no base64": {"type": "image", "source": {**SOURCE, "data": "%%%"}},
    "large image": {"type": "image", "source": {**SOURCE, "data": "A" * 1_600_000}},
    "huge image": {"type": "image", "source": {**SOURCE, "data": "A" * 5_300_000}},
}


class Base(BaseException):
    """Like the panic of a library in Rust."""


ERRORS: dict[str, BaseException] = {
    "exit": SystemExit(3),
    "cancel": asyncio.CancelledError(),
    "temporal cancel": CancelledError("not by the run"),
    "silent": RuntimeError(),
    "megabytes": RuntimeError("no " * 2_000_000),
    "half a pair": RuntimeError("a\ud800b"),
    "no": ToolError("There is too much wind."),
    "no words": ToolError(),
    "blank words": ToolError("  "),
    "interrupt": KeyboardInterrupt("by hand"),
    "generator exit": GeneratorExit("closing"),
    "base": Base("from far below"),
    "stop": StopAsyncIteration("no more"),
    "group": ExceptionGroup("several", [ToolError("Too high."), ToolError("Too late.")]),
    "nested": ExceptionGroup("a", [ExceptionGroup("b", [ToolError("Too deep.")])]),
    "mixed": ExceptionGroup("several", [ToolError("Too high."), RuntimeError("line is dead")]),
    "base group": BaseExceptionGroup("several", [SystemExit(3)]),
    "final": ApplicationError("x" * 3_000_000, type="Final", non_retryable=True),
    "final in a group": ExceptionGroup(
        "one", [ApplicationError("It is closed.", type="Final", non_retryable=True)]
    ),
}


async def _refuse() -> None:
    raise ToolError("There is no order 7.")


async def _leave(error: BaseException) -> None:
    await asyncio.sleep(0)
    raise error


async def end(how: str) -> object:
    seen.attempt()
    where, _, error = how.partition(": ")
    if where == "task":
        await asyncio.create_task(_leave(ERRORS[error]))
    if where == "gather":
        await asyncio.gather(asyncio.sleep(60), _leave(ERRORS[error]))
    if where == "group" and error:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(60))
            group.create_task(_leave(ERRORS[error]))
    if where == "anyio":
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asyncio.sleep, 60)
            tasks.start_soon(_leave, ERRORS[error])
    if where == "state":  # anyio looks at it before it cancels a task
        asleep = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        state = inspect.getcoroutinestate(cast(Any, asleep.get_coro()))
        asleep.cancel()
        raise RuntimeError(f"state: {state}")
    if where == "cancelled before it began":
        asyncio.create_task(_leave(ERRORS[error])).cancel()
        await asyncio.sleep(0)
        raise RuntimeError(how)
    if where == "not awaited":
        task = asyncio.create_task(_leave(ERRORS[error]))
        await asyncio.wait([task])
        raise RuntimeError(f"{how}: {task.exception()}")
    if how == "hang":
        await asyncio.Event().wait()
    if how == "task group":
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(60))
            group.create_task(_refuse())
    if how in ERRORS:
        raise ERRORS[how]
    return RESULTS[how]


@tool(effect="none", timeout=timedelta(seconds=10), attempts=2)
async def odd(how: str) -> object:
    """End in some way.

    Args:
        how: In which.
    """
    return await end(how)


@tool(effect="idempotent", attempts=2)
async def odd_effect(how: str) -> object:
    """Have an effect, and end in some way.

    Args:
        how: In which.
    """
    return await end(how)


@tool(effect="at_most_once")
async def odd_launch(how: str) -> object:
    """Have an effect that can't be repeated, and end in some way.

    Args:
        how: In which.
    """
    return await end(how)


@tool(effect="none", attempts=1)
def leave(how: str) -> str:
    """Leave the program, or end in some way, from a thread.

    Args:
        how: In which.
    """
    if how in ERRORS:
        raise ERRORS[how]
    sys.exit(3)


@tool(effect="at_most_once")
def give(how: str) -> Iterator[str]:
    """Return a generator.

    Args:
        how: No matter.
    """
    return (each for each in how)


@tool(effect="none")
async def nap_on() -> str:
    """Sleep until cancelled."""
    return await nap(60)


@tool(effect="none")
async def stubborn() -> str:
    """Sleep, and make an end of it when cancelled."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(2)
    return "fine"


@tool(effect="none")
async def tidy() -> str:
    """Clean up."""
    return "fine"


TOOLS: list[AnyTool] = [odd, odd_effect, odd_launch, leave, give, nap_on, stubborn, tidy]


class BrokenStore:
    """A store that raises what no one has foreseen."""

    def put(self, text: str) -> str:
        raise LookupError("no bucket")

    def get(self, reference: str) -> str:
        raise KeyError(reference)


@workflow.defn
class RunOdd:
    """Runs all calls at once."""

    @workflow.run
    async def run(self, calls: list[ToolCall]) -> list[dict[str, Any]]:
        return [{**block} for block in await run_tools(calls, TOOLS)]


@workflow.defn
class RunTwo:
    """Runs a stubborn tool, and another one after it."""

    @workflow.run
    async def run(self, tidies: bool = False) -> str:
        try:
            await run_tool(ToolCall("toolu_1", "stubborn", {}), TOOLS)
        except asyncio.CancelledError:
            if not tidies:
                raise
            result = await run_tool(ToolCall("toolu_2", "tidy", {}), TOOLS)
            return f"cleaned up: {result.get('content')}"
        await run_tool(ToolCall("toolu_2", "tidy", {}), TOOLS)
        return "went on"


@workflow.defn
class RunUntil:
    """Runs a stubborn tool with too little time."""

    @workflow.run
    async def run(self, seconds: float) -> str:
        try:
            async with asyncio.timeout(seconds):
                await run_tool(ToolCall("toolu_1", "stubborn", {}), TOOLS)
                await run_tool(ToolCall("toolu_2", "tidy", {}), TOOLS)
        except TimeoutError:
            return "time is up"
        return "went on"


@asynccontextmanager
async def standby(desk: Desk) -> AsyncIterator[None]:
    """Run a second Worker on a desk's queue."""
    workflows = [RunOdd, RunTwo, RunUntil]
    async with Worker(
        desk.client,
        task_queue=desk.worker.task_queue,
        workflows=workflows,
        activities=[tool_activity(TOOLS)],
    ):
        yield
