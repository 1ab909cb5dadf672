"""What the agent can do, and what each tool declares. An example: put your own tools here.

A tool is a typed function with a docstring: that is what Claude is told of it. Calls of one
message run side by side. What a tool declares decides what happens when a worker dies in the
middle: one that only reads ("none") or whose target knows a call by its key ("idempotent") is
called again; one that must not be called twice ("at_most_once") is left to a person.
"""

import os
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypedDict

from agentkit import AnyTool, ToolError, once, tool


class Order(TypedDict):
    """An order; totals are in EUR."""

    order_id: int
    customer: str
    email: str
    total: float


ORDERS: dict[int, Order] = {
    1032: {
        "order_id": 1032,
        "customer": "Katalin Berekes",
        "email": "katalin.berekes@example.com",
        "total": 60.7,
    },
    1033: {
        "order_id": 1033,
        "customer": "Bastien Corvelle",
        "email": "bastien.corvelle@example.com",
        "total": 56.2,
    },
    1042: {
        "order_id": 1042,
        "customer": "Mira Okafor",
        "email": "mira.okafor@example.com",
        "total": 38.5,
    },
}
TABLES = """
create table if not exists refunds (order_id integer, amount real, reason text);
create table if not exists pickups (order_id integer, day text);
"""


@tool
async def find_order(order_id: int) -> Order:
    """Look up one order: its customer, their email address, and its total in EUR.

    Args:
        order_id: The order's number, for example 1042.
    """
    if order_id not in ORDERS:
        raise ToolError(f"There is no order {order_id}. There are: {', '.join(map(str, ORDERS))}.")
    return ORDERS[order_id]


@tool(effect="idempotent")
async def refund(order_id: int, amount: float, reason: str) -> dict[str, Any]:
    """Pay money back to the customer of an order. This cannot be undone.

    Args:
        order_id: The order's number, for example 1042.
        amount: How much, in EUR; not more than the order's total.
        reason: Why, in words that a colleague can understand a year later.
    """
    total = (await find_order(order_id))["total"]
    if not 0 < amount <= total:
        raise ToolError(f"The amount is {amount}; it must be above 0 and at most {total}.")
    with closing(database()) as db:

        def pay() -> dict[str, Any]:
            db.execute("insert into refunds values (?, ?, ?)", (order_id, amount, reason))
            return {"order_id": order_id, "amount": amount, "currency": "EUR", "status": "refunded"}

        return once(db, pay)


@tool(effect="at_most_once", timeout=timedelta(minutes=2))
def book_pickup(order_id: int, day: date) -> str:
    """Have the carrier pick a parcel up at the customer's door, as for a return.

    Args:
        order_id: The order's number, for example 1042.
        day: The day of the pickup, for example 2026-05-04.
    """
    with closing(database()) as db, db:  # stands for a carrier that takes no key
        db.execute("insert into pickups values (?, ?)", (order_id, str(day)))
    return f"A van will fetch the parcel of order {order_id} on {day}."


def database() -> sqlite3.Connection:
    """Open the example's database; it is made when it isn't there."""
    db = sqlite3.connect(Path(os.environ.get("EXAMPLE_DB", "example.db")))
    db.executescript(TABLES)
    return db


TOOLS: list[AnyTool] = [find_order, refund, book_pickup]
