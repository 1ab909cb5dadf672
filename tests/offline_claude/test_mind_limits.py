"""Limits of the mind: it ends, whatever it is sent, and it ends soon."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from offline_claude.mind.conversation import once
from offline_claude.mind.report import _contradictions, _Row
from tests.support.mind import Call, ask, converse, decide, own
from tests.support.offline_server import SHOP, STORY

TOOLS = [
    own("get_weather", "Current weather", {"location": "string"}),
    own("calculator", "Basic arithmetic", {"expression": "string"}),
    own("get_time", "Time in a time zone", {"timezone": "string"}),
    own("send_message", "Send a chat message", {"to": "string", "text": "string"}),
]


@pytest.mark.parametrize("result", [{}, [], "", "no", {"status": "pending"}, {"error": "no"}])
@pytest.mark.parametrize("question", [STORY, "Where is order 1042?", "Weather in Rome and Oslo?"])
def test_same_call_is_never_made_twice(question: str, result: Any) -> None:
    made, said = converse(question, [*SHOP, *TOOLS], lambda *_: result)
    assert said
    assert all(call not in made[:n] for n, call in enumerate(made))


def test_tool_that_always_fails_ends_the_work() -> None:
    def fail(*_: Any) -> str:
        raise ValueError("Please try again.")

    made: list[Call] = converse(STORY, [*SHOP, *TOOLS], fail)[0]
    assert len(made) < 10


def test_sixty_tools_used_for_one_question_are_enough() -> None:
    blocks = [
        ("tool_use", {"name": "get_time", "input": {"timezone": f"UTC+{n}"}}) for n in range(60)
    ]
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Weather in Rome?"}]
    for n, (kind, call) in enumerate(blocks):
        messages.append({"role": "assistant", "content": [{"type": kind, "id": f"t{n}", **call}]})
        found = {"type": "tool_result", "tool_use_id": f"t{n}", "content": "12:00"}
        messages.append({"role": "user", "content": [found]})
    assert decide(messages[:-2], TOOLS).calls == [("get_weather", {"location": "Rome"})]
    assert decide(messages, TOOLS).calls == []


@pytest.mark.parametrize(
    "text",
    [
        "a",
        " ",
        "1",
        "1,",
        "A ",
        "'",
        "“",
        "((1",
        "order  # ",
        "a@",
        "a.",
        "a-1",
        "not ",
        "<a-b>",
        "x: ",
    ],
)
def test_no_text_takes_long_to_read(text: str) -> None:
    long = text * (100_000 // len(text))
    began = time.process_time()
    ask(long, tools=[*TOOLS, *SHOP])
    ask("Extract it.", long, long, output_config={"format": {"schema": {"properties": {"a": {}}}}})
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "^(a|aa)+$",
        "(a?){40}a{40}$",
        "^(?:a{1,20}){1,20}$",
        "(.*a){25}b",
        "^(\\w+\\s?)*$",
        "(" * 150 + "a" + ")" * 149,
        "(?=(a+)+b)a",
        "\\w{1,1000}",
        "a" * 100_000,
    ],
)
def test_no_pattern_of_a_client_takes_long_to_try(pattern: str) -> None:
    text = {"type": "string", "pattern": pattern}
    schema = {"type": "object", "properties": {"a": text, "b": text}, "required": ["a"]}
    tools = [{"name": "find_code", "description": "Find a code", "input_schema": schema}]
    began = time.process_time()
    ask(f"Find the code {'a' * 90}! or {'a ' * 1_000}b", tools=tools)
    ask("a" * 100_000, output_config={"format": {"schema": schema}})
    assert time.process_time() - began < 5


def test_many_sources_and_many_calls_take_no_square_of_time() -> None:
    known = {f"source-{n}": _Row(f"source-{n}", "text") for n in range(2_000)}
    began = time.process_time()
    assert not list(_contradictions("a. " * 40_000, known))
    assert once([["a", {"n": n}] for n in range(20_000)] * 2) == [
        ["a", {"n": n}] for n in range(20_000)
    ]
    assert time.process_time() - began < 5


def test_large_result_and_long_conversation_cost_little() -> None:
    rows = json.dumps([{"id": n, "name": f"n{n}"} for n in range(40_000)])
    began = time.process_time()
    converse("Weather in Rome?", TOOLS, lambda *_: rows)
    converse([f"Where is order {1001 + n % 50}?" for n in range(60)], [])
    assert time.process_time() - began < 5


@pytest.mark.parametrize("depth", [200, 900, 5000])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_result_of_any_depth_is_told(depth: int, left: str, right: str) -> None:
    nested = f"{left * depth}1{right * depth}"
    assert converse("Weather in Rome?", TOOLS, lambda *_: nested)[1]
