"""The shop's searches for reports: handbook sentences word for word, and figures."""

from __future__ import annotations

from types import ModuleType

import pytest

from agentkit import ToolError
from classroom.shop import refund, search_passages, shop_figures

pytestmark = pytest.mark.usefixtures("shop")


async def test_passage_is_a_handbook_sentence_with_its_place(shop: ModuleType) -> None:
    found = await search_passages("cancelled order refund")
    assert found[0] == {
        "source": "handbook:cancelling-or-changing-an-order#3",
        "text": "A cancelled order is refunded in full on the same working day.",
        "states": {"cancelled orders that were not refunded": "0"},
    }
    handbook = " ".join(row["body"] for row in shop.rows("handbook"))
    assert all(each["text"] in handbook for each in found)


async def test_every_statement_belongs_to_a_sentence_that_can_be_found(shop: ModuleType) -> None:
    stated = {row["source"] for row in shop.rows("statements")}
    found = [
        each
        for query in ("cancelled order refunded", "delivery times within Ireland")
        for each in await search_passages(query)
    ]
    assert stated <= {each["source"] for each in found if each["states"]}


async def test_passages_have_unique_ids(shop: ModuleType) -> None:
    found = await search_passages("the order customer book refund we", limit=10)
    assert len({each["source"] for each in found}) == 10


async def test_search_may_find_nothing() -> None:
    assert await search_passages("audiobooks") == []


async def test_search_reads_the_current_handbook(shop: ModuleType) -> None:
    with shop.session() as db:
        db.execute("insert into handbook values ('Audiobooks', 'We sell none. Not yet.')")
    found = {each["source"]: each["text"] for each in await search_passages("audiobooks")}
    assert found == {"handbook:audiobooks#1": "We sell none.", "handbook:audiobooks#2": "Not yet."}


@pytest.mark.parametrize(("query", "limit"), [("…", 4), ("refund", 0), ("refund", 11)])
async def test_search_without_a_word_or_with_a_bad_limit_is_refused(query: str, limit: int) -> None:
    with pytest.raises(ToolError):
        await search_passages(query, limit)


async def test_cancelled_orders_are_compared_with_refunds(shop: ModuleType) -> None:
    (before,) = await shop_figures("cancelled orders")
    assert before["states"] == {"cancelled orders that were not refunded": "3"}
    await refund(1009, 5.0, "cancelled")
    (after,) = await shop_figures("cancelled orders")
    assert after["states"] == {"cancelled orders that were not refunded": "2"}
    assert after["text"].startswith("3 orders are cancelled (1009, 1031, 1054), and 2 of them")


async def test_delivery_times_count_late_parcels_still_on_their_way(shop: ModuleType) -> None:
    found = {each["source"]: each for each in await shop_figures("delivery times")}
    assert [*found["figures:delivery-times#1"]["states"].values()] == ["2"]
    assert [*found["figures:delivery-times#3"]["states"].values()] == ["0"]
    with shop.session() as db:
        db.execute("update shipments set shipped_on = '2026-01-05' where order_id = 1016")
    found = {each["source"]: each for each in await shop_figures("delivery times")}
    assert [*found["figures:delivery-times#3"]["states"].values()] == ["1"]


async def test_topic_without_data_has_no_figures() -> None:
    assert await shop_figures("refunds") == []
    await refund(1042, 38.5, "arrived damaged")
    (month,) = await shop_figures("refunds")
    assert "refunds made: 1, of 38.50 EUR together" in month["text"]


async def test_bestsellers_add_up_all_editions() -> None:
    found = await shop_figures("bestsellers")
    assert found[1]["text"] == "11 copies of “The Winter Orchard” were ordered."
