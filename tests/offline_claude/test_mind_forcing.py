"""`tool_choice`, and tools that take the answer, as agent frameworks offer them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.mind import ask, converse, own
from tests.support.offline_server import SHOP

FIND = own("find_order", "Find an order by its number", {"order_id": "integer"})
FINAL = own("final_result", "The final response which ends this conversation", {"total": "number"})
ANY = {"type": "any"}


def test_tool_choice_none_calls_nothing_and_says_that_it_has_no_tools() -> None:
    thought = ask("Where is order 1042?", tools=SHOP, tool_choice={"type": "none"})
    assert thought.calls == []
    assert "offers me no tools" in thought.text


@pytest.mark.parametrize("name", ["track_shipment", "search_handbook", "refund"])
def test_tool_choice_tool_calls_it_whatever_is_asked(name: str) -> None:
    calls = ask("Good morning", tools=SHOP, tool_choice={"type": "tool", "name": name}).calls
    assert [called for called, _ in calls] == [name]


def test_tool_choice_any_says_nothing_before_its_call() -> None:
    thought = ask("Good morning", tools=SHOP, tool_choice=ANY)
    assert (thought.text, len(thought.calls)) == ("", 1)


def test_no_more_than_one_call_where_parallel_calls_are_off() -> None:
    one = {"type": "auto", "disable_parallel_tool_use": True}
    assert len(ask("Where is order 1042?", tools=SHOP).calls) == 2
    assert len(ask("Where is order 1042?", tools=SHOP, tool_choice=one).calls) == 1


def test_final_result_tool_takes_the_answer_after_the_look_ups() -> None:
    for choice in (ANY, {"type": "auto"}):
        body: dict[str, Any] = {"tool_choice": choice}
        first = ask("What is in order 1042?", tools=[FIND, FINAL], **body)
        assert first.calls == [("find_order", {"order_id": 1042})]
        call = {"type": "tool_use", "id": "a", "name": "find_order", "input": {"order_id": 1042}}
        found = {"type": "tool_result", "tool_use_id": "a", "content": '{"total": 28.5}'}
        told: list[Any] = ["What is in order 1042?", [call], [found]]
        last = ask(*told, tools=[FIND, FINAL], **body)
        assert last.calls == [("final_result", {"total": 28.5})]


def test_final_result_that_is_refused_is_corrected_and_not_sent_again_as_it_was() -> None:
    person = own("final_result", "The final response", {"name": "string", "age": "integer"})

    def refuse(name: str, given: dict[str, Any]) -> str:
        if given["name"] != "ADA":
            raise ValueError("name should be one of ADA or BOB. Fix the errors and try a new call.")
        return "Final result processed."

    made, _ = converse("Extract: Ada is 36 years old.", [person], refuse)
    assert made == [
        ("final_result", {"name": "Ada", "age": 36}),
        ("final_result", {"name": "ADA", "age": 36}),
    ]


def test_only_tool_is_used_for_an_extraction_that_is_asked_for() -> None:
    person = own("record_person", "Record a person", {"name": "string", "age": "integer"})
    made, _ = converse("Extract the person: Grace Hopper, 85 years", [person])
    assert made == [("record_person", {"name": "Grace Hopper", "age": 85})]


def test_forced_tool_without_a_schema_gets_no_arguments() -> None:
    thought = ask("hello", tool_choice={"type": "tool", "name": "web_search"})
    assert thought.calls == [("web_search", {})]
