"""A store in PostgreSQL: for workers on many machines, beside the effects in the same database.

It needs psycopg: `pip install 'psycopg[binary]'`.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

from agentkit.messages import sha256_reference

if TYPE_CHECKING:
    from psycopg import Connection

_SCHEMA = """
create table if not exists agentkit_texts (
    reference text primary key,
    text      bytea not null
)
"""


class PostgresStore:
    """A store in the table `agentkit_texts`, which it makes.

    A text is there for every reader as soon as `put` has returned. So all connections go to the
    server that is written to, not to a replica that may lag behind.

    Args:
        address: The database, as a URL or as `key=value` pairs. What it doesn't say comes from
            libpq's variables, such as `PGHOST`, `PGSERVICE` and `PGPASSWORD`.
    """

    def __init__(self, address: str = "") -> None:
        self._address = address
        self._db: Connection[Any] | None = None
        self._opening = threading.Lock()

    def put(self, text: str) -> str:
        """Keep a text; see `Store`."""
        data = text.encode()
        reference = sha256_reference(data)
        add = "insert into agentkit_texts values (%s, %s) on conflict do nothing"
        self._execute(add, reference, data)
        return reference

    def get(self, reference: str) -> str:
        """Return a text; see `Store`."""
        found = self._execute("select text from agentkit_texts where reference = %s", reference)
        row = found.fetchone()
        where = f"agentkit_texts in {found.connection.info.dbname}"
        if row is None:
            raise KeyError(f"{where} holds no {reference}")
        data = bytes(row[0])
        if sha256_reference(data) != reference:
            raise KeyError(f"{reference} in {where} has been altered: its text is another one")
        return data.decode()

    def _execute(self, sql: str, *values: object) -> Any:
        db = self._connection()
        try:
            return db.execute(sql, values)
        except Exception:
            if not db.closed:
                raise
            return self._connection().execute(sql, values)  # the server was started again

    def _connection(self) -> Connection[Any]:
        """Return the store's connection; many threads may use it at once."""
        # Here only: a process without this store needs no psycopg.
        import psycopg

        with self._opening:
            if self._db is None or self._db.closed:
                db = psycopg.connect(self._address, autocommit=True)
                weakref.finalize(self, db.close)
                with db.transaction():
                    # Two who create one table at the same time get an error.
                    db.execute("select pg_advisory_xact_lock(hashtext('agentkit_texts'))")
                    there = db.execute("select to_regclass('agentkit_texts')").fetchone()
                    if there == (None,):
                        db.execute(_SCHEMA)
                self._db = db
            return self._db
