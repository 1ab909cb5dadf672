"""The support desk's tools: five look-ups and two effects, for Claude."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from difflib import get_close_matches
from typing import Any, cast

from agentkit.idempotency import once
from agentkit.tools import Tool, ToolError, tool
from classroom.shop.answers import (
    Article,
    Email,
    Order,
    OrderSummary,
    Refund,
    Shipment,
    Stock,
)
from classroom.shop.database import session
from classroom.shop.slowness import bank_confirms, carrier_answers

_MOST_ARTICLES = 10

_LONGEST_ADDRESS = 254
"""Characters of an email address, by RFC 5321."""

_ADDRESS = re.compile(r"[^\s@,;<>]+@[^\s@,;<>.]+(?:\.[^\s@,;<>.]+)+")
_STOP_WORDS = """
a an and are as at be but by can do does for from get has have how i if in is it its may me my no
not of on or our should so that the their they this to was we what when where which who why will
with would you your
"""


@tool(effect="none")
async def find_order(order_id: int) -> Order:
    """Look up one order: its customer, books, total and status.

    Args:
        order_id: The order's number as the customer gives it, for example 1042.
    """
    with session() as db:
        order = _order(db, order_id)
        lines = db.execute(
            "select title, format, quantity, l.price_cents from order_lines l"
            " join books b on b.id = l.book_id where order_id = ? order by b.id",
            (order_id,),
        ).fetchall()
    return {
        "order_id": order["id"],
        "customer": order["name"],
        "email": order["email"],
        "placed_on": order["placed_on"],
        "status": order["status"],
        "books": [
            {"title": title, "format": form, "quantity": quantity, "price": cents / 100}
            for title, form, quantity, cents in lines
        ],
        "total": order["total_cents"] / 100,
        "currency": order["currency"],
    }


@tool(effect="none")
async def find_orders_of_customer(email: str) -> list[OrderSummary]:
    """List a customer's orders, the oldest first, when the order number isn't known.

    Args:
        email: The customer's email address, in upper or lower case.
    """
    with session() as db:
        customer = db.execute(
            "select id from customers where email = ?", (email.strip(),)
        ).fetchone()
        if customer is None:
            raise ToolError(
                f"No customer has the email address {email!r}. "
                "Ask for the address that was used for the order, or for the order number."
            )
        found = db.execute(f"{_ORDERS} where customer_id = ? order by o.id", (customer["id"],))
        return [
            {
                "order_id": row["id"],
                "placed_on": row["placed_on"],
                "status": row["status"],
                "total": row["total_cents"] / 100,
                "currency": row["currency"],
            }
            for row in found
        ]


@tool(effect="none")
async def track_shipment(order_id: int) -> Shipment:
    """Ask the carrier where an order's parcel is. The carrier takes a moment to answer.

    Args:
        order_id: The order's number, for example 1042.
    """
    with session() as db:
        order = _order(db, order_id)
        row = db.execute("select * from shipments where order_id = ?", (order_id,)).fetchone()
    await carrier_answers()
    if row is not None:
        return cast(Shipment, {name: row[name] for name in Shipment.__annotations__})
    waiting = {"processing": "not shipped yet", "cancelled": "cancelled, nothing was shipped"}
    return {
        "order_id": order_id,
        "status": waiting.get(order["status"], "delivered by download, nothing was shipped"),
        "carrier": None,
        "tracking_number": None,
        "last_seen": None,
        "shipped_on": None,
        "expected_on": None,
        "delivered_on": None,
    }


@tool(effect="none")
async def search_handbook(query: str, limit: int = 3) -> list[Article]:
    """Search the shop's handbook for its rules: returns, refunds, shipping, privacy and others.

    Gives the best articles first, and an empty list when none fits.

    Args:
        query: A few words on the subject, for example "damaged book refund". An article fits
            when it has any of them; operators and quotes mean nothing.
        limit: How many articles to return at most, from 1 to 10.
    """
    if not 1 <= limit <= _MOST_ARTICLES:
        raise ToolError(f"limit is {limit}; it must lie between 1 and {_MOST_ARTICLES}.")
    telling = handbook_words(query)
    with session() as db:
        found = db.execute(
            "select title, body from handbook where handbook match ?"
            " order by bm25(handbook, 4.0, 1.0), rowid limit ?",  # titles count four times
            (" OR ".join(telling), limit),
        )
        return [{"title": title, "text": body} for title, body in found]


def handbook_words(query: str) -> list[str]:
    """Take the words out of a query that tell what it is about, for a full-text search.

    Args:
        query: Any text of the user's.

    Raises:
        ToolError: There is no word in it.
    """
    # The user's text is not a query in FTS5's language: its operators are capital letters and
    # punctuation, so lower-case words have none.
    words = list(dict.fromkeys(re.findall(r"[^\W_]+", query.lower())))
    if not words:
        raise ToolError(
            f"The query {query!r} has no word in it. Send a few words on the subject, "
            'for example "gift cards".'
        )
    return [word for word in words if word not in _STOP_WORDS.split()] or words


@tool(effect="none")
async def check_stock(title: str) -> list[Stock]:
    """Check whether a book can be ordered: every edition whose title fits, with its price.

    Args:
        title: The title or a part of it, in upper or lower case.
    """
    with session() as db:
        books = db.execute("select * from books order by id").fetchall()
    wanted = title.strip().casefold()
    found = [book for book in books if wanted and wanted in book["title"].casefold()]
    if not found:
        titles = {book["title"].casefold(): book["title"] for book in books}
        close = [titles[t] for t in get_close_matches(wanted, titles)]
        hint = f"Did you mean {' or '.join(close)}?" if close else "Ask for the exact title."
        raise ToolError(f"We have no book whose title contains {title!r}. {hint}")
    return [
        {
            "title": book["title"],
            "author": book["author"],
            "format": book["format"],
            "price": book["price_cents"] / 100,
            "currency": "EUR",
            "in_stock": book["stock"] != 0,
            "copies": book["stock"],
        }
        for book in found
    ]


@tool(effect="idempotent")
async def refund(order_id: int, amount: float, reason: str) -> Refund:
    """Pay money back to the customer of an order. This cannot be undone.

    Args:
        order_id: The order's number, for example 1042.
        amount: How much to pay back, in the order's currency and with at most two decimals,
            for example 38.5; not more than the order's total.
        reason: Why, in words that a colleague can understand a year later.
    """
    with session() as db:

        def pay() -> dict[str, Any]:
            order = _order(db, order_id)
            total, currency = order["total_cents"] / 100, order["currency"]
            if not amount > 0:  # NaN too
                raise ToolError(f"The amount is {amount}; it must be above 0.")
            if amount > total:
                raise ToolError(
                    f"The amount {amount} is above the order's total of {total:.2f} {currency}."
                )
            cents = round(amount * 100)
            if cents / 100 != amount:
                raise ToolError(f"The amount {amount} has more than two decimals.")
            # Earlier refunds are not looked at, on purpose: many payment gateways don't either,
            # and pay twice when asked twice. That it happens once is the caller's promise:
            # lesson 01 breaks it with a loop that starts again, `once` keeps it.
            db.execute(
                "insert into refunds (order_id, amount_cents, reason) values (?, ?, ?)",
                (order_id, cents, reason),
            )
            return {
                "order_id": order_id,
                "amount": cents / 100,
                "currency": currency,
                "status": "refunded",
            }

        paid = cast(Refund, once(db, pay))
    await bank_confirms()
    return paid


@tool(effect="idempotent")
async def send_email(to: str, subject: str, body: str) -> Email:
    """Send an email from the support desk. This cannot be undone.

    Args:
        to: The address of one recipient, for example mira.okafor@example.com.
        subject: The subject line.
        body: The text, with greeting and signature.
    """
    with session() as db:

        def send() -> dict[str, Any]:
            if len(to) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(to) or not to.isprintable():
                raise ToolError(
                    f"{to[:_LONGEST_ADDRESS]!r} is not an email address. Send one like "
                    "name@example.com."
                )
            if any(map(_is_control, subject)):
                raise ToolError("The subject is one line, without control characters.")
            db.execute(
                "insert into emails (to_address, subject, body) values (?, ?, ?)",
                (to, subject, body),
            )
            return {"to": to, "subject": subject, "status": "sent"}

        return cast(Email, once(db, send))


TOOLS: tuple[Tool[..., Any], ...] = (
    find_order,
    find_orders_of_customer,
    track_shipment,
    search_handbook,
    check_stock,
    refund,
    send_email,
)
"""All tools of the support desk, the look-ups first."""

_ORDERS = """
select o.*, name, email,
       (select sum(quantity * price_cents) from order_lines where order_id = o.id) as total_cents
from orders o join customers c on c.id = o.customer_id
"""


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp")


def _order(db: sqlite3.Connection, order_id: int) -> sqlite3.Row:
    """Read an order with its customer and total, or say which numbers there are."""
    first, last = db.execute("select min(id), max(id) from orders").fetchone()
    if first <= order_id <= last:  # an integer beyond 64 bits never reaches SQLite
        row = db.execute(f"{_ORDERS} where o.id = ?", (order_id,)).fetchone()
        if row is not None:
            return cast(sqlite3.Row, row)
    raise ToolError(f"There is no order {order_id}. Order numbers run from {first} to {last}.")
