"""A store in a SQLite file; files and folders for their owner alone, whatever the umask is."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import threading
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


OTHERS = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

_making = threading.Lock()


def private_file(path: Path) -> Path:
    """Make a file with mode 0600 unless it exists, before any text goes into it.

    A file that exists and that anyone may read or write becomes 0600. One that a group shares
    stays as it is.

    Args:
        path: The file; its folder must exist.

    Returns:
        The path, to be opened by whatever program.

    Raises:
        OSError: The file can't be made, or is a symbolic link, which may lead anywhere.
    """
    # A file that is there isn't opened, and none connects while a new one is open here: closing
    # any descriptor of a SQLite file ends all locks that this process has on it (POSIX).
    with _making:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                why = "is a symbolic link, which isn't followed: name the file itself"
                raise OSError(errno.ELOOP, why, str(path)) from None
            if stat.S_ISREG(mode) and mode & stat.S_IRWXO:
                path.chmod(0o600)
    return path


def private_folder(path: Path) -> Path:
    """Make a folder with mode 0700, and those above it that are missing.

    One that exists and that others may read becomes 0700.

    Raises:
        OSError: It can't be made, or others may have put something into it.
    """
    for missing in [each for each in (path, *path.parents) if not os.path.lexists(each)][::-1]:
        missing.mkdir(0o700, exist_ok=True)
    if (why := not_private(path)) is not None:
        raise PermissionError(errno.EPERM, why, str(path))
    if path.stat().st_mode & OTHERS:
        path.chmod(0o700)
    return path


def not_private(path: Path) -> str | None:
    """Say why others may have put something into a folder; None if they can't, or it is missing."""
    try:
        found = path.lstat()
    except OSError:
        return None
    if stat.S_ISLNK(found.st_mode):
        return "is a symbolic link: name the folder itself"
    if found.st_uid != os.geteuid():
        return "belongs to another user: become that user"
    if found.st_mode & OTHERS_WRITE:
        return "can be written by others: look at what it holds, then chmod -R go-rwx it"
    return None


class SQLiteStore:
    """A store in a SQLite file: for workers of one user that share a disk.

    Args:
        path: The file, made when the first text is put, for its owner alone; its folder must
            exist. By default `AGENTKIT_STORE`, or agentkit-store.db in the working directory,
            looked up at each use.
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
        with closing(sqlite3.connect(private_file(self.path), timeout=30)) as db, db:
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
