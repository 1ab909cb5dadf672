"""Tools that block the event loop, that hang, that heartbeat; and Workflows that run them."""

import asyncio
import threading
import time
from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from temporalio import activity

    from agentkit import AnyTool, ToolCall, run_tools, tool
    from tests.support.agents import seen

released = threading.Event()


@tool(effect="none", timeout=timedelta(seconds=30))
async def doze(seconds: float) -> str:
    """Block the event loop.

    Args:
        seconds: How long.
    """
    seen.attempt()
    time.sleep(seconds)  # noqa: ASYNC251
    return "awake"


@tool(effect="none", timeout=timedelta(seconds=2), attempts=1)
async def sleep_on(seconds: float) -> str:
    """Block the event loop for longer than the declared time.

    Args:
        seconds: How long.
    """
    time.sleep(seconds)  # noqa: ASYNC251
    return "awake"


@tool(effect="none", timeout=timedelta(seconds=30))
async def other(seconds: float) -> str:
    """Wait, and block nothing.

    Args:
        seconds: How long.
    """
    attempts.append(activity.info().attempt)
    await asyncio.sleep(seconds)
    return "waited"


attempts: list[int] = []


@tool(effect="none", timeout=timedelta(seconds=30))
async def delegate(seconds: float) -> str:
    """Block the event loop in a task of its own.

    Args:
        seconds: How long.
    """

    async def inner() -> None:
        time.sleep(seconds)  # noqa: ASYNC251

    await asyncio.create_task(inner())
    return "awake"


def _dozing(name: str) -> AnyTool:
    async def twin(seconds: float) -> str:
        """Block the event loop, as other tools of the same code do.

        Args:
            seconds: How long.
        """
        time.sleep(seconds)  # noqa: ASYNC251
        return "awake"

    twin.__name__ = name
    return tool(timeout=timedelta(seconds=30))(twin)


@tool(effect="none", timeout=timedelta(seconds=1), attempts=1)
def hang() -> str:
    """Hang until the test is over."""
    released.wait(60)
    return "late"


@tool(effect="none", attempts=1)
def quick() -> str:
    """Answer at once, from a thread."""
    return "here"


@tool(effect="none", attempts=1)
def find(name: str) -> str:
    """Find what isn't there.

    Args:
        name: What.
    """
    return next(each for each in ("a", "b") if each == name)


@tool(effect="none", attempts=2)
def progress() -> str:
    """Report progress, fail once, and say what the last attempt has reported."""
    if activity.info().attempt == 1:
        activity.heartbeat("half of it")
        raise RuntimeError("not all of it")
    return str(activity.info().heartbeat_details)


@tool(effect="none", attempts=1)
def own_loop() -> str:
    """Run an event loop of its own, and heartbeat from there."""

    async def inner() -> str:
        activity.heartbeat("from inside")
        await asyncio.sleep(0)
        return "ran"

    return asyncio.run(inner())


TOOLS: list[AnyTool] = [doze, sleep_on, other, hang, quick, find, progress, own_loop, delegate]
TOOLS += [_dozing("doze_too"), _dozing("doze_three")]


@activity.defn
async def block_in_an_activity() -> int:
    """Block the event loop."""
    time.sleep(3)  # noqa: ASYNC251
    return activity.info().attempt


@workflow.defn
class RunActivity:
    """Runs the Activity above."""

    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity(
            block_in_an_activity, start_to_close_timeout=timedelta(seconds=20)
        )


@workflow.defn
class RunAll:
    """Runs all calls at once."""

    @workflow.run
    async def run(self, calls: list[ToolCall]) -> list[dict[str, Any]]:
        return [{**block} for block in await run_tools(calls, TOOLS)]
