"""Effects that happen once, however often they are called.

Temporal calls an Activity *at least* once: if a worker dies between its effect and its report
to the server, another attempt follows. So each tool call carries a key that is the same on every
attempt, and an effect writes the key in the same transaction as its own row. The promise holds
for a target that honours the key; this ledger makes a SQLite database such a target.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_key: ContextVar[str | None] = ContextVar("agentkit_idempotency_key", default=None)

_LEDGER = """
create table if not exists ledger (
    key        text primary key,
    result     text not null,
    created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) without rowid
"""


def idempotency_key() -> str | None:
    """Read the key of the tool call that is running; None outside a durable run.

    It is `first_execution_run_id:turn.position:tool_use_id`, the same on every attempt and
    across continue-as-new.
    """
    return _key.get()


@contextmanager
def use_idempotency_key(key: str | None) -> Iterator[None]:
    """Set the key for the code inside the block, and for the tasks it starts."""
    token = _key.set(key)
    try:
        yield
    finally:
        _key.reset(token)


def once(db: sqlite3.Connection, effect: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run an effect and record it in the ledger, in one transaction; or return its first result.

    Without a key (see `idempotency_key`) the effect runs every time.

    Args:
        db: The connection that the effect writes to, with no transaction open.
        effect: Writes its rows through `db`, without committing, and returns its result as
            a JSON object. If it raises, nothing is written and the key stays free.
    """
    key = idempotency_key()
    if db.in_transaction:
        raise RuntimeError("once() opens its own transaction: commit or roll back before it")
    db.execute(_LEDGER)
    db.execute("begin immediate")
    try:
        row = db.execute("select result from ledger where key = ?", (key,)).fetchone()
        if row is not None:
            result: dict[str, Any] = json.loads(row[0])
        else:
            result = effect()
            if key is not None:
                db.execute(
                    "insert into ledger (key, result) values (?, ?)", (key, json.dumps(result))
                )
        db.commit()
    except BaseException:
        db.rollback()
        raise
    return result
