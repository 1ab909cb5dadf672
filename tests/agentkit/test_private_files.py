"""Files with customers' words: for their owner alone, whatever the umask is."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agentkit.approvals import FileNotifier
from agentkit.approvals.requests import Notice
from agentkit.stores import SQLiteStore
from agentkit.stores.sqlite import not_private, private_file, private_folder
from tests.agentkit.test_approval_signatures import request
from tests.support.strangers import NOBODY, as_root, open_to_others, umask

NOTICE = Notice("asked", ["ann"], request())


@pytest.fixture(params=[0, 0o022, 0o027, 0o077], ids="umask {:03o}".format)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder whose path nobody else can enter, under each umask."""
    with umask(request.param):
        yield tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_store_and_notices_are_made_for_their_owner_alone(folder: Path) -> None:
    SQLiteStore(folder / "store.db").put("what a customer said")
    await FileNotifier(folder / "new/inbox/notices.jsonl")(NOTICE)
    with closing(sqlite3.connect(private_file(folder / "wal.db"))) as db:
        db.execute("pragma journal_mode = wal")
        db.execute("create table t (x)")
        assert {each.name for each in folder.glob("wal.db*")} == {
            "wal.db",
            "wal.db-wal",
            "wal.db-shm",
        }
        assert open_to_others(folder) == []
    assert mode(folder / "new") == mode(folder / "new/inbox") == 0o700


async def test_files_of_an_earlier_version_are_closed_when_they_are_next_written(
    tmp_path: Path,
) -> None:
    store, inbox = SQLiteStore(tmp_path / "store.db"), FileNotifier(tmp_path / "notices.jsonl")
    reference = store.put("kept")
    await inbox(NOTICE)
    for file in (store.path, inbox.path):
        file.chmod(0o644)
    store.put("more")
    await inbox(NOTICE)
    assert (mode(store.path), mode(inbox.path)) == (0o600, 0o600)
    assert (store.get(reference), len(inbox.notices())) == ("kept", 2)


def test_store_that_a_group_shares_stays_shared(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store.db")
    store.put("kept")
    store.path.chmod(0o660)
    store.put("more")
    assert mode(store.path) == 0o660


@pytest.mark.parametrize("target", ["victim", "not-there-yet"])
async def test_no_symbolic_link_is_followed(target: str, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / target)
    with pytest.raises(OSError, match="symbolic link"):
        SQLiteStore(tmp_path / "link").put("what a customer said")
    with pytest.raises(OSError, match="symbolic link"):
        await FileNotifier(tmp_path / "link")(NOTICE)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir() if each.is_file()} in (
        {"victim": b""},
        {"victim": b"", "link": b""},
    )


def test_putting_a_text_gives_up_no_lock_that_this_process_holds(tmp_path: Path) -> None:
    # POSIX: whoever closes any descriptor of a file gives up all of its process's locks on it.
    file = private_file(tmp_path / "store.db")
    take = f"import sqlite3; sqlite3.connect({str(file)!r}, timeout=0).execute('begin immediate')"
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("create table t (x)")
        db.execute("begin immediate")
        file.chmod(0o644)
        private_file(file)
        other = subprocess.run([sys.executable, "-c", take], capture_output=True, text=True)
    assert "database is locked" in other.stderr


def test_threads_that_make_one_store_at_once_lose_nothing(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store.db")
    references: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: references.append(store.put(f"text {n}")))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(store.get, references)) == [f"text {n}" for n in range(8)]


def test_folder_is_taken_only_if_nobody_else_can_have_written_to_it(tmp_path: Path) -> None:
    for bits in range(0o100):
        made = tmp_path / f"{bits:03o}"
        made.mkdir()
        made.chmod(0o700 | bits)
        if bits & 0o022:
            assert "written by others" in str(not_private(made))
            with pytest.raises(PermissionError, match="written by others"):
                private_folder(made)
            assert mode(made) == 0o700 | bits, "what is refused isn't changed"
        else:
            assert mode(private_folder(made)) == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "000")
    with pytest.raises(PermissionError, match="symbolic link"):
        private_folder(tmp_path / "link")


@as_root
def test_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    with pytest.raises(PermissionError, match="belongs to another user"):
        private_folder(tmp_path)
