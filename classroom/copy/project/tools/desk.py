"""What the agent can do. This is an example with a shop of three orders: put your own here.

A tool is a typed function with a docstring: that is what Claude is told of it. One that only
reads needs no more than `@tool`. One that changes something says how it bears being called
twice, as it is when a worker dies in between: "idempotent" when its target knows the call by
`idempotency_key()`, as `once` does for a SQLite database; else "at_most_once".
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypedDict

from agentkit import AnyTool, ToolError, once, tool


class Order(TypedDict):
    """An order; totals are in EUR."""

    order_id: int
    customer: str
    email: str
    total: float


class Article(TypedDict):
    """A rule of the shop."""

    title: str
    text: str


ORDERS: dict[int, Order] = {
    1025: {
        "order_id": 1025,
        "customer": "Hanneke Vosmaer",
        "email": "hanneke.vosmaer@example.com",
        "total": 107.9,
    },
    1036: {
        "order_id": 1036,
        "customer": "Luca Ferrantino",
        "email": "luca.ferrantino@example.com",
        "total": 24.0,
    },
    1042: {
        "order_id": 1042,
        "customer": "Mira Okafor",
        "email": "mira.okafor@example.com",
        "total": 38.5,
    },
}
HANDBOOK: list[Article] = [
    {
        "title": "Damaged books",
        "text": "Whoever receives a damaged book chooses a replacement or a full refund.",
    },
    {
        "title": "Refunds",
        "text": "A refund is at most the order's total, and arrives within five working days.",
    },
    {"title": "Returns", "text": "Unread books may be returned within 30 days of delivery."},
]
TABLES = """
create table if not exists refunds (order_id integer, amount real, reason text);
create table if not exists emails (recipient text, subject text, body text);
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


@tool
async def search_handbook(query: str) -> list[Article]:
    """Search the shop's handbook for its rules; gives the articles that fit.

    Args:
        query: A few words on the subject, for example "damaged refund".
    """
    words = query.lower().split()
    return [a for a in HANDBOOK if any(w in f"{a['title']} {a['text']}".lower() for w in words)]


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

    def pay(db: sqlite3.Connection) -> dict[str, Any]:
        db.execute("insert into refunds values (?, ?, ?)", (order_id, amount, reason))
        return {"order_id": order_id, "amount": amount, "currency": "EUR", "status": "refunded"}

    return write(pay)


@tool(effect="idempotent")
async def send_email(to: str, subject: str, body: str) -> dict[str, Any]:
    """Send an email from the support desk. This cannot be undone.

    Args:
        to: The address of one recipient, for example mira.okafor@example.com.
        subject: The subject line.
        body: The text, with greeting and signature.
    """

    def send(db: sqlite3.Connection) -> dict[str, Any]:
        db.execute("insert into emails values (?, ?, ?)", (to, subject, body))
        return {"to": to, "status": "sent"}

    return write(send)


def write(effect: Callable[[sqlite3.Connection], dict[str, Any]]) -> dict[str, Any]:
    """Run an effect on the example's database, once for each call of a tool."""
    with closing(sqlite3.connect(Path(os.environ.get("EXAMPLE_DB", "example.db")))) as db:
        db.executescript(TABLES)
        return once(db, lambda: effect(db))


TOOLS: list[AnyTool] = [find_order, search_handbook, refund, send_email]
