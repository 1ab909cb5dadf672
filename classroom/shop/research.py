"""Research: sentences of the handbook and figures of the shop, each with an id to cite it by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from sqlite3 import Connection
from typing import Literal

from agentkit.tools import ToolError, tool
from classroom.shop.answers import Source
from classroom.shop.database import session
from classroom.shop.tools import handbook_words

Topic = Literal["cancelled orders", "delivery times", "bestsellers", "refunds"]

_MOST_PASSAGES = 10
_PROMISED = {"within Ireland": 3, "within the European Union": 8, "to everywhere else": 20}
"""The delivery time that the handbook allows, in working days."""

_NOT_IN_THE_UNION = ("Norway", "Iceland", "United Kingdom", "Canada", "Kenya", "Japan")


@tool(effect="none")
async def search_passages(query: str, limit: int = 4) -> list[Source]:
    """Search the handbook's rules sentence by sentence; the best come first, none if none fits.

    Args:
        query: A few words on the subject, for example "cancelled order refund".
        limit: How many sentences to return at most, from 1 to 10.
    """
    if not 1 <= limit <= _MOST_PASSAGES:
        raise ToolError(f"limit is {limit}; it must lie between 1 and {_MOST_PASSAGES}.")
    with session() as db:
        # Made for each search, so that it holds what the handbook says now.
        db.execute(
            "create virtual table temp.passages using fts5"
            " (source unindexed, title, text, tokenize = 'porter unicode61')"
        )
        db.executemany("insert into temp.passages values (?, ?, ?)", _passages(db))
        found = db.execute(
            "select source, text from temp.passages where passages match ?"
            " order by bm25(passages, 0.0, 2.0, 2.0), rowid limit ?",
            (" OR ".join(handbook_words(query)), limit),
        ).fetchall()
        return [_source(db, name, text) for name, text in found]


@tool(effect="none")
async def shop_figures(topic: Topic) -> list[Source]:
    """Count in the shop's books; gives nothing when there is nothing to count.

    Args:
        topic: What to count.
    """
    with session() as db:
        found = list(_FIGURES[topic](db))
    slug = topic.replace(" ", "-")
    return [
        {"source": f"figures:{slug}#{n}", "text": text, "states": states}
        for n, (text, states) in enumerate(found, 1)
    ]


def _passages(db: Connection) -> Iterator[tuple[str, str, str]]:
    for title, body in db.execute("select title, body from handbook order by rowid"):
        slug = re.sub(r"\W+", "-", title.lower()).strip("-")
        for n, sentence in enumerate(re.split(r"(?<=[.;]) (?=[A-Z])", body), 1):
            yield f"handbook:{slug}#{n}", title, sentence


def _source(db: Connection, name: str, text: str) -> Source:
    stated = db.execute("select subject, value from statements where source = ?", (name,))
    return {
        "source": name,
        "text": text,
        "states": {row["subject"]: row["value"] for row in stated},
    }


Figure = tuple[str, dict[str, str]]
"""A sentence, and what it states."""


def _cancelled(db: Connection) -> Iterator[Figure]:
    orders = [row["id"] for row in db.execute("select id from orders where status = 'cancelled'")]
    if orders:
        left = db.execute(
            "select id from orders where status = 'cancelled'"
            " and id not in (select order_id from refunds)"
        ).fetchall()
        yield (
            f"{len(orders)} orders are cancelled ({', '.join(map(str, orders))}), and {len(left)} "
            "of them have not been refunded.",
            {"cancelled orders that were not refunded": str(len(left))},
        )


def _delivery(db: Connection) -> Iterator[Figure]:
    today = date.fromisoformat(db.execute("select max(placed_on) from orders").fetchone()[0])
    took: dict[str, list[int]] = {where: [] for where in _PROMISED}
    late = dict.fromkeys(_PROMISED, 0)
    for row in db.execute(
        "select country, shipped_on, delivered_on from shipments s"
        " join orders o on o.id = s.order_id join customers c on c.id = o.customer_id"
    ):
        where = _where(row["country"])
        until = date.fromisoformat(row["delivered_on"]) if row["delivered_on"] else today
        days = _working_days(date.fromisoformat(row["shipped_on"]), until)
        late[where] += days > _PROMISED[where]
        if row["delivered_on"]:
            took[where].append(days)
    for where, days_taken in took.items():
        if days_taken:
            yield (
                f"Parcels {where}: {len(days_taken)} were delivered, in {min(days_taken)} to "
                f"{max(days_taken)} working days; {late[where]} took longer than the handbook "
                f"allows, or still do on {today}.",
                {f"parcels {where} that took too long": str(late[where])},
            )


def _bestsellers(db: Connection) -> Iterator[Figure]:
    for title, copies in db.execute(
        "select title, sum(quantity) copies from order_lines l join books b on b.id = l.book_id"
        " group by title order by copies desc, title limit 3"
    ):
        yield f"{copies} copies of “{title}” were ordered.", {}


def _refunds(db: Connection) -> Iterator[Figure]:
    for month, number, cents in db.execute(
        "select substr(created_at, 1, 7), count(*), sum(amount_cents) from refunds group by 1"
    ):
        yield f"In {month}, refunds made: {number}, of {cents / 100:.2f} EUR together.", {}


_FIGURES: dict[Topic, Callable[[Connection], Iterator[Figure]]] = {
    "cancelled orders": _cancelled,
    "delivery times": _delivery,
    "bestsellers": _bestsellers,
    "refunds": _refunds,
}


def _where(country: str) -> str:
    if country == "Ireland":
        return "within Ireland"
    return "to everywhere else" if country in _NOT_IN_THE_UNION else "within the European Union"


def _working_days(first: date, last: date) -> int:
    days = (first + timedelta(n) for n in range(1, (last - first).days + 1))
    return sum(day.weekday() < 5 for day in days)
