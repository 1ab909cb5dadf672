"""A worker of durable_loop with a payload codec, whose refunds are rows in PostgreSQL, at $BANK.

It lies in a folder of its own, which `trees.copy_tree` copies, so that bugs can be planted here.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import psycopg
from temporalio.converter import DataConverter
from temporalio.worker import Worker

from agentkit import (
    AgentPlugin,
    AnyTool,
    claude_activity,
    connect,
    once,
    run_main,
    run_until_signalled,
    tool,
    tool_activity,
)
from recipes.durable_loop.activities import SYSTEM
from recipes.durable_loop.tools import TOOLS as SHOP_TOOLS
from recipes.durable_loop.workflow import AgentWorkflow
from tests.crash.campaign.sealed import Seals

TASK_QUEUE = "bank"


@tool(effect="idempotent")
def refund(order_id: int, amount: float, reason: str) -> dict[str, Any]:
    """Pay money back to the customer of an order. This cannot be undone.

    Args:
        order_id: The order's number, for example 1042.
        amount: How much to pay back, in the order's currency.
        reason: Why, in words that a colleague can understand a year later.
    """
    with psycopg.connect(os.environ["BANK"]) as db:

        def pay() -> dict[str, Any]:
            db.execute("insert into refunds values (%s, %s)", (order_id, amount))
            status = {"currency": "EUR", "status": "refunded"}
            return {"order_id": order_id, "amount": amount, **status}

        return once(db, pay)


TOOLS: list[AnyTool] = [refund, *(each for each in SHOP_TOOLS if each.name != "refund")]


async def main() -> None:
    """Poll until killed."""
    sealing = replace(DataConverter.default, payload_codec=Seals())
    client = await connect(AgentPlugin(), data_converter=sealing)
    activities = [claude_activity(SYSTEM, TOOLS), tool_activity(TOOLS)]
    await run_until_signalled(
        Worker(client, task_queue=TASK_QUEUE, workflows=[AgentWorkflow], activities=activities)
    )


if __name__ == "__main__":
    run_main(main())
