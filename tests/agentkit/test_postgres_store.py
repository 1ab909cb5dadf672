"""The store in a real PostgreSQL; see `tests.support.postgres`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from agentkit.stores.postgres import PostgresStore
from agentkit.transcript import BrokenTranscript, append, read_all, verify
from tests.support.chats import chat
from tests.support.postgres import postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as address:
        yield address


@pytest.fixture
def store(server: str) -> PostgresStore:
    with psycopg.connect(server) as db:
        db.execute("drop table if exists agentkit_texts")
    return PostgresStore(server)


def test_another_process_reads_the_text(store: PostgresStore, server: str) -> None:
    for text in ("a long text, ü", "", "\x00 and a \\x41", "x" * 3_000_000):
        reference = store.put(text)
        assert reference.startswith("sha256:")
        assert store.put(text) == reference
        assert PostgresStore(server).get(reference) == text


def test_missing_text_error_names_table_and_reference(store: PostgresStore) -> None:
    with pytest.raises(KeyError, match="agentkit_texts in postgres holds no sha256:0"):
        store.get("sha256:0")


def test_altered_text_is_an_error(store: PostgresStore, server: str) -> None:
    reference = store.put("refund 10 EUR")
    with psycopg.connect(server) as db:
        db.execute("update agentkit_texts set text = 'refund 99 EUR'")
    with pytest.raises(KeyError, match="has been altered"):
        store.get(reference)


def test_transcript_works_in_postgres_as_in_sqlite(store: PostgresStore, server: str) -> None:
    head = None
    for n in range(0, 20, 2):
        head = append(store, head, chat(5)[n : n + 2])
    assert read_all(store, head) == chat(5)
    assert verify(store, head).messages == 20
    with psycopg.connect(server) as db:
        db.execute("delete from agentkit_texts where reference = %s", (head,))
    with pytest.raises(BrokenTranscript, match="agentkit_texts"):
        verify(store, head)


def test_first_texts_of_many_workers_make_the_table_together(
    store: PostgresStore, server: str
) -> None:
    with ThreadPoolExecutor(8) as threads:
        for reference in threads.map(lambda n: PostgresStore(server).put(str(n)), range(8)):
            assert store.get(reference)


def test_threads_share_a_store(store: PostgresStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        references = list(threads.map(lambda n: store.put(str(n)), range(50)))
        assert list(threads.map(store.get, references)) == [str(n) for n in range(50)]


def test_lost_connection_is_opened_again(store: PostgresStore, server: str) -> None:
    reference = store.put("kept")
    others = "pid <> pg_backend_pid() and backend_type = 'client backend'"
    with psycopg.connect(server) as db:
        db.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {others}")
    assert store.get(reference) == "kept"


def test_address_comes_from_libpqs_variables(
    store: PostgresStore, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dict(part.split("=") for part in server.split())
    for name, key in (("PGHOST", "host"), ("PGUSER", "user"), ("PGDATABASE", "dbname")):
        monkeypatch.setenv(name, known[key])
    assert PostgresStore().get(store.put("kept")) == "kept"


def test_importing_the_store_does_not_import_psycopg() -> None:
    code = "import sys, agentkit.stores.postgres; print('psycopg' in sys.modules)"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "False\n"
