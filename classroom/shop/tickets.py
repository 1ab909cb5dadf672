"""The queue: tickets that wait for an answer."""

from __future__ import annotations

from agentkit.idempotency import once
from classroom.shop.database import session


def next_ticket(after: int) -> tuple[int, str] | None:
    """Look at the ticket that comes after another one.

    Args:
        after: The number of that one; 0 for the first.

    Returns:
        Number and question; None at the end of the queue.
    """
    with session() as db:
        row = db.execute(
            "select id, question from tickets where id > ? order by id limit 1", (after,)
        ).fetchone()
    return None if row is None else (row["id"], row["question"])


def answer_ticket(number: int, text: str) -> None:
    """Send an answer to the customer who wrote a ticket: once for each `idempotency_key()`.

    Args:
        number: The ticket's number.
        text: The answer.
    """
    with session() as db:

        def send() -> dict[str, int]:
            db.execute("insert into answers (ticket_id, text) values (?, ?)", (number, text))
            return {"ticket": number}

        once(db, send)
