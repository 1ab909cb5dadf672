"""Texts kept by what they say."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from agentkit.stores import SQLiteStore


def test_another_process_with_the_same_file_reads_the_text(tmp_path: Path) -> None:
    reference = SQLiteStore(tmp_path / "kept.db").put("a long text, ü")
    assert reference.startswith("sha256:")
    assert SQLiteStore(tmp_path / "kept.db").get(reference) == "a long text, ü"


def test_text_put_twice_is_stored_once(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "kept.db")
    assert store.put("same") == store.put("same") != store.put("other")
    with sqlite3.connect(store.path) as db:
        assert db.execute("select count(*) from texts").fetchone() == (2,)
    db.close()


def test_missing_text_error_names_file_and_reference(tmp_path: Path) -> None:
    for known in ([], ["a text"]):
        store = SQLiteStore(tmp_path / "kept.db")
        for text in known:
            store.put(text)
        with pytest.raises(KeyError, match=r"kept\.db holds no sha256:0"):
            store.get("sha256:0")


def test_altered_text_is_an_error(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "kept.db")
    reference = store.put("refund 10 EUR")
    with sqlite3.connect(store.path) as db:
        db.execute("update texts set text = ?", (b"refund 99 EUR",))
    db.close()
    with pytest.raises(KeyError, match="has been altered"):
        store.get(reference)


def test_file_comes_from_the_environment_at_each_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTKIT_STORE", str(tmp_path / "elsewhere.db"))
    assert SQLiteStore().path == tmp_path / "elsewhere.db"
    monkeypatch.delenv("AGENTKIT_STORE")
    assert SQLiteStore().path == Path("agentkit-store.db")
