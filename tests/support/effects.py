"""A tool with an effect in a ledger, and Workflows that run it; see `tests.support.agents`."""

import asyncio
import os
import sqlite3
from contextlib import closing
from typing import Any
from urllib.request import Request, urlopen

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from temporalio.exceptions import ApplicationError

    from agentkit import AnyTool, ToolCall, idempotency_key, once, run_tools, tool


@tool(effect="idempotent")
def pay(amount: int) -> dict[str, Any]:
    """Pay.

    Args:
        amount: How much.
    """
    with closing(sqlite3.connect(os.environ["BANK"])) as db:
        db.execute("create table if not exists payments (amount integer)")

        def effect() -> dict[str, Any]:
            db.execute("insert into payments values (?)", (amount,))
            return {"paid": amount}

        return once(db, effect)


@tool(effect="idempotent")
def send(text: str) -> str:
    """Send a letter.

    Args:
        text: What it says.
    """
    with closing(sqlite3.connect(os.environ["BANK"])) as db:
        return str(once(db, lambda: {"sent": text})["sent"])


@tool(effect="idempotent")
def charge(amount: int) -> str:
    """Charge a card at the provider that PROVIDER names.

    Args:
        amount: How much.
    """
    headers = {"Idempotency-Key": str(idempotency_key())}
    request = Request(os.environ["PROVIDER"], data=b"%d" % amount, headers=headers)
    with urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


TOOLS: list[AnyTool] = [pay, send, charge]


@workflow.defn
class RunTurns:
    """Runs the calls of each turn, one turn after the other."""

    @workflow.run
    async def run(self, turns: list[list[ToolCall]]) -> list[dict[str, Any]]:
        return [{**result} for calls in turns for result in await run_tools(calls, TOOLS)]


@workflow.defn
class Wait:
    """Waits as long as it is told to, and gives back its argument."""

    @workflow.run
    async def run(self, seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds


@workflow.defn
class Ends:
    """Fails, as a run that is over its budget does."""

    @workflow.run
    async def run(self, words: str) -> None:
        raise ApplicationError(words)


@workflow.defn
class Broken:
    """Has a bug, which fails its Workflow Task again and again."""

    @workflow.run
    async def run(self, words: str) -> None:
        raise RuntimeError(words)
