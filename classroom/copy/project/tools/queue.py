"""What the agent can do, and where its tickets come from. An example: put your own here.

A tool is a typed function with a docstring: that is what Claude is told of it. The queue is
`next_ticket` and `answer_ticket`, which an Activity calls; `once` keeps an answer from being sent
twice when a worker dies in between.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, TypedDict

from agentkit import AnyTool, ToolError, once, tool


class Order(TypedDict):
    """An order; totals are in EUR."""

    order_id: int
    customer: str
    books: list[str]
    total: float


class Stock(TypedDict):
    """What there is of a book."""

    title: str
    in_stock: bool
    copies: int


ORDERS: dict[int, Order] = {
    1008: {
        "order_id": 1008,
        "customer": "Luca Ferrantino",
        "books": ["Salt and Slate"],
        "total": 24.0,
    },
    1023: {
        "order_id": 1023,
        "customer": "Hanneke Vosmaer",
        "books": ["Durable Things"],
        "total": 31.5,
    },
    1042: {
        "order_id": 1042,
        "customer": "Mira Okafor",
        "books": ["The Lighthouse Ledger"],
        "total": 38.5,
    },
}
STOCK = {"Salt and Slate": 4, "Durable Things": 0, "The Lighthouse Ledger": 11}
TICKETS = [
    "Who placed order 1008?",
    "What is in order 1023?",
    "Is “Salt and Slate” in stock?",
    "How much was order 1042?",
]
"""Their numbers start at 1."""


@tool
async def find_order(order_id: int) -> Order:
    """Look up one order: its customer, its books, and its total in EUR.

    Args:
        order_id: The order's number, for example 1042.
    """
    if order_id not in ORDERS:
        raise ToolError(f"There is no order {order_id}. There are: {', '.join(map(str, ORDERS))}.")
    return ORDERS[order_id]


@tool
async def check_stock(title: str) -> Stock:
    """Check whether a book can be ordered.

    Args:
        title: The title or a part of it, in upper or lower case.
    """
    for book, copies in STOCK.items():
        if title.strip().lower() in book.lower():
            return {"title": book, "in_stock": copies > 0, "copies": copies}
    raise ToolError(f"We have no book whose title contains {title!r}.")


TOOLS: list[AnyTool] = [find_order, check_stock]


def next_ticket(after: int) -> tuple[int, str] | None:
    """Look at the ticket that comes after another one.

    Args:
        after: The number of that one; 0 for the first.

    Returns:
        Number and question; None at the end of the queue.
    """
    return (after + 1, TICKETS[after]) if after < len(TICKETS) else None


def answer_ticket(number: int, text: str) -> None:
    """Send an answer to whoever wrote a ticket: once for each `idempotency_key()`.

    Args:
        number: The ticket's number.
        text: The answer.
    """
    with closing(sqlite3.connect(Path(os.environ.get("EXAMPLE_DB", "example.db")))) as db:
        db.execute("create table if not exists answers (ticket integer, text text)")

        def send() -> dict[str, Any]:
            db.execute("insert into answers values (?, ?)", (number, text))
            return {"ticket": number}

        once(db, send)
