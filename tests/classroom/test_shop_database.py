"""The bookshop's file and data: made, reset, shared by processes, explained when broken."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from agentkit.idempotency import use_idempotency_key
from classroom import shop
from classroom.machine.home import ClassroomError
from classroom.shop.database import TABLES, session

DAMAGED = {"order_id": 1042, "amount": 38.5, "reason": "arrived damaged"}


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "shop.db"))
    monkeypatch.setenv("SHOP_CARRIER_SECONDS", "0")
    return tmp_path / "shop.db"


def dump() -> list[str]:
    with closing(shop.connect()) as db:
        return list(db.iterdump())


def test_two_fresh_shops_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = dump()
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "another" / "shop.db"))
    assert dump() == first


def test_the_shop_is_as_large_as_the_lessons_say() -> None:
    sizes = {table: shop.count(table) for table in TABLES}
    assert sizes == {
        "customers": 30,
        "books": 25,
        "orders": 60,
        "order_lines": sizes["order_lines"],
        "shipments": 47,
        "refunds": 0,
        "emails": 0,
        "pickups": 0,
        "handbook": 18,
        "tickets": 300,
        "answers": 0,
        "statements": 4,
        "reports": 0,
        "ledger": 0,
    }
    assert [row["id"] for row in shop.rows("orders")] == list(range(1001, 1061))
    assert all(row["email"].endswith("@example.com") for row in shop.rows("customers"))


def test_orders_and_shipments_tell_the_same_story() -> None:
    orders = {row["id"]: row["status"] for row in shop.rows("orders")}
    expected = {"delivered": "delivered", "in transit": "shipped", "delayed": "shipped"}
    shipments = shop.rows("shipments")
    for parcel in shipments:
        assert orders[parcel["order_id"]] == expected[parcel["status"]]
        assert (parcel["delivered_on"] is None) == (parcel["status"] != "delivered")
    assert {s["status"] for s in shipments} == set(expected)
    shipped = {s["order_id"] for s in shipments}
    assert {o for o, status in orders.items() if status == "shipped"} <= shipped
    assert not {o for o, status in orders.items() if status == "processing"} & shipped


def test_the_shop_lives_in_the_state_folder_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.path() == tmp_path / "shop.db"
    monkeypatch.delenv("SHOP_DB")
    assert shop.path() == tmp_path / "home" / "shop.db"


def test_connections_have_wal_foreign_keys_and_a_busy_timeout() -> None:
    with closing(shop.connect()) as db:
        assert db.execute("pragma journal_mode").fetchone()[0] == "wal"
        assert db.execute("pragma foreign_keys").fetchone()[0] == 1
        assert db.execute("pragma busy_timeout").fetchone()[0] == 5000


async def test_reset_restores_the_shop_while_another_process_reads_and_writes_it() -> None:
    fresh = dump()
    code = (
        "from classroom import shop\n"
        "db = shop.connect()\n"
        "db.execute('begin')\n"
        "print(db.execute('select count(*) from refunds').fetchone()[0], flush=True)\n"
        "input()\n"
        "before = db.execute('select count(*) from refunds').fetchone()[0]\n"
        "db.execute('commit')\n"
        "print(before, db.execute('select count(*) from refunds').fetchone()[0])\n"
        "db.execute('insert into refunds (order_id, amount_cents, reason) values (1001, 1, 1)')\n"
        "db.close()\n"
    )
    with use_idempotency_key("run:call"):
        await shop.refund.call(DAMAGED)
    with closing(shop.connect()) as db:
        db.execute("delete from handbook")
        db.execute("update books set stock = 0")
        db.execute("create table notes (text)")
        db.execute("create view cheap as select * from books where price_cents < 1000")
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "1\n"
        shop.reset()
        assert dump() == fresh
        rest, _ = other.communicate("\n", timeout=30)
    assert rest == "1 0\n"
    assert other.returncode == 0
    assert shop.count("refunds") == 1, "the other process went on in the same file"
    shop.reset()
    assert dump() == fresh


async def test_a_reset_forgets_the_ledger_so_that_an_effect_can_happen_again() -> None:
    with use_idempotency_key("run:call"):
        await shop.refund.call(DAMAGED)
        shop.reset()
        assert shop.rows("ledger") == []
        await shop.refund.call(DAMAGED)
    assert shop.count("refunds") == shop.count("ledger") == 1


def test_a_reset_that_fails_half_way_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(shop.connect()) as db:
        db.execute("update books set stock = 77")
    before = dump()
    monkeypatch.setattr("classroom.shop.database._SCRIPTS", ("schema.sql", "missing.sql"))
    with pytest.raises(FileNotFoundError):
        shop.reset()
    assert dump() == before


def test_processes_that_race_to_make_the_shop_all_find_one_whole_shop(database: Path) -> None:
    code = (
        "import sys; from classroom import shop; print('ready', flush=True); input()\n"
        "with shop.connect() as db:\n"
        "    db.execute('insert into emails (to_address, subject, body) values (1, 2, 3)')\n"
        "    print(db.execute('select count(*) from orders').fetchone()[0])\n"
        "db.close()\n"
    )
    pipe = subprocess.PIPE
    racers = [
        subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    assert [racer.communicate(timeout=60)[0] for racer in racers] == ["60\n"] * 4
    assert shop.count("emails") == 4, "nobody wrote to a file that was replaced"
    left = {file.name for file in database.parent.glob("shop.db*")}
    assert left <= {"shop.db", "shop.db-wal", "shop.db-shm", "shop.db.lock"}


def test_a_new_shop_is_not_haunted_by_the_log_of_a_deleted_one(database: Path) -> None:
    fresh = dump()
    with closing(shop.connect()) as db:
        db.execute("delete from handbook")
        log = Path(f"{database}-wal").read_bytes()
        assert log
    database.unlink()
    Path(f"{database}-wal").write_bytes(log)  # what a SIGKILLed process leaves
    assert dump() == fresh


def test_an_unknown_table_is_a_plain_error_that_names_the_tables() -> None:
    with pytest.raises(
        ValueError, match=r"no table 'refund'.*Tables: customers, .*refunds, emails"
    ):
        shop.rows("refund")
    with pytest.raises(ValueError, match="no table"):
        shop.count("books; drop table books")


def test_a_folder_that_cannot_be_written_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "file" / "shop.db"))
    with pytest.raises(ClassroomError, match=r"Can't make the shop's database.*AGENTKIT_HOME"):
        shop.count("orders")


def test_a_damaged_file_is_explained_and_deleting_it_fixes_it(database: Path) -> None:
    database.write_bytes(b"this is not a database" * 500)
    for broken in (shop.connect, shop.reset):
        with pytest.raises(ClassroomError, match=r"damaged.*.venv/bin/agentkit down; rm -f "):
            broken()
    database.unlink()
    assert shop.count("orders") == 60


def test_pages_damaged_later_are_explained_too(database: Path) -> None:
    shop.reset()
    with closing(sqlite3.connect(database)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    content = database.read_bytes()
    database.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(ClassroomError, match="damaged"):
        shop.rows("orders")


def test_an_empty_file_counts_as_no_shop(database: Path) -> None:
    database.touch()
    assert shop.count("orders") == 60


def test_somebody_elses_database_is_left_alone(database: Path) -> None:
    with closing(sqlite3.connect(database)) as db:
        db.execute("create table diary (secret)")
    with pytest.raises(ClassroomError, match=r"not the bookshop's.*unset SHOP_DB"):
        shop.reset()
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("select name from sqlite_master").fetchall() == [("diary",)]


@pytest.mark.parametrize(
    ("pragma", "meaning"),
    [("max_page_count = 1", "the disk is full"), ("query_only = on", "the file is read-only")],
)
def test_a_disk_that_takes_no_more_is_explained(pragma: str, meaning: str) -> None:
    def write() -> None:
        with session() as db:
            db.execute(f"pragma {pragma}")
            db.execute("insert into handbook values ('long', hex(randomblob(100000)))")

    with pytest.raises(ClassroomError, match=f"{meaning}.*AGENTKIT_HOME"):
        write()
    assert shop.count("handbook") == 18


def test_a_lock_held_too_long_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classroom.shop.database._BUSY_SECONDS", 0.05)
    with closing(shop.connect()) as db:
        db.execute("begin immediate")
        with pytest.raises(ClassroomError, match=r"held the lock.*.venv/bin/agentkit down"):
            shop.reset()


def test_a_table_that_was_dropped_is_explained_and_reset_brings_it_back() -> None:
    with closing(shop.connect()) as db:
        db.execute("drop table emails")
        db.execute("drop table ledger")
    with pytest.raises(ClassroomError, match=r"no such table: emails.*shop\.reset\(\)"):
        shop.rows("emails")
    shop.reset()
    assert shop.rows("emails") == shop.rows("ledger") == []
