"""Structured output, thinking and prefill, as the offline Claude's rules write them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from offline_claude.mind import think
from offline_claude.reply import Thought
from offline_claude.request import Message, MessagesRequest, blocks_of
from tests.support.offline_server import MODEL, STORY, tool

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}
YES_NO: dict[str, Any] = {"type": "boolean"}


def thing(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def listed(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def one_of(*values: Any) -> dict[str, Any]:
    return {"enum": list(values)}


def ask(*texts: str, **more: Any) -> Thought:
    """Texts of the user and the assistant in turn."""
    roles = ["user", "assistant"] * len(texts)
    messages = [Message(role, blocks_of(t)) for role, t in zip(roles, texts, strict=False)]
    return think(MessagesRequest(model=MODEL, max_tokens=999, messages=messages, **more))


@pytest.mark.parametrize(
    ("question", "schema", "found"),
    [
        (
            "Ada Lovelace is 36 and lives in London",
            thing(name=TEXT, age=WHOLE, city=TEXT),
            {"name": "Ada Lovelace", "age": 36, "city": "London"},
        ),
        (
            "Extract the info: John Smith (john@example.com) is interested in our Enterprise plan "
            "and wants to schedule a demo for next Tuesday at 2pm.",
            thing(name=TEXT, email=TEXT, plan_interest=TEXT, demo_requested=YES_NO),
            {
                "name": "John Smith",
                "email": "john@example.com",
                "plan_interest": "Enterprise",
                "demo_requested": True,
            },
        ),
        (
            "Extract: invoice 17 of ACME, 3 items, total 99.50 EUR, due 2026-03-01",
            thing(
                invoice_number=TEXT,
                vendor=TEXT,
                total=NUMBER,
                currency=TEXT,
                due_date={**TEXT, "format": "date"},
                item_count=WHOLE,
            ),
            {
                "invoice_number": "17",
                "vendor": "ACME",
                "total": 99.5,
                "currency": "EUR",
                "due_date": "2026-03-01",
                "item_count": 3,
            },
        ),
        (
            "People: Alice is 30, Bob is 25, Carol is 41.",
            thing(people=listed(thing(name=TEXT, age=WHOLE))),
            {
                "people": [
                    {"name": "Alice", "age": 30},
                    {"name": "Bob", "age": 25},
                    {"name": "Carol", "age": 41},
                ]
            },
        ),
        (
            "The order has 3 apples and 2 pears",
            thing(items=listed(thing(name=TEXT, quantity=WHOLE))),
            {"items": [{"name": "apples", "quantity": 3}, {"name": "pears", "quantity": 2}]},
        ),
        (
            "Classify the sentiment: I absolutely love this product!",
            thing(sentiment=one_of("positive", "negative", "neutral")),
            {"sentiment": "positive"},
        ),
        (
            "Ticket: the payment was charged twice, this is urgent!",
            thing(
                category=one_of("billing", "technical", "other"),
                priority=one_of("low", "medium", "high"),
            ),
            {"category": "billing", "priority": "high"},
        ),
        (
            "Name: Ada\nAge: 36\nCity: Paris",
            thing(name=TEXT, age=WHOLE, city=TEXT),
            {"name": "Ada", "age": 36, "city": "Paris"},
        ),
        ("red and blue", listed(one_of("red", "green", "blue")), ["red", "blue"]),
        (
            "Ada is a teacher",
            thing(
                name=TEXT,
                age={"anyOf": [WHOLE, {"type": "null"}]},
                email={"type": ["string", "null"]},
                kind={"const": "person"},
            ),
            {"name": "Ada", "age": None, "email": None, "kind": "person"},
        ),
        (
            "hello",
            thing(
                code={**TEXT, "pattern": "^[A-Z]{3}-\\d{3}$"},
                n={**WHOLE, "minimum": 5, "multipleOf": 4},
                day={**TEXT, "format": "date"},
                list=listed(TEXT) | {"minItems": 1},
            ),
            {"code": "AAA-000", "n": 8, "day": "1970-01-01", "list": [""]},
        ),
        (
            "a tree",
            {
                "$defs": {"Node": thing(value=TEXT, children=listed({"$ref": "#/$defs/Node"}))},
                "$ref": "#/$defs/Node",
            },
            {"value": "", "children": []},
        ),
        (
            "a chain",
            {
                "$defs": {
                    "Link": thing(next={"anyOf": [{"$ref": "#/$defs/Link"}, {"type": "null"}]})
                },
                "allOf": [{"$ref": "#/$defs/Link"}],
            },
            {"next": None},
        ),
    ],
)
def test_an_answer_satisfies_the_schema_with_what_is_known(
    question: str, schema: dict[str, Any], found: Any
) -> None:
    thought = ask(question, output_schema=schema)
    assert json.loads(thought.text) == found
    Draft202012Validator(schema).validate(found)
    assert thought.calls == []


def test_a_schema_that_nothing_can_satisfy_still_gives_json() -> None:
    endless = {**thing(**{k: {"$ref": "#"} for k in "abcdef"})}
    assert isinstance(json.loads(ask("hi", output_schema=endless).text), dict)


def test_tools_come_first_and_json_comes_from_their_results() -> None:
    schema = thing(city=TEXT, temperature=NUMBER)
    weather = tool("get_weather", {"city": "string"})
    first = ask("What is the weather in Paris?", tools=[weather], output_schema=schema)
    assert first.calls == [("get_weather", {"city": "Paris"})]
    use = {"type": "tool_use", "id": "a", "name": "get_weather", "input": {"city": "Paris"}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": '{"temperature": 18.5}'}
    messages = [
        Message("user", blocks_of("What is the weather in Paris?")),
        Message("assistant", [use]),
        Message("user", [result]),
    ]
    request = MessagesRequest(
        model=MODEL, max_tokens=99, messages=messages, tools=[weather], output_schema=schema
    )
    assert think(request).text == '{"city":"Paris","temperature":18.5}'


def test_a_forced_extraction_tool_is_filled_as_well_as_an_answer() -> None:
    scores = tool("print_scores", {"positive_score": "number", "negative_score": "number"})
    person = tool("record_person", {"name": "string", "age": "integer"}, email="string")
    for offered, question, arguments in (
        (person, "Ada Lovelace is 36 and lives in London.", {"name": "Ada Lovelace", "age": 36}),
        (scores, "I love it.", {"positive_score": 1, "negative_score": 0}),
    ):
        name = offered["name"]
        thought = ask(question, tools=[offered], tool_choice="tool", forced_tool=name)
        assert thought.calls == [(name, arguments)]


def test_thinking_tells_what_the_rules_decided_and_only_when_asked_for() -> None:
    tools = [tool("find_order", {"order_id": "integer"}), tool("refund", {"order_id": "integer"})]
    told = ask(STORY, tools=tools, thinking="summarized").reasoning
    assert told == ask(STORY, tools=tools, thinking="omitted").reasoning
    assert "order 1042" in told
    assert "find_order" in told
    assert "Refunding waits" in told
    assert ask(STORY, tools=tools).reasoning == ""


@pytest.mark.parametrize(
    ("question", "given", "whole"),
    [
        ("Give me JSON with keys name and age: Ada is 36", "{", {"name": "Ada", "age": 36}),
        ("Give me JSON with name: Ada is 36", '{"name":', {"name": "Ada"}),
        ("Extract name and age as JSON: Bob is 4", '{"name": "', {"name": "Bob", "age": 4}),
        ("A list please", "[", [{}]),
        ("Go on", '{"a": [1, {"b": "x', {"a": [1, {"b": "x"}]}),
    ],
)
def test_begun_json_is_completed(question: str, given: str, whole: Any) -> None:
    assert json.loads(given + ask(question, given).text) == whole


def test_a_begun_answer_is_continued() -> None:
    whole = ask("Who are you?").text
    assert ask("Who are you?", "I am the").text == whole.removeprefix("I am the")
    assert ask("Who are you?", "Well,").text == f" {whole}"


@pytest.mark.parametrize(
    "told",
    [
        "Lines: 2 x Dune at 9.50 each; 1 x Emma at 7.00 each.\nTotal: 26.00.",
        "- Dune (2 copies, 9.50 EUR)\n- Emma (1 copy, 7.00 EUR)",
        "two copies of Dune at 9.50 EUR and 1 x Emma for 7.00 EUR",
        "Dune: 2 x 9.50\nEmma: 1 x 7.00",
        "title,quantity,price\nDune,2,9.50\nEmma,1,7.00",
        "| Title | Qty | Unit price |\n|---|---|---|\n| Dune | 2 | 9.50 |\n| Emma | 1 | 7.00 |",
    ],
)
def test_the_rows_of_a_text_become_the_objects_of_a_list(told: str) -> None:
    schema = thing(lines=listed(thing(title=TEXT, quantity=WHOLE, unit_price=NUMBER)))
    found = json.loads(ask(f"Extract the invoice.\n{told}", output_schema=schema).text)["lines"]
    assert found == [
        {"title": "Dune", "quantity": 2, "unit_price": 9.5},
        {"title": "Emma", "quantity": 1, "unit_price": 7},
    ]


def test_what_an_invoice_says_of_itself_goes_to_its_fields() -> None:
    text = (
        "Invoice INV-2041 dated 2026-03-14 from Northwind to Ada Byron. Currency: EUR. "
        "Total: 28.50."
    )
    schema = thing(number=TEXT, date=TEXT, customer=TEXT, currency=TEXT, total=NUMBER)
    assert json.loads(ask(f"Extract the invoice.\n{text}", output_schema=schema).text) == {
        "number": "INV-2041",
        "date": "2026-03-14",
        "customer": "Ada Byron",
        "currency": "EUR",
        "total": 28.5,
    }


@pytest.mark.parametrize(
    ("complaint", "name"),
    [
        ("You must format the previous response as structured output.", "Ada Lovelace"),
        ("Validation error: name must be in upper case. Fix the errors.", "ADA LOVELACE"),
    ],
)
def test_a_complaint_is_not_the_text_to_extract_from(complaint: str, name: str) -> None:
    schema = thing(name=TEXT, age=WHOLE)
    first = "Extract: Ada Lovelace is 36 years old."
    told = json.loads(ask(first, "I can't.", complaint, output_schema=schema).text)
    assert told == {"name": name, "age": 36}
