"""Arguments for tools that the mind has never seen: each value goes where its words say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.mind import ask, converse, own, texts

CURRENCY = {"type": "string", "enum": ["EUR", "USD", "GBP"]}
UNIT = {"type": "string", "enum": ["celsius", "fahrenheit"]}
LEVEL = {"type": "string", "enum": ["low", "medium", "high"]}
DAY = {"type": "string", "format": "date"}
NUMBERS = {"type": "array", "items": {"type": "integer"}}
STREET = own("", "", {"street": "string", "city": "string", "postcode": "string"})["input_schema"]
PARTY = own("", "", {"name": "string", "address": STREET})["input_schema"]
TICKET = own("create_ticket", "Open a ticket", {"title": "string", "priority": LEVEL}, tags=texts())


@pytest.mark.parametrize(
    ("tool", "question", "arguments"),
    [
        (
            own(
                "convert",
                "Convert money",
                {"amount": "number", "from_currency": CURRENCY, "to": CURRENCY},
            ),
            "Convert 250 EUR to USD",
            {"amount": 250, "from_currency": "EUR", "to": "USD"},
        ),
        (
            own(
                "get_exchange_rate",
                "The rate of two currencies",
                {"base": "string", "quote": "string"},
            ),
            "What is the exchange rate from USD to CHF?",
            {"base": "USD", "quote": "CHF"},
        ),
        (
            own("get_weather", "Current weather", {"location": "string"}, unit=UNIT),
            "How hot is it in New York in °F?",
            {"location": "New York", "unit": "fahrenheit"},
        ),
        (
            own(
                "book_room",
                "Reserve a meeting room",
                {"date": DAY, "start": "string", "duration_minutes": "integer"},
                attendees=texts(),
            ),
            "Book a room on 3 May 2026 at 2pm for 2 hours with Ann and Bob",
            {
                "date": "2026-05-03",
                "start": "14:00",
                "duration_minutes": 120,
                "attendees": ["Ann", "Bob"],
            },
        ),
        (
            own("create_shipment", "Create a shipment", {"recipient": PARTY}),
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
            own("search_products", "Search the catalogue", {"query": "string"}, max_price="number"),
            "Please find the cheapest laptops under 900 euros",
            {"query": "cheapest laptops under 900 euros", "max_price": 900},
        ),
        (
            own(
                "list_orders",
                "List orders",
                {},
                status={"enum": ["open", "shipped"]},
                limit="integer",
            ),
            "Show the last 5 shipped orders",
            {"status": "shipped", "limit": 5},
        ),
        (
            own("apply_discount", "Apply a discount", {"order_ids": NUMBERS, "percent": "number"}),
            "Apply a 15% discount to orders 12 and 13",
            {"order_ids": [12, 13], "percent": 15},
        ),
        (
            TICKET,
            "Open a high priority ticket titled 'Printer broken' with tags printer and office",
            {"title": "Printer broken", "priority": "high", "tags": ["printer", "office"]},
        ),
        (
            own("translate_text", "Translate", {"text": "string", "target_language": "string"}),
            "Translate 'good morning' into French",
            {"text": "good morning", "target_language": "French"},
        ),
        (
            own("get_train_times", "Trains", {"from_station": "string", "to_station": "string"}),
            "Which trains go from Hamburg to Berlin?",
            {"from_station": "Hamburg", "to_station": "Berlin"},
        ),
        (
            own("set_thermostat", "Set the temperature", {"room": "string", "degrees": "number"}),
            "Set the thermostat in the kitchen to 21.5 degrees",
            {"room": "kitchen", "degrees": 21.5},
        ),
        (
            own("add_gift_wrap", "Wrap an order as a gift", {"order_id": "integer"}, note="string"),
            "Please add gift wrap to order 1042",
            {"order_id": 1042},
        ),
        (
            own("calculator", "Calculate", {"expression": "string"}),
            "What is 15% of 80?",
            {"expression": "15 / 100 * 80"},
        ),
        (
            own(
                "get_user",
                "Look up a user",
                {"key": {"enum": ["email", "phone"]}, "value": "string"},
            ),
            "Look up the user with the email john@example.com",
            {"key": "email", "value": "john@example.com"},
        ),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) and "name" in value else "",
)
def test_values_go_where_the_words_around_them_say(
    tool: dict[str, Any], question: str, arguments: dict[str, Any]
) -> None:
    assert converse(question, [tool])[0] == [(tool["name"], arguments)]


def test_missing_argument_is_asked_for_with_its_choices_and_then_used() -> None:
    questions = ["Open a ticket titled 'Broken chair'", "high"]
    assert "the priority (low or medium or high)" in converse(questions[0], [TICKET])[1]
    made, _ = converse(questions, [TICKET])
    assert made == [("create_ticket", {"title": "Broken chair", "priority": "high"})]


def test_optional_list_is_not_made_up_from_values_that_have_their_place() -> None:
    item = own("", "", {"title": "string", "quantity": "integer"})["input_schema"]
    items = {"type": "array", "items": item}
    person = own("record_person", "", {"name": "string", "age": "integer"}, items=items)
    choice = {"type": "tool", "name": "record_person"}
    thought = ask("Ada Lovelace is 36 years old.", tools=[person], tool_choice=choice)
    assert thought.calls == [("record_person", {"name": "Ada Lovelace", "age": 36})]
