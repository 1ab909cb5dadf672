"""The bookshop: its file, its data, its tools."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentkit.classroom import shop
from agentkit.classroom.home import ClassroomError
from agentkit.classroom.shop.database import TABLES, session
from agentkit.idempotency import use_idempotency_key
from agentkit.tools import Tool, ToolError

MIRA = "mira.okafor@example.com"
DAMAGED = {"order_id": 1042, "amount": 38.5, "reason": "arrived damaged"}
LETTER = {"to": MIRA, "subject": "Your refund", "body": "Dear Mira, it is on its way."}


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "shop.db"))
    monkeypatch.setenv("SHOP_CARRIER_SECONDS", "0")
    return tmp_path / "shop.db"


def dump() -> list[str]:
    with closing(shop.connect()) as db:
        return list(db.iterdump())


async def answer(tool: Tool[..., Any], **arguments: object) -> Any:
    return json.loads(await tool.call(arguments))


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
        "handbook": 18,
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
        "from agentkit.classroom import shop\n"
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
    monkeypatch.setattr("agentkit.classroom.shop.database._SCRIPTS", ("schema.sql", "missing.sql"))
    with pytest.raises(FileNotFoundError):
        shop.reset()
    assert dump() == before


def test_processes_that_race_to_make_the_shop_all_find_one_whole_shop(database: Path) -> None:
    code = (
        "import sys; from agentkit.classroom import shop; print('ready', flush=True); input()\n"
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


def test_a_damaged_file_is_explained_and_deleting_it_mends_it(database: Path) -> None:
    database.write_bytes(b"this is not a database" * 500)
    for broken in (shop.connect, shop.reset):
        with pytest.raises(ClassroomError, match=r"damaged.*python -m agentkit down; rm -f "):
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
    monkeypatch.setattr("agentkit.classroom.shop.database._BUSY_SECONDS", 0.05)
    with closing(shop.connect()) as db:
        db.execute("begin immediate")
        with pytest.raises(ClassroomError, match=r"held the lock.*python -m agentkit down"):
            shop.reset()


def test_a_table_that_was_dropped_is_explained_and_reset_brings_it_back() -> None:
    with closing(shop.connect()) as db:
        db.execute("drop table emails")
        db.execute("drop table ledger")
    with pytest.raises(ClassroomError, match=r"no such table: emails.*shop\.reset\(\)"):
        shop.rows("emails")
    shop.reset()
    assert shop.rows("emails") == shop.rows("ledger") == []


async def test_order_1042_is_the_one_the_story_needs() -> None:
    assert await answer(shop.find_order, order_id=1042) == {
        "order_id": 1042,
        "customer": "Mira Okafor",
        "email": MIRA,
        "placed_on": "2026-04-18",
        "status": "delivered",
        "books": [
            {
                "title": "The Lighthouse Ledger",
                "format": "hardback",
                "quantity": 1,
                "price": 38.5,
            }
        ],
        "total": 38.5,
        "currency": "EUR",
    }


@pytest.mark.parametrize("tool", [shop.find_order, shop.track_shipment, shop.refund])
@pytest.mark.parametrize("order_id", [42, -1, 1061, 10**40])
async def test_an_unknown_order_is_refused_with_the_valid_range(
    tool: Tool[..., Any], order_id: int
) -> None:
    more = {"amount": 1, "reason": "?"} if tool is shop.refund else {}
    with pytest.raises(ToolError, match=rf"no order {order_id}\. .* from 1001 to 1060"):
        await tool.call({"order_id": order_id, **more})


async def test_a_customers_orders_are_found_by_email_in_any_case() -> None:
    found = await answer(shop.find_orders_of_customer, email=" Mira.Okafor@Example.com ")
    assert [(order["order_id"], order["total"]) for order in found] == [(1017, 25.65), (1042, 38.5)]
    with pytest.raises(ToolError, match=r"No customer has the email address 'mira@example\.com'"):
        await shop.find_orders_of_customer.call({"email": "mira@example.com"})


@pytest.mark.parametrize(
    ("order_id", "status"),
    [
        (1042, "delivered"),
        (1047, "delayed"),
        (1052, "in transit"),
        (1060, "not shipped yet"),
        (1054, "cancelled, nothing was shipped"),
        (1038, "delivered by download, nothing was shipped"),
    ],
)
async def test_tracking_says_where_the_parcel_is_or_why_there_is_none(
    order_id: int, status: str
) -> None:
    found = await answer(shop.track_shipment, order_id=order_id)
    assert found["status"] == status
    assert (found["tracking_number"] is None) == (found["carrier"] is None) == ("ship" in status)


async def test_the_carrier_takes_the_time_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("agentkit.classroom.shop.tools.asyncio.sleep", note)
    monkeypatch.delenv("SHOP_CARRIER_SECONDS")
    await shop.track_shipment.call({"order_id": 1042})
    monkeypatch.setenv("SHOP_CARRIER_SECONDS", "0.25")
    await shop.track_shipment.call({"order_id": 1042})
    assert waits == [1.0, 0.25]
    monkeypatch.setenv("SHOP_CARRIER_SECONDS", "soon")
    with pytest.raises(ClassroomError, match="unset SHOP_CARRIER_SECONDS"):
        await shop.track_shipment.call({"order_id": 1042})


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("damaged book", "Damaged books"),
        ("What do we do when a book arrived damaged?", "Damaged books"),
        ("refund above 50 euros supervisor", "Refunds above 50 euros need a supervisor"),
        ("when do you open", "Opening hours and contact"),
        ("can I get my money back for an ebook", "E-books"),
        ("parcel delayed", "Delayed and lost parcels"),
        ("gift card", "Gift cards"),
        ("loyalty points", "Loyalty points"),
        ("personal data deletion", "Privacy"),
        ("customs duty outside the EU", "International orders"),
        ("how long does shipping take", "Shipping times"),
    ],
)
async def test_the_handbook_finds_the_article_that_answers(query: str, first: str) -> None:
    found = await answer(shop.search_handbook, query=query)
    assert len(found) <= 3
    assert found[0]["title"] == first
    assert found[0]["text"].endswith(".")


@pytest.mark.parametrize(
    "query",
    [
        '"refund',
        "refund OR",
        "NOT refund",
        "refund NEAR(",
        "title: refund*",
        "refund AND (",
        "^refund -- ; drop table handbook",
        "refund'); --",
        "rückgabe refund 返品 \x00",
        "refund " + "word " * 5000 + " ".join(f"w{i}" for i in range(5000)),
    ],
)
async def test_the_handbook_takes_any_text_for_words(query: str) -> None:
    found = await answer(shop.search_handbook, query=query, limit=10)
    assert "Refunds" in [article["title"] for article in found]


async def test_words_that_only_hold_a_sentence_together_still_search() -> None:
    assert await answer(shop.search_handbook, query="what is it")


async def test_a_search_that_fits_nothing_is_an_empty_list() -> None:
    assert await answer(shop.search_handbook, query="submarine") == []


@pytest.mark.parametrize("query", ["", "   ", '"()*', "___"])
async def test_a_search_without_a_word_is_refused_with_an_example(query: str) -> None:
    with pytest.raises(ToolError, match=r'no word in it.*for example "gift cards"'):
        await shop.search_handbook.call({"query": query})


@pytest.mark.parametrize("limit", [0, -1, 11, 10**40])
async def test_a_search_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(ToolError, match="between 1 and 10"):
        await shop.search_handbook.call({"query": "refund", "limit": limit})


async def test_stock_is_told_for_every_edition() -> None:
    found = await answer(shop.check_stock, title="the lighthouse LEDGER")
    assert [(b["format"], b["price"], b["in_stock"], b["copies"]) for b in found] == [
        ("hardback", 38.5, True, 7),
        ("e-book", 12.99, True, None),
    ]
    [sold_out] = await answer(shop.check_stock, title="Bread Before Dawn")
    assert (sold_out["in_stock"], sold_out["copies"]) == (False, 0)


@pytest.mark.parametrize(
    ("title", "hint"),
    [("The Lighthouse Leger", "Did you mean The Lighthouse Ledger"), ("Zzz", "Ask"), ("", "Ask")],
)
async def test_an_unknown_title_is_refused_with_the_closest(title: str, hint: str) -> None:
    with pytest.raises(ToolError, match=hint):
        await shop.check_stock.call({"title": title})


async def test_a_refund_is_one_row_and_says_what_was_paid() -> None:
    paid = await answer(shop.refund, **DAMAGED)
    assert paid == {"order_id": 1042, "amount": 38.5, "currency": "EUR", "status": "refunded"}
    [row] = shop.rows("refunds")
    assert (row["order_id"], row["amount_cents"], row["reason"]) == (1042, 3850, "arrived damaged")


@pytest.mark.parametrize(
    ("amount", "why"),
    [
        (0, "above 0"),
        (-5, "above 0"),
        (float("nan"), "above 0"),
        (38.51, r"above the order's total of 38\.50 EUR"),
        (float("inf"), "above the order's total"),
        (0.001, "more than two decimals"),
        (12.345, "more than two decimals"),
        ("plenty", "Invalid arguments for refund: amount"),
    ],
)
async def test_an_amount_that_cannot_be_paid_is_refused_and_nothing_is_written(
    amount: object, why: str
) -> None:
    with pytest.raises(ToolError, match=why):
        await shop.refund.call({**DAMAGED, "amount": amount})
    assert shop.count("refunds") == 0


async def test_every_cent_up_to_the_total_can_be_refunded_exactly() -> None:
    amounts = [0.01, 0.29, 1.1, 19.99, 38.49]
    for amount in amounts:
        await shop.refund.call({**DAMAGED, "amount": amount})
    assert [row["amount_cents"] for row in shop.rows("refunds")] == [1, 29, 110, 1999, 3849]


async def test_an_email_is_one_row_and_says_where_it_went() -> None:
    sent = await answer(shop.send_email, **LETTER)
    assert sent == {"to": MIRA, "subject": "Your refund", "status": "sent"}
    [row] = shop.rows("emails")
    assert (row["to_address"], row["subject"]) == (MIRA, "Your refund")
    assert row["body"] == LETTER["body"]


@pytest.mark.parametrize("to", ["Mira", "", "a@b", f"{MIRA}, b@example.com", f"{MIRA}\nBcc: x@y.z"])
async def test_an_email_to_no_single_address_is_refused(to: str) -> None:
    with pytest.raises(ToolError, match="is not an email address"):
        await shop.send_email.call({**LETTER, "to": to})
    assert shop.count("emails") == 0


@pytest.mark.parametrize(
    ("tool", "arguments", "table"),
    [(shop.refund, DAMAGED, "refunds"), (shop.send_email, LETTER, "emails")],
)
async def test_an_effect_happens_once_for_one_key_and_each_time_without(
    tool: Tool[..., Any], arguments: dict[str, Any], table: str
) -> None:
    with use_idempotency_key("run:call"):
        first = await tool.call(arguments)
        assert await tool.call(arguments) == first
    assert shop.count(table) == 1
    assert [row["key"] for row in shop.rows("ledger")] == ["run:call"]
    with use_idempotency_key("run:another"):
        assert await tool.call(arguments) == first
    assert shop.count(table) == 2
    await tool.call(arguments)
    await tool.call(arguments)
    assert (shop.count(table), shop.count("ledger")) == (4, 2)


async def test_an_effect_that_fails_leaves_its_key_free() -> None:
    with use_idempotency_key("run:call"):
        with pytest.raises(ToolError):
            await shop.refund.call({**DAMAGED, "amount": 99})
        assert shop.count("ledger") == shop.count("refunds") == 0
        await shop.refund.call(DAMAGED)
    assert shop.count("ledger") == shop.count("refunds") == 1


def test_every_tool_explains_itself_and_each_argument_to_claude() -> None:
    assert len({tool.name for tool in shop.TOOLS}) == 7
    for tool in shop.TOOLS:
        schema: Any = tool.schema()
        assert schema["description"]
        assert "Args" not in schema["description"]
        assert schema["input_schema"]["properties"]
        for name, argument in schema["input_schema"]["properties"].items():
            assert argument.get("description"), f"{tool.name}: {name}"


def test_importing_the_shop_does_not_import_the_anthropic_sdk() -> None:
    code = "import sys, agentkit.classroom.shop; sys.exit('anthropic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
