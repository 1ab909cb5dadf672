"""An example to replace: a shop of five orders, whose functions tools.py offers to Claude.

A tool is a typed function with a docstring, which Claude reads. One that only reads declares the
effect "none". One that changes something declares what a second call would do, as a call is
repeated when a worker dies in the middle: "idempotent" if its target recognises a call by
`idempotency_key()`, as `once` does for a SQLite database, or else "at_most_once".
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Literal

from agentkit import ToolError, once, tool
from agentkit.stores.sqlite import private_file

ORDERS = {
    1025: ("Hanneke Vosmaer", "delivered", "Durable Things", 107.9),
    1032: ("Katalin Berekes", "delivered", "Durable Things", 60.7),
    1033: ("Bastien Corvelle", "delivered", "Salt and Slate", 56.2),
    1036: ("Luca Ferrantino", "shipped", "Salt and Slate", 24.0),
    1042: ("Mira Okafor", "delivered", "The Lighthouse Ledger", 38.5),
}
STOCK = {"Durable Things": 0, "Salt and Slate": 4, "The Lighthouse Ledger": 11}
HANDBOOK = {
    "Cancelling": "A cancelled order is refunded in full on the same working day.",
    "Damaged books": "Whoever receives a damaged book chooses a replacement or a full refund.",
    "E-books": "An e-book can be refunded within 14 days.",
    "Refunds": "A refund is at most the order's total, and arrives within five working days.",
    "Returns": "Unread books may be returned within 30 days of delivery.",
}
# The topics of the recorded run, which must be arguments that fit.
Topic = Literal["cancelled orders", "returns", "delivery times", "bestsellers", "refunds"]
FIGURES = {
    "cancelled orders": "3 orders are cancelled, and 2 of them have not been refunded.",
    "returns": "5 books were returned in April, 4 of them unread.",
}
# Two sources that contradict one another; a report has to say so.
STATES = {
    "handbook:cancelling#1": {"cancelled orders that were not refunded": "0"},
    "figures:cancelled-orders#1": {"cancelled orders that were not refunded": "2"},
}

TICKETS = [
    "Who placed order 1036?",
    "What is in order 1025?",
    "Is “Salt and Slate” in stock?",
    "How much was order 1042?",
]
TABLES = """
create table if not exists refunds (order_id integer, amount real, reason text);
create table if not exists emails (recipient text, subject text, body text);
create table if not exists pickups (order_id integer, day text);
create table if not exists answers (ticket integer, text text);
create table if not exists reports
    (title text, file text, sha256 text, turns integer, tokens integer, usd real);
"""


@tool(effect="none")
async def find_order(order_id: int) -> dict[str, Any]:
    """Look up one order: its customer, their email address, its books and its total in EUR.

    Args:
        order_id: The order's number, for example 1042.
    """
    if order_id not in ORDERS:
        raise ToolError(f"There is no order {order_id}. There are: {', '.join(map(str, ORDERS))}.")
    customer, status, book, total = ORDERS[order_id]
    return {
        "order_id": order_id,
        "customer": customer,
        "email": f"{customer.lower().replace(' ', '.')}@example.com",
        "status": status,
        "books": [book],
        "total": total,
    }


@tool(effect="none")
async def track_shipment(order_id: int) -> dict[str, Any]:
    """Ask the carrier where an order's parcel is.

    Args:
        order_id: The order's number, for example 1042.
    """
    status = (await find_order(order_id))["status"]
    delivered = "2026-05-04" if status == "delivered" else None
    return {
        "order_id": order_id,
        "status": status,
        "carrier": "Harbour Post",
        "tracking_number": f"HP{order_id}",
        "last_seen": "Utrecht sorting centre",
        "shipped_on": "2026-05-01",
        "expected_on": "2026-05-06",
        "delivered_on": delivered,
    }


@tool(effect="none")
async def search_handbook(query: str) -> list[dict[str, str]]:
    """Search the shop's handbook for its rules. Returns the articles that fit.

    Args:
        query: A few words on the subject, for example "damaged refund".
    """
    return [{"title": title, "text": text} for title, text in _matching(query)]


@tool(effect="none")
async def check_stock(title: str) -> dict[str, Any]:
    """Check whether a book can be ordered.

    Args:
        title: The title or a part of it, in upper or lower case.
    """
    for book, copies in STOCK.items():
        if title.strip().lower() in book.lower():
            return {"title": book, "in_stock": copies > 0, "copies": copies}
    raise ToolError(f"We have no book whose title contains {title!r}.")


@tool(effect="idempotent")
async def refund(order_id: int, amount: float, reason: str) -> dict[str, Any]:
    """Pay money back to the customer of an order. This cannot be undone.

    Args:
        order_id: The order's number, for example 1042.
        amount: How much, in EUR; not more than the order's total.
        reason: Why, in words that a colleague can understand a year later.
    """
    total = (await find_order(order_id))["total"]
    if not 0 < amount <= total or round(amount, 2) != amount:
        raise ToolError(f"The amount is {amount}; it must be 0.01 or more and at most {total}.")
    paid = {"order_id": order_id, "amount": amount, "currency": "EUR", "status": "refunded"}
    return _write_once("refunds", (order_id, amount, reason), paid)


@tool(effect="idempotent")
async def send_email(to: str, subject: str, body: str) -> dict[str, Any]:
    """Send an email from the support desk. This cannot be undone.

    Args:
        to: The address of one recipient, for example mira.okafor@example.com.
        subject: The subject line.
        body: The text, with greeting and signature.
    """
    return _write_once("emails", (to, subject, body), {"to": to, "status": "sent"})


@tool(effect="none")
async def search_passages(query: str) -> list[dict[str, Any]]:
    """Search the handbook's rules sentence by sentence. Returns none if none fits.

    Args:
        query: A few words on the subject, for example "cancelled order refund".
    """
    return [_source(f"handbook:{title}", text) for title, text in _matching(query)]


@tool(effect="none")
async def shop_figures(topic: Topic) -> list[dict[str, Any]]:
    """Count in the shop's books.

    Args:
        topic: What to count.
    """
    return [_source(f"figures:{topic}", FIGURES[topic])] if topic in FIGURES else []


def book_van(order_id: int, day: date) -> None:
    """Send a van to fetch a parcel. The carrier recognises no key: asked twice, two vans come."""
    with session() as db:
        db.execute("insert into pickups values (?, ?)", (order_id, str(day)))


def next_ticket(after: int) -> tuple[int, str] | None:
    """Return the ticket after another one (0 for the first); None at the end of the queue."""
    return (after + 1, TICKETS[after]) if after < len(TICKETS) else None


def answer_ticket(number: int, text: str) -> None:
    """Send an answer to the author of a ticket, once for each `idempotency_key()`."""
    _write_once("answers", (number, text), {"ticket": number})


def path() -> Path:
    """Name the example's database file."""
    return Path(os.environ.get("EXAMPLE_DB", "example.db"))


@contextmanager
def session() -> Iterator[sqlite3.Connection]:
    """Open the example's database for one block of code; it is made if it isn't there."""
    with closing(sqlite3.connect(private_file(path()), isolation_level=None)) as db:
        db.executescript(TABLES)
        yield db


def _write_once(table: str, row: tuple[Any, ...], result: dict[str, Any]) -> dict[str, Any]:
    """Insert a row, once for each `idempotency_key()`, and return the first call's result."""
    with session() as db:

        def write() -> dict[str, Any]:
            marks = ", ".join("?" * len(row))
            db.execute(f"insert into {table} values ({marks})", row)  # noqa: S608
            return result

        return once(db, write)


def _matching(query: str) -> list[tuple[str, str]]:
    words = [word for word in query.lower().split() if len(word) > 3]
    return [each for each in HANDBOOK.items() if any(w in " ".join(each).lower() for w in words)]


def _source(place: str, text: str) -> dict[str, Any]:
    name = f"{place.lower().replace(' ', '-')}#1"
    return {"source": name, "text": text, "states": STATES.get(name, {})}
