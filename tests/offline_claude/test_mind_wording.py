"""Answers to the results of the shop's real tools, word for word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentkit.tools import ToolError
from classroom import shop
from offline_claude.mind import think
from offline_claude.rules import check
from tests.support.offline_server import MODEL, STORY

MIRA = "mira.okafor@example.com"
TOOLS = {tool.name: tool for tool in shop.TOOLS}
ORDER = {
    "order_id": 1042,
    "customer": "Mira Okafor",
    "email": MIRA,
    "placed_on": "2026-04-18",
    "status": "delivered",
    "books": [{"title": "Moss", "format": "paperback", "quantity": 2, "price": 9.5}],
    "total": 19.0,
    "currency": "EUR",
}


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DB", str(tmp_path / "shop.db"))
    monkeypatch.setenv("SHOP_CARRIER_SECONDS", "0")


async def ask(question: str, *schemas: dict[str, Any], **results: Any) -> str:
    """The answer when every tool asked for is run; `results` replace what tools return."""
    tools = [*(tool.schema() for tool in shop.TOOLS), *schemas]
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    for turn in range(9):
        body = {"model": MODEL, "max_tokens": 999, "messages": messages, "tools": tools}
        thought = think(check(body, "messages", version="2026-10-21", beta=True))
        if not thought.calls:
            return thought.text
        uses, found = [], []
        for n, (name, arguments) in enumerate(thought.calls):
            call = f"call_{turn}_{n}"
            uses.append({"type": "tool_use", "id": call, "name": name, "input": arguments})
            result: dict[str, Any] = {"type": "tool_result", "tool_use_id": call}
            try:
                if name in results:
                    given = results[name]
                    text = given if isinstance(given, str) else json.dumps(given)
                else:
                    text = str(await TOOLS[name].call(arguments))
                found.append({**result, "content": text})
            except ToolError as err:
                found.append({**result, "content": str(err), "is_error": True})
        messages += [{"role": "assistant", "content": uses}, {"role": "user", "content": found}]
    raise AssertionError(f"no answer to {question!r}")


async def test_refund_story_ends_in_two_sentences_and_a_polite_letter() -> None:
    assert await ask(STORY) == (
        "I have refunded 38.50 EUR for order 1042, “The Lighthouse Ledger”, and sent a "
        f"confirmation to {MIRA}. Our handbook on “Damaged books” says: “If a book arrives "
        "damaged, the customer chooses between a replacement and a full refund.”"
    )
    [letter] = shop.rows("emails")
    assert letter["subject"] == "Your refund for order 1042"
    assert letter["body"] == (
        "Dear Mira,\n\n"
        "We are sorry that your order arrived damaged. We have refunded 38.50 EUR for order 1042, "
        "“The Lighthouse Ledger”.\n\n"
        "Please write to us if anything is still open.\n\n"
        "Kind regards\nThe bookshop's support desk"
    )


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (
            "Who placed order 1042?",
            "Order 1042 was placed by Mira Okafor on 2026-04-18. It holds “The Lighthouse Ledger” "
            "(hardback) for 38.50 EUR in total, and its status is “delivered”.",
        ),
        (
            "Where is order 1036?",
            "Order 1036, “The Winter Orchard” and 2 more books, is delayed: Continental Parcel "
            "last saw it at “parcel hub, Sweden” and expected to deliver it on 2026-04-23. The "
            "tracking number is CP-89641137.",
        ),
        (
            "Has order 1042 been delivered?",
            "Order 1042, “The Lighthouse Ledger”, was delivered by Harbour Post on 2026-04-23.",
        ),
        (
            "Where is order 1060?",
            "There is no parcel for order 1060, “Bread Before Dawn” and “The Patient Engineer”: "
            "not shipped yet.",
        ),
        (
            f"Which orders has {MIRA}?",
            f"The orders of {MIRA}: 1017 on 2026-03-20 (25.65 EUR, delivered) and 1042 on "
            "2026-04-18 (38.50 EUR, delivered).",
        ),
        (
            "Do you have The Lighthouse Ledger?",
            "We have “The Lighthouse Ledger” by Orla Penhallow as hardback for 38.50 EUR (7 "
            "copies in stock) and as e-book for 12.99 EUR (in stock).",
        ),
        (
            "When do you open?",
            "Our handbook on “Opening hours and contact” says: “The shop by the harbour is open "
            "Monday to Saturday from 9:30 to 18:00 and closed on public holidays. The support "
            "desk answers email every working day from 9:00 to 17:00, usually within four hours. "
            "There is no telephone line for orders.”",
        ),
        (
            "What is your policy on submarines?",
            "I have found nothing about this in our handbook.",
        ),
        (
            "Refund order 9999 and email me.",
            "I could not look up order 9999: “There is no order 9999. Order numbers run from 1001 "
            "to 1060.” I have not refunded anything or sent an email.",
        ),
        (
            "Refund 99 EUR for order 1042",
            "I could not refund 99 EUR for order 1042: “The amount 99.0 is above the order's "
            "total of 38.50 EUR.” I have not refunded anything.",
        ),
    ],
)
async def test_answer_reads_as_a_colleague_writes(question: str, said: str) -> None:
    assert await ask(question) == said


async def test_policy_on_two_subjects_quotes_both_articles_in_whole_sentences() -> None:
    said = await ask("What are your policies on gift cards and loyalty points?")
    assert "Our handbook on “Gift cards” says: “Gift cards come in any amount" in said
    assert "Our handbook on “Loyalty points” says: “Customers earn one point" in said
    assert "…" not in said
    assert said.endswith(".”")


async def test_results_on_many_orders_are_one_line_each() -> None:
    lines = (await ask("Where are orders 1042 to 1047?")).split("\n")
    assert [line[:10] for line in lines] == [f"Order {n}" for n in range(1042, 1048)]


async def test_two_refunds_are_one_sentence() -> None:
    assert await ask("Refund orders 1042 and 1014") == (
        "I have refunded 38.50 EUR for order 1042, “The Lighthouse Ledger”, and 95.95 EUR for "
        "order 1014, “The Lighthouse Ledger” and 2 more books."
    )


async def test_letter_without_a_refund_contains_the_findings() -> None:
    said = await ask("Please email the customer of order 1036 where the parcel is.")
    assert said.startswith("I have sent “Your order 1036” to oskar.lindqvall@example.com. Order")
    [letter] = shop.rows("emails")
    assert letter["body"].startswith("Dear Oskar,\n\nOrder 1036, “The Winter Orchard” and 2 more")


async def test_only_the_customer_is_greeted_by_name() -> None:
    await ask("Refund order 1042 and send a confirmation to bob@example.com")
    [letter] = shop.rows("emails")
    assert letter["body"].startswith("Dear customer,\n\nWe have refunded 38.50 EUR")


async def test_asking_for_an_address_sends_nothing() -> None:
    said = await ask("What is the email address of the customer of order 1042?")
    assert f"Mira Okafor ({MIRA})" in said
    assert shop.count("emails") == 0


async def test_fields_that_a_learner_adds_to_a_result_are_told_as_well() -> None:
    said = await ask("Who placed order 1042?", find_order={**ORDER, "gift_wrap": True})
    assert "It holds 2 × “Moss” (paperback, 9.50 EUR each) for 19.00 EUR in total" in said
    assert said.endswith("its status is “delivered”. Gift wrap: yes.")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"order_id": 1042, "state": "on hold"}, "find_order (1042) returned state: on hold."),
        ("It is on hold.", "find_order (1042) returned “It is on hold.”"),
        ("", "find_order (1042) returned nothing."),
        ({}, "find_order (1042) returned nothing."),
        ([{"a_b": 1}, {"a_b": None}], "find_order (1042) returned (a b: 1); (nothing)."),
        ({**ORDER, "books": 2}, "find_order (1042) returned customer: Mira Okafor, email: "),
        ({**ORDER, "books": [{"isbn": 7}]}, "find_order (1042) returned customer: Mira Okafor, "),
    ],
)
async def test_result_of_another_shape_is_told_field_by_field(result: Any, said: str) -> None:
    assert (await ask("Who placed order 1042?", find_order=result)).startswith(said)


@pytest.mark.parametrize("name", sorted(TOOLS))
@pytest.mark.parametrize("result", ["plain", "", "7", "null", [], {}, [[]], [{}], [None], {"a": 1}])
async def test_result_of_any_shape_gives_an_answer(name: str, result: Any) -> None:
    for question in (
        STORY,
        "Where is order 1042?",
        f"List the orders of {MIRA}",
        "Gift card rules",
    ):
        assert await ask(question, **{name: result})


async def test_refund_that_waits_is_not_called_done() -> None:
    said = await ask("Refund order 1042", refund={"status": "waits for approval"})
    assert "I have refunded" not in said
    assert "returned status: waits for approval." in said


async def test_result_of_a_learners_tool_names_the_tool_and_its_arguments() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    weather = {"name": "get_weather", "description": "Weather of a city", "input_schema": schema}
    said = await ask("What is the weather in Oslo?", weather, get_weather={"sky": "clear", "c": 7})
    assert said == "get_weather (Oslo) returned sky: clear, c: 7."
