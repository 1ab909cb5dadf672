"""`once` where people's effects are: every driver, and a real PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from agentkit import ToolError, idempotency_key
from agentkit.idempotency import LONGEST_KEY, make_key, once, use_idempotency_key
from tests.support.databases import WAYS, Opened, Place, autocommit_session, now
from tests.support.postgres import postgres

PAY = ("pay", {"amount": 5})


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as address:
        yield address


@pytest.fixture
def place(server: str, tmp_path: Path) -> Place:
    place = Place(tmp_path / "bank.db", server)
    with closing(sqlite3.connect(place.file)) as file, psycopg.connect(server) as db:
        db.execute("drop table if exists ledger, payments")
        for each in (file, db):
            each.execute("create table payments (amount integer)")
    return place


@pytest.fixture(params=WAYS)
async def bank(request: pytest.FixtureRequest, place: Place) -> AsyncIterator[Opened]:
    async with opened(place, request.param) as bank:
        yield bank


@asynccontextmanager
async def opened(place: Place, way: str) -> AsyncIterator[Opened]:
    async with WAYS[way][1](place) as db:
        yield Opened(db, way)


def rows(place: Place, dialect: str, sql: str) -> list[tuple[Any, ...]]:
    """Read what another connection sees, so only what is committed."""
    if dialect == "postgresql":
        with psycopg.connect(place.server) as db:
            return list(db.execute(sql))
    with closing(sqlite3.connect(place.file)) as file:
        return list(file.execute(sql))


def paid(place: Place, bank: Opened) -> list[int]:
    return [each[0] for each in rows(place, bank.dialect, "select amount from payments")]


async def test_an_effect_happens_once_for_one_key(bank: Opened, place: Place) -> None:
    for _ in range(3):
        with use_idempotency_key("run:1.0:a", *PAY):
            assert await bank.pay() == {"paid": 5}
    with use_idempotency_key("run:1.1:a", *PAY):
        assert await bank.pay() == {"paid": 5}
    assert paid(place, bank) == [5, 5]
    ledger = rows(place, bank.dialect, "select key, call, result from ledger order by key")
    assert ledger == [
        (key, 'pay {"amount":5}', '{"paid": 5}') for key in ("run:1.0:a", "run:1.1:a")
    ]


async def test_without_a_key_an_effect_happens_each_time(bank: Opened, place: Place) -> None:
    await bank.pay()
    await bank.pay()
    assert paid(place, bank) == [5, 5]
    assert rows(place, bank.dialect, "select * from ledger") == []


async def test_an_effect_that_fails_leaves_nothing_and_its_key_free(
    bank: Opened, place: Place
) -> None:
    async def fail() -> dict[str, Any]:
        await bank.execute("insert into payments values (1)")
        raise ToolError("no")

    with use_idempotency_key("run:1.0:a", *PAY):
        with pytest.raises(ToolError, match="no"):
            await now(once(bank.db, fail))
        assert (paid(place, bank), rows(place, bank.dialect, "select * from ledger")) == ([], [])
        await bank.pay()
    assert paid(place, bank) == [5]


async def test_a_key_that_comes_back_with_another_call_is_refused(
    bank: Opened, place: Place
) -> None:
    with use_idempotency_key("run:1.0:a", *PAY):
        await bank.pay()
    for other in (("pay", {"amount": 7}), ("mail", {"amount": 5}), ("", None)):
        with (
            use_idempotency_key("run:1.0:a", *other),
            pytest.raises(ToolError, match=r'Nothing happened.*run:1\.0:a.*pay \{"amount":5\}'),
        ):
            await bank.pay(7)
    with use_idempotency_key("run:1.0:a", *PAY):
        assert await bank.pay() == {"paid": 5}
    assert paid(place, bank) == [5]


async def test_an_effect_that_commits_is_detected_and_never_runs_again(
    bank: Opened, place: Place
) -> None:
    ran = []

    async def commit() -> dict[str, Any]:
        ran.append(1)
        await bank.execute("insert into payments values (5)")
        await bank.execute("commit")
        return {"paid": 5}

    for _ in range(2):
        with (
            use_idempotency_key("run:1.0:a", *PAY),
            pytest.raises(RuntimeError, match="has ended the transaction"),
        ):
            await now(once(bank.db, commit))
    assert (ran, paid(place, bank)) == ([1], [5])


async def test_an_open_transaction_is_refused(bank: Opened, place: Place) -> None:
    if bank.way.endswith(("autocommit", "autocommit=True")):
        await bank.execute("begin")
    await bank.execute("insert into payments values (1)")
    with (
        use_idempotency_key("run:1.0:a", *PAY),
        pytest.raises(RuntimeError, match="commit or roll back before it"),
    ):
        await bank.pay()
    await now(bank.db.rollback())
    assert 5 not in paid(place, bank)


@pytest.mark.parametrize("way", WAYS)
async def test_two_attempts_at_once_have_one_effect(way: str, place: Place) -> None:
    """Each has a connection, a thread and an event loop of its own."""

    def attempt() -> Any:
        async def go() -> Any:
            async with opened(place, way) as bank:
                with use_idempotency_key("run:1.0:a", *PAY):
                    return await bank.pay()

        return asyncio.run(go())

    answers = await asyncio.gather(
        *(asyncio.to_thread(attempt) for _ in range(4)), return_exceptions=True
    )
    async with opened(place, way) as bank:
        with use_idempotency_key("run:1.0:a", *PAY):
            assert await bank.pay() == {"paid": 5}
        assert paid(place, bank) == [5]
    # Where a level of isolation makes one of them fail, its next attempt reads the ledger.
    failed = [each for each in answers if not isinstance(each, dict)]
    assert [each for each in answers if isinstance(each, dict)] == [{"paid": 5}] * (4 - len(failed))
    strict = way.lower().endswith(("serializable", "repeatable_read"))
    assert strict or failed == []
    assert {type(each).__name__ for each in failed} <= {"SerializationFailure", "OperationalError"}


async def test_a_connection_that_commits_each_statement_is_refused(place: Place) -> None:
    async with autocommit_session(place) as session:
        with (
            use_idempotency_key("run:1.0:a", *PAY),
            pytest.raises(RuntimeError, match="needs a transaction"),
        ):
            await Opened(session, "sqlalchemy postgresql session").pay()
    assert rows(place, "postgresql", "select amount from payments") == []
    assert rows(place, "postgresql", "select * from ledger") == []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="new in 3.12")
def test_sqlite_with_a_transaction_always_open_is_refused(place: Place) -> None:
    options: dict[str, Any] = {"autocommit": False}
    with (
        closing(sqlite3.connect(place.file, **options)) as db,
        pytest.raises(RuntimeError, match="commit or roll back"),
    ):
        once(db, dict)


def test_a_session_inside_somebody_elses_transaction_is_refused(place: Place) -> None:
    engine = sa.create_engine(place.url("sqlite"))
    with (
        engine.connect() as connection,
        connection.begin(),
        Session(connection) as session,
        pytest.raises(RuntimeError, match="commit or roll back"),
    ):
        once(session, dict)
    engine.dispose()


def test_two_effects_of_one_call_need_names(place: Place) -> None:
    with closing(sqlite3.connect(place.file)) as db:

        def pay() -> dict[str, Any]:
            db.execute("insert into payments values (1)")
            return {}

        for _ in range(2):
            with use_idempotency_key("run:1.0:a", *PAY):
                once(db, pay)
                with pytest.raises(RuntimeError, match="pay has had an effect in this call"):
                    once(db, pay)
                once(db, pay, name="fee")
                assert idempotency_key("fee") == "run:1.0:a:fee"
    assert rows(place, "sqlite", "select count(*) from payments") == [(2,)]


def test_the_ledger_of_an_older_version_still_works(place: Place) -> None:
    old = """create table ledger (key text primary key, result text not null,
        created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))) without rowid"""
    with closing(sqlite3.connect(place.file)) as db:
        db.execute(old)
        db.execute("insert into ledger (key, result) values ('run:a', '{\"paid\": 1}')")
        db.commit()
        with use_idempotency_key("run:a", *PAY):
            assert once(db, dict) == {"paid": 1}
        for arguments in (PAY, PAY):
            with use_idempotency_key("run:b", *arguments):
                once(db, dict)
        with use_idempotency_key("run:b", "mail"), pytest.raises(ToolError):
            once(db, dict)


def test_a_table_of_the_same_name_that_is_not_ours_is_left_alone(place: Place) -> None:
    with closing(sqlite3.connect(place.file)) as db:
        db.execute("create table ledger (account text, cents integer)")
        with use_idempotency_key("run:a", *PAY), pytest.raises(sqlite3.OperationalError):
            once(db, dict)
        assert db.execute("select name from pragma_table_info('ledger')").fetchall() == [
            ("account",),
            ("cents",),
        ]


def test_a_role_that_may_not_create_tables_can_use_the_ledger(place: Place) -> None:
    with psycopg.connect(place.server) as db:
        once(db, dict)
        db.execute("drop role if exists teller")
        db.execute("create role teller")
        db.execute("grant select, insert, update on ledger to teller")
        db.commit()
        try:
            db.execute("set role teller")
            db.commit()
            for _ in range(2):
                with use_idempotency_key("run:a", *PAY):
                    assert once(db, lambda: {"paid": 1}) == {"paid": 1}
        finally:
            db.rollback()
            db.execute("reset role")
            db.execute("drop owned by teller")
            db.execute("drop role teller")


async def test_the_first_effects_of_a_new_database_make_its_ledger_together(place: Place) -> None:
    def pay(number: int) -> None:
        with psycopg.connect(place.server) as db, use_idempotency_key(f"run:{number}", *PAY):
            once(db, dict)

    for _ in range(5):
        with psycopg.connect(place.server) as db:
            db.execute("drop table if exists ledger")
        await asyncio.gather(*(asyncio.to_thread(pay, n) for n in range(8)))
        assert rows(place, "postgresql", "select count(*) from ledger") == [(8,)]


@pytest.mark.parametrize("what", [object(), None, "bank.db", psycopg])
def test_what_is_no_database_is_refused(what: Any) -> None:
    with pytest.raises(TypeError, match="once\\(\\) takes a connection of sqlite3"):
        once(what, dict)


def test_another_dialect_is_refused() -> None:
    class Elsewhere:
        name = "mysql"

    with Session() as session:
        session.get_bind = lambda: type("Bind", (), {"dialect": Elsewhere})  # type: ignore
        with pytest.raises(TypeError, match="not Session on mysql"):
            once(session, dict)


async def test_an_async_effect_needs_an_async_connection(place: Place) -> None:
    async def pay() -> dict[str, Any]:
        await asyncio.sleep(1)
        return {}

    with closing(sqlite3.connect(place.file)) as db:
        with use_idempotency_key("run:a", *PAY), pytest.raises(TypeError, match="async effect"):
            once(db, pay)  # type: ignore[arg-type]
        assert not db.in_transaction
    assert rows(place, "sqlite", "select * from ledger") == []


def test_rows_and_texts_of_another_kind(place: Place) -> None:
    with closing(sqlite3.connect(place.file)) as db:
        db.row_factory = lambda cursor, row: {"row": row}
        db.text_factory = bytes
        for _ in range(2):
            with use_idempotency_key("run:a", *PAY):
                assert once(db, lambda: {"paid": "ü"}) == {"paid": "ü"}
        with use_idempotency_key("run:a", "mail"), pytest.raises(ToolError):
            once(db, dict)


@pytest.mark.parametrize(
    "id", ["x" * 300, "ключ", "two words", "line\nbreak", "\ud800", "x" * 255, "", "\x00"]
)
def test_every_key_fits_a_header(id: str) -> None:
    run = "0192f1e2-7b6c-7c3e-9a51-0f8e2d4c6b1a"
    key = make_key(run, "3.1", id)
    assert key.startswith(f"{run}:")
    assert 0 < len(key) <= LONGEST_KEY
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert key == make_key(run, "3.1", id) != make_key(run, "3.2", id)
    with use_idempotency_key(key):
        assert len(idempotency_key("n" * 300) or "") <= LONGEST_KEY


def test_a_plain_key_is_readable() -> None:
    assert make_key("run", "3.1", "toolu_1") == "run:3.1:toolu_1"
    assert make_key("run", "", "toolu_1") == "run:toolu_1"
