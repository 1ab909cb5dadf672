"""Structured output and thinking, as the mind's rules write them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.mind import ask, converse, own
from tests.support.offline_server import STORY, tool

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}


def thing(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def listed(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def output(schema: dict[str, Any]) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "schema": schema}}


@pytest.mark.parametrize(
    ("question", "schema", "found"),
    [
        (
            "Ada Lovelace is 36 and lives in London",
            thing(name=TEXT, age=WHOLE, city=TEXT),
            {"name": "Ada Lovelace", "age": 36, "city": "London"},
        ),
        (
            "Extract: invoice 17 of ACME, 3 items, total 99.50 EUR, due 2026-03-01",
            thing(
                invoice_number=TEXT,
                vendor=TEXT,
                total=NUMBER,
                currency=TEXT,
                due_date=TEXT,
                items=WHOLE,
            ),
            {
                "invoice_number": "17",
                "vendor": "ACME",
                "total": 99.5,
                "currency": "EUR",
                "due_date": "2026-03-01",
                "items": 3,
            },
        ),
        (
            "People: Alice is 30, Bob is 25, Carol is 41.",
            thing(people=listed(thing(name=TEXT, age=WHOLE))),
            {
                "people": [
                    {"name": n, "age": a} for n, a in (("Alice", 30), ("Bob", 25), ("Carol", 41))
                ]
            },
        ),
        (
            "Ticket: the payment was charged twice, this is urgent!",
            thing(
                category={"enum": ["billing", "technical", "other"]},
                priority={"enum": ["low", "medium", "high"]},
            ),
            {"category": "billing", "priority": "high"},
        ),
        (
            "Name: Ada\nAge: 36\nCity: Paris",
            thing(name=TEXT, age=WHOLE, city=TEXT),
            {"name": "Ada", "age": 36, "city": "Paris"},
        ),
        ("red and blue", listed({"enum": ["red", "green", "blue"]}), ["red", "blue"]),
    ],
)
def test_answer_holds_what_the_question_tells(
    question: str, schema: dict[str, Any], found: Any
) -> None:
    thought = ask(question, output_config=output(schema))
    assert json.loads(thought.text) == found
    assert thought.calls == []


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        (
            thing(
                code={**TEXT, "pattern": "^[A-Z]{3}-\\d{3}$"},
                n={**WHOLE, "minimum": 5, "multipleOf": 4},
                day={**TEXT, "format": "date"},
                list=listed(TEXT) | {"minItems": 1},
                kind={"const": "person"},
                level={"enum": ["high", "unknown"]},
                age={"anyOf": [WHOLE, {"type": "null"}]},
                email={"type": ["string", "null"]},
            ),
            {
                "code": "AAA-000",
                "n": 8,
                "day": "1970-01-01",
                "list": [""],
                "kind": "person",
                "level": "unknown",
                "age": None,
                "email": None,
            },
        ),
        (
            {
                "$defs": {"Node": thing(value=TEXT, children=listed({"$ref": "#/$defs/Node"}))},
                "$ref": "#/$defs/Node",
            },
            {"value": "", "children": []},
        ),
        (
            {
                "$defs": {
                    "Link": thing(next={"anyOf": [{"$ref": "#/$defs/Link"}, {"type": "null"}]})
                },
                "allOf": [{"$ref": "#/$defs/Link"}],
            },
            {"next": None},
        ),
    ],
    ids=["limits", "tree", "chain"],
)
def test_answer_satisfies_the_schema_where_nothing_is_known(
    schema: dict[str, Any], found: Any
) -> None:
    told = json.loads(ask("hello", output_config=output(schema)).text)
    Draft202012Validator(schema).validate(told)
    assert told == found


def test_schema_that_nothing_can_satisfy_still_gives_json() -> None:
    endless = thing(**{k: {"$ref": "#"} for k in "abcdef"})
    assert isinstance(json.loads(ask("hi", output_config=output(endless)).text), dict)


def test_tools_come_first_and_their_results_go_into_the_answer() -> None:
    weather = own("get_weather", "Current weather", {"city": "string"})
    config = output(thing(city=TEXT, temperature=NUMBER, summary=TEXT))
    made, told = converse(
        "What is the weather in Paris?",
        [weather],
        lambda *_: {"temperature": 18.5},
        output_config=config,
    )
    assert made == [("get_weather", {"city": "Paris"})]
    assert json.loads(told)["temperature"] == 18.5
    assert json.loads(told)["city"] == "Paris"


def test_answer_in_words_goes_into_the_field_that_wants_it() -> None:
    told = json.loads(ask("Who are you?", output_config=output(thing(answer=TEXT))).text)
    assert told["answer"].startswith("I am the offline Claude")


def test_thinking_tells_what_the_rules_decided() -> None:
    tools = [tool("find_order", {"order_id": "integer"}), tool("refund", {"order_id": "integer"})]
    told = ask(STORY, tools=tools).reasoning
    assert told == (
        "The question is about order 1042. By my rules I use find_order now. "
        "Refunding waits until the order's total is known."
    )
