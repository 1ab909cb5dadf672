"""Tools that are slow, busy, long-winded or dangerous, and a Workflow that runs many at once."""

import asyncio
import threading
import time
from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from temporalio import activity

    from agentkit import AnyTool, ToolCall, ToolError, run_tools, tool
    from tests.support.agents import add, fail, nap, refuse, seen


@tool(effect="none")
async def wait(seconds: float, number: int = 0) -> str:
    """Wait for an answer from far away.

    Args:
        seconds: How long it takes.
        number: Which of several.
    """
    await asyncio.sleep(seconds)
    return f"answer {number}"


@tool(effect="none")
def block(seconds: float) -> str:
    """Wait as a library does that knows no asyncio.

    Args:
        seconds: How long it takes.
    """
    seen.attempt()
    time.sleep(seconds)
    return threading.current_thread().name.split("_")[0]


@tool(effect="none")
def compute(seconds: float) -> str:
    """Keep a core busy.

    Args:
        seconds: How long.
    """
    seen.attempt()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1_000))
    return "computed"


@tool(effect="none")
def patient() -> str:
    """Go on until the call is cancelled, and a moment longer."""
    seen.attempt()
    while not activity.is_cancelled():
        time.sleep(0.01)
    seen.was_cancelled = True
    return "too late"


@tool(effect="none")
async def recite(characters: int) -> str:
    """Say a lot.

    Args:
        characters: How much.
    """
    return "ü" * characters


@tool(effect="none")
async def fetch() -> object:
    """Return what JSON can't express."""
    seen.attempt()
    return object()


@tool(effect="none", timeout=timedelta(seconds=1), attempts=2)
async def hang() -> str:
    """Never come back."""
    seen.attempt()
    await asyncio.Event().wait()
    return ""


@tool(effect="at_most_once", timeout=timedelta(seconds=2))
async def launch(how: str) -> str:
    """Launch a rocket.

    Args:
        how: "well", "badly", "not" or "for ever".
    """
    if how == "not":
        raise ToolError("There is too much wind.")
    seen.attempt()
    if how == "badly":
        raise RuntimeError("the line went dead")
    if how == "for ever":
        await asyncio.Event().wait()
    return "launched"


TOOLS: list[AnyTool] = [
    add,
    fail,
    nap,
    refuse,
    wait,
    block,
    compute,
    patient,
    recite,
    fetch,
    hang,
    launch,
]


@workflow.defn
class RunTools:
    """Runs all tool calls of a message at once."""

    @workflow.run
    async def run(self, calls: list[ToolCall], declared: bool) -> list[dict[str, Any]]:
        return [{**block} for block in await run_tools(calls, TOOLS if declared else [])]


def calls(*wanted: tuple[str, dict[str, Any]]) -> list[ToolCall]:
    """Tool calls as Claude would number them."""
    return [ToolCall(f"toolu_{n}", name, given) for n, (name, given) in enumerate(wanted, 1)]
