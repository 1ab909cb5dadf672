"""The support desk's tools: what they find, what they do, what they refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentkit.idempotency import use_idempotency_key
from agentkit.tools import Tool, ToolError
from classroom import shop
from classroom.machine.home import ClassroomError

MIRA = "mira.okafor@example.com"
DAMAGED = {"order_id": 1042, "amount": 38.5, "reason": "arrived damaged"}
LETTER = {"to": MIRA, "subject": "Your refund", "body": "Dear Mira, it is on its way."}


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "shop.db"))
    monkeypatch.setenv("SHOP_CARRIER_SECONDS", "0")


async def answer(tool: Tool[..., Any], **arguments: object) -> Any:
    return json.loads(str(await tool.call(arguments)))


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

    monkeypatch.setattr("classroom.shop.slowness.asyncio.sleep", note)
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
        (float("nan"), "Invalid arguments for refund: nan isn't a number that JSON has"),
        (38.51, r"above the order's total of 38\.50 EUR"),
        (float("inf"), "Invalid arguments for refund: inf isn't a number"),
        (0.001, "more than two decimals"),
        (1e-09, "more than two decimals"),
        (38.4900000001, "more than two decimals"),
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


@pytest.mark.parametrize(
    "to",
    [
        "Mira",
        "",
        "a@b",
        "a@b..c",
        f"{MIRA}, b@example.com",
        f"{MIRA}\nBcc: x@y.z",
        f"{MIRA}\0",
        f"\u202e{MIRA}",
        "a@" + "b." * 50_000 + "c",
        "a@" + "a." * 50_000 + " ",
        "a" * 100_000,
    ],
)
async def test_an_email_to_no_single_address_is_refused(to: str) -> None:
    with pytest.raises(ToolError, match="is not an email address"):
        await shop.send_email.call({**LETTER, "to": to})
    assert shop.count("emails") == 0


@pytest.mark.parametrize("bad", "\r\n\0\x1b\x85\u2028\u2029")
async def test_an_email_has_a_subject_of_one_line(bad: str) -> None:
    with pytest.raises(ToolError, match="The subject is one line"):
        await shop.send_email.call({**LETTER, "subject": f"Hi{bad}Bcc: x@y.z"})
    assert shop.count("emails") == 0
    await shop.send_email.call({**LETTER, "subject": "Rückerstattung 👩‍💻"})
    assert shop.count("emails") == 1


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
    code = "import sys, classroom.shop; sys.exit('anthropic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
