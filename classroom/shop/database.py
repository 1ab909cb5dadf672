"""The bookshop's SQLite file: made and seeded when first used, put back by `reset`."""

from __future__ import annotations

import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from agentkit.idempotency import once, use_idempotency_key
from agentkit.stores.sqlite import private_file, private_folder
from classroom.machine.home import ClassroomError, home

TABLES = (
    "customers",
    "books",
    "orders",
    "order_lines",
    "shipments",
    "refunds",
    "emails",
    "pickups",
    "handbook",
    "tickets",
    "answers",
    "statements",
    "reports",
    "ledger",
)
"""The tables that `rows` and `count` can show; `ledger` is that of `agentkit.idempotency`."""

_SCRIPTS = (
    "schema.sql",
    "seed_catalogue.sql",
    "seed_orders.sql",
    "seed_handbook.sql",
    "seed_tickets.sql",
    "seed_research.sql",
)
_APPLICATION_ID = 0x53484F50  # "SHOP", as schema.sql writes it into the file's header
_BUSY_SECONDS = 5.0
_CREATE_SECONDS = 30.0


def path() -> Path:
    """Find the shop's database file; it need not exist yet.

    Returns:
        `$SHOP_DB` if that is set, else `shop.db` in the course's state folder.

    Raises:
        ClassroomError: The state folder can't be written.
    """
    configured = os.environ.get("SHOP_DB")
    return Path(configured).expanduser().resolve() if configured else home() / "shop.db"


def connect() -> sqlite3.Connection:
    """Open the shop; make and seed it first if it isn't there.

    Returns:
        A connection with WAL, foreign keys and a busy timeout on, whose rows can be read by
        column name. Each statement commits by itself unless you `begin` a transaction.
        Close it when done.

    Raises:
        ClassroomError: The file can't be made or opened, or isn't the shop's.
    """
    return _open(path())


def _open(file: Path) -> sqlite3.Connection:
    with _plain_errors(file):
        try:
            _create_if_missing(file)
        except OSError as err:
            raise ClassroomError(
                f"Can't make the shop's database {file} ({err.strerror or err}). {_ELSEWHERE}"
            ) from err
        db = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            db.execute("pragma foreign_keys = on")
            if db.execute("pragma application_id").fetchone()[0] != _APPLICATION_ID:
                raise ClassroomError(
                    f"{file} is a database, but not the bookshop's. Let SHOP_DB name a file "
                    "that doesn't exist yet, or use the usual one: unset SHOP_DB"
                )
        except BaseException:
            db.close()
            raise
    return db


@contextmanager
def session() -> Iterator[sqlite3.Connection]:
    """Open the shop for one block of code, and close it after.

    Yields:
        A connection as `connect` makes it.

    Raises:
        ClassroomError: As `connect`; and for a full disk, a read-only or damaged file, a lock
            held too long or a missing table inside the block.
    """
    file = path()
    with closing(_open(file)) as db, _plain_errors(file):
        yield db


def reset() -> None:
    """Put the shop back as it was on the first day, and forget all effects.

    One transaction does it: other processes may have the file open, and see the shop
    either before or after. Tables that were added or changed go as well.

    Raises:
        ClassroomError: The shop can't be opened, or another process holds its lock.
    """
    with session() as db:
        db.execute("pragma foreign_keys = off")  # or rows would have to go in the right order
        db.execute("begin immediate")
        try:
            found = db.execute(
                "select name, type from pragma_table_list where schema = 'main'"
                " and type in ('table', 'virtual', 'view') and name not like 'sqlite!_%' escape '!'"
            ).fetchall()
            for name, kind in found:
                quoted = '"' + name.replace('"', '""') + '"'
                if name == "ledger":  # `once` may be on its way to it, so it stays in place
                    db.execute(f"delete from {quoted}")  # noqa: S608
                else:
                    db.execute(f"drop {'view' if kind == 'view' else 'table'} {quoted}")
            _seed(db)
            db.execute("commit")
        except BaseException:
            if db.in_transaction:
                db.execute("rollback")
            raise
        _make_ledger(db)


def rows(table: str) -> list[dict[str, Any]]:
    """Read a whole table.

    Args:
        table: One of `TABLES`.

    Returns:
        Every row as column → value, in the order in which the rows were written.

    Raises:
        ValueError: There is no such table; the message names those there are.
    """
    order = "created_at, key" if table == "ledger" else "rowid"  # the ledger has no rowid
    with session() as db:
        found = db.execute(f"select * from {_known(table)} order by {order}")  # noqa: S608
        return [dict(row) for row in found]


def count(table: str) -> int:
    """Count the rows of a table.

    Args:
        table: One of `TABLES`.

    Returns:
        The number of rows.

    Raises:
        ValueError: There is no such table; the message names those there are.
    """
    with session() as db:
        return int(db.execute(f"select count(*) from {_known(table)}").fetchone()[0])  # noqa: S608


def _known(table: str) -> str:
    if table not in TABLES:
        raise ValueError(f"The shop has no table {table!r}. Tables: {', '.join(TABLES)}.")
    return table


def _create_if_missing(file: Path) -> None:
    """Build the shop in a file beside it, then move that into place in one step."""
    if _is_there(file):
        return
    from filelock import FileLock  # here only: a worker that finds its shop doesn't need it

    if not file.parent.exists():
        private_folder(file.parent)
    with FileLock(f"{file}.lock", timeout=_CREATE_SECONDS, mode=0o600):
        if _is_there(file):
            return
        draft = file.with_name(file.name + ".new")
        draft.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(private_file(draft), isolation_level=None)) as db:
                db.execute("pragma journal_mode = wal")  # the file remembers it
                db.execute("begin")
                _seed(db)
                db.execute("commit")
                _make_ledger(db)
            # The log of a shop that was deleted would be played back onto the new one.
            for suffix in ("-wal", "-shm"):
                Path(f"{file}{suffix}").unlink(missing_ok=True)
            os.replace(draft, file)
        finally:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{draft}{suffix}").unlink(missing_ok=True)


def _is_there(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


def _seed(db: sqlite3.Connection) -> None:
    """Run the SQL files one statement at a time: `executescript` would commit first."""
    for script in _SCRIPTS:
        statement = ""
        for line in Path(__file__).with_name(script).read_text("utf-8").splitlines():
            statement += line + "\n"
            if sqlite3.complete_statement(statement):
                db.execute(statement)
                statement = ""


def _make_ledger(db: sqlite3.Connection) -> None:
    """Let `once` make its table, so that it can be shown before the first effect."""
    with use_idempotency_key(None):
        once(db, dict)


_ELSEWHERE = (
    "Free some space, or choose another folder for the course's state: "
    "unset SHOP_DB; export AGENTKIT_HOME=~/agentkit-state"
)
_MEANINGS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file is read-only",
    sqlite3.SQLITE_CANTOPEN: "the file can't be opened",
    sqlite3.SQLITE_PERM: "access is refused",
    sqlite3.SQLITE_IOERR: "reading or writing the disk failed",
}


@contextmanager
def _plain_errors(file: Path) -> Iterator[None]:
    """Turn a failure of the machine into a sentence and the command that fixes it."""
    quoted = shlex.quote(str(file))
    try:
        yield
    except sqlite3.Error as err:
        code = getattr(err, "sqlite_errorcode", 0) & 0xFF  # the rest tells variants apart
        if code in _MEANINGS:
            raise ClassroomError(
                f"The shop's database {file} can't be used: {_MEANINGS[code]} ({err}). {_ELSEWHERE}"
            ) from err
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise ClassroomError(
                f"The shop's database {file} is damaged ({err}). Delete it, and a new one is made: "
                f".venv/bin/agentkit down; rm -f {quoted} {quoted}-wal {quoted}-shm"
            ) from err
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise ClassroomError(
                f"Another process has held the lock of {file} for {_BUSY_SECONDS:g} seconds. "
                "Close the connection that has a transaction open, or stop what runs: "
                ".venv/bin/agentkit down"
            ) from err
        if code == sqlite3.SQLITE_ERROR and "no such" in str(err):
            raise ClassroomError(
                f"Something is missing from the shop's database {file} ({err}). Put it back: "
                'python -c "from classroom import shop; shop.reset()"'
            ) from err
        raise
