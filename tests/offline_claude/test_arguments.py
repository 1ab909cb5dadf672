"""Arguments for tools that nobody here wrote: each value goes where its words say, or nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from offline_claude.mind import think
from offline_claude.request import Message, MessagesRequest, blocks_of
from tests.offline_claude.test_own_tools import converse, own, texts
from tests.support.offline_server import MODEL

CURRENCY = {"type": "string", "enum": ["EUR", "USD", "GBP"]}
STREET = own("", "", {"street": "string", "city": "string", "postcode": "string"})["input_schema"]
PARTY = own("", "", {"name": "string", "address": STREET})["input_schema"]
MORE = {
    "convert": own(
        "convert", "Convert money", {"amount": "number", "from_currency": CURRENCY, "to": CURRENCY}
    ),
    "meet": own(
        "schedule_meeting",
        "Schedule a meeting",
        {"attendees": texts(), "when": "string", "duration_minutes": "integer"},
    ),
    "ship": own("create_shipment", "Create a shipment", {"recipient": PARTY}),
    "products": own(
        "search_products", "Search the catalogue", {"query": "string"}, max_price="number"
    ),
    "person": own(
        "Person",
        "",
        {"name": "string", "age": "integer"},
        items={
            "type": "array",
            "items": own("", "", {"title": "string", "quantity": "integer"})["input_schema"],
        },
    ),
}


@pytest.mark.parametrize(
    ("name", "question", "arguments"),
    [
        (
            "convert",
            "Convert 250 EUR to USD",
            {"amount": 250, "from_currency": "EUR", "to": "USD"},
        ),
        (
            "convert",
            "Convert 30 GBP into EUR, please",
            {"amount": 30, "from_currency": "GBP", "to": "EUR"},
        ),
        (
            "meet",
            "Schedule a meeting with Ann and Bob tomorrow at 3pm for 45 minutes",
            {"attendees": ["Ann", "Bob"], "when": "tomorrow at 3pm", "duration_minutes": 45},
        ),
        (
            "ship",
            "Create a shipment to 12 Baker Street, London, NW1 6XE. The name is Holmes.",
            {
                "recipient": {
                    "name": "Holmes",
                    "address": {
                        "street": "12 Baker Street",
                        "city": "London",
                        "postcode": "NW1 6XE",
                    },
                }
            },
        ),
        (
            "products",
            "Please find the cheapest laptops under 900 euros",
            {"query": "cheapest laptops under 900 euros", "max_price": 900},
        ),
    ],
)
def test_arguments_go_where_the_words_around_them_say(
    name: str, question: str, arguments: dict[str, Any]
) -> None:
    [calls, *_] = converse([question], [MORE[name]])
    assert [given for _, given in calls] == [arguments]


def test_an_optional_list_is_not_made_up_from_what_has_its_place_already() -> None:
    asked = MessagesRequest(
        model=MODEL,
        max_tokens=999,
        messages=[Message("user", blocks_of("Ada Lovelace is 36 years old."))],
        tools=[MORE["person"]],
        tool_choice="tool",
        forced_tool="Person",
    )
    assert think(asked).calls == [("Person", {"name": "Ada Lovelace", "age": 36})]


def test_the_only_tool_is_used_when_it_is_a_record_and_the_question_tells_all_of_it() -> None:
    told = ("Person", {"name": "Ada Lovelace", "age": 36})
    assert converse(["Ada Lovelace is 36 years old."], [MORE["person"]])[0] == [told]
    for question in ("Hello", "Who are you?", "Tell me a joke.", "Ada likes tea."):
        assert converse([question], [MORE["person"]])[0] == []
