"""A store in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from agentkit.messages import sha256_reference

_SCHEMA = """
create table if not exists texts (
    reference text primary key,
    text      blob not null
) without rowid
"""

_PAGE_BYTES = 1024
"""With SQLite's usual 4,096 bytes half of each text's last page is wasted, which for texts of
10 KB is a fifth of the file (measured)."""


class SQLiteStore:
    """A store in a SQLite file: for workers that share a disk.

    Args:
        path: The file, made when the first text is put; its folder must exist. By default
            `AGENTKIT_STORE`, or agentkit-store.db in the working directory, looked up at
            each use.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """The file."""
        return self._path or Path(os.environ.get("AGENTKIT_STORE") or "agentkit-store.db")

    def put(self, text: str) -> str:
        """Keep a text; see `Store`."""
        data = text.encode()
        reference = sha256_reference(data)
        with closing(sqlite3.connect(self.path, timeout=30)) as db, db:
            db.execute(f"pragma page_size = {_PAGE_BYTES}")  # takes effect in a new file only
            db.execute(_SCHEMA)
            db.execute("insert or ignore into texts values (?, ?)", (reference, data))
        return reference

    def get(self, reference: str) -> str:
        """Return a text; see `Store`."""
        row = None
        if self.path.exists():
            with closing(sqlite3.connect(self.path, timeout=30)) as db, db:
                db.execute(_SCHEMA)
                row = db.execute(
                    "select text from texts where reference = ?", (reference,)
                ).fetchone()
        if row is None:
            raise KeyError(f"{self.path} holds no {reference}")
        data = bytes(row[0])
        if sha256_reference(data) != reference:
            raise KeyError(f"{reference} in {self.path} has been altered: its text is another one")
        return data.decode()
