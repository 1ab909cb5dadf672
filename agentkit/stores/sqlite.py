"""Texts too large for a message or for Workflow history, kept by what they say.

A text's reference is the SHA-256 of its bytes: putting it twice keeps it once, and what comes
back can be checked against the reference it was asked by.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

_SCHEMA = """
create table if not exists texts (
    reference text primary key,
    text      blob not null
) without rowid
"""


_PAGE_BYTES = 1024
"""A text fills its pages to the last: with SQLite's usual 4,096 bytes half of the last page of
each is wasted, which for texts of 10 KB is a fifth of the file (measured)."""


class Store(Protocol):
    """Where texts are kept; what `put` has returned, `get` must find from every worker."""

    def put(self, text: str) -> str:
        """Keep a text, durably before this returns, and give its reference."""
        ...

    def get(self, reference: str) -> str:
        """Give back the text of a reference.

        Raises:
            KeyError: There is none, or it isn't what was put there.
        """
        ...


class SQLiteStore:
    """A store in a SQLite file: for workers that share a disk.

    Args:
        path: The file, made when the first text is put; its folder must exist. By default
            `AGENTKIT_STORE`, or agentkit-store.db in the working directory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(os.environ.get("AGENTKIT_STORE") or "agentkit-store.db")

    def put(self, text: str) -> str:
        """Keep a text; see `Store`."""
        data = text.encode()
        reference = _reference(data)
        with closing(sqlite3.connect(self.path, timeout=30)) as db, db:
            db.execute(f"pragma page_size = {_PAGE_BYTES}")  # has a say in a new file only
            db.execute(_SCHEMA)
            db.execute("insert or ignore into texts values (?, ?)", (reference, data))
        return reference

    def get(self, reference: str) -> str:
        """Give back a text; see `Store`."""
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
        if _reference(data) != reference:
            raise KeyError(f"{reference} in {self.path} has been altered: its text is another one")
        return data.decode()


def _reference(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
