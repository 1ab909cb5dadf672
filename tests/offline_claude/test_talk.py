"""What the offline Claude says without tools, and that agents' tools don't tempt it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offline_claude.mind import think
from offline_claude.reply import Thought
from offline_claude.request import Block, Message, MessagesRequest, blocks_of
from tests.support.offline_server import MODEL, tool

REMINDER = "<system-reminder>\nToday's date is 2026-11-24. Run the tests.\n</system-reminder>\n"
PAGES = "Use it with care. " * 60


def ask(*told: str | list[Block], **more: Any) -> Thought:
    """What the user and the assistant say in turn, and the reply."""
    roles = ["user", "assistant"] * len(told)
    messages = [Message(role, blocks_of(t)) for role, t in zip(roles, told, strict=False)]
    return think(MessagesRequest(model=MODEL, max_tokens=999, messages=messages, **more))


def returned(question: str, name: str, given: dict[str, Any], result: str) -> list[Message]:
    """A question, a tool's call, and what it returned."""
    call = {"type": "tool_use", "id": "toolu_1", "name": name, "input": given}
    answer = {"type": "tool_result", "tool_use_id": "toolu_1", "content": result}
    told = [("user", blocks_of(question)), ("assistant", [call]), ("user", [answer])]
    return [Message(role, blocks) for role, blocks in told]


def agents(name: str, first: str, **properties: Any) -> dict[str, Any]:
    """A tool of a coding agent, with pages of instructions."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": f"{first}\n\n{PAGES}", "input_schema": schema}


TEXT = {"type": "string"}
AGENT = [
    agents("Bash", "Executes a bash command and returns its output.", command=TEXT),
    agents("Read", "Reads a file from the local filesystem.", file_path=TEXT),
    agents("Edit", "Replaces a string in a file.", file_path=TEXT, old=TEXT, new=TEXT),
    agents("Agent", "Launch a new agent for complex tasks.", description=TEXT, prompt=TEXT),
    agents("WebSearch", "Search the web.", query=TEXT),
    agents("TaskCreate", "Create a task list for the session.", subject=TEXT),
]
FIND = tool("find_order", {"order_id": "integer"}) | {"description": "Find an order by its number"}
FINAL = tool("final_result", {"total": "number"}) | {"description": "The final response"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ('Say "pong"', "pong"),
        ("Reply with exactly: OK", "OK"),
        ("Respond with the word banana", "banana"),
        ("Please respond with 'pong' and nothing else.", "pong"),
        ("Repeat after me: The cat sat.", "The cat sat."),
        ("Say hello to Ada", "Hello, Ada"),
        ("Count from 1 to 5", "1, 2, 3, 4, 5"),
        ("count down from three to 1", "3, 2, 1"),
    ],
)
def test_what_is_to_be_said_is_said(asked: str, said: str) -> None:
    assert ask(asked).text == said
    assert ask(asked, tools=AGENT) == Thought(said)


@pytest.mark.parametrize(
    ("asked", "name", "given"),
    [
        ('Echo "hi"', "echo", {"text": "hi"}),
        ("Say hello to Bob with the greet tool", "greet", {"name": "Bob"}),
    ],
)
def test_a_tool_that_does_the_saying_is_used(asked: str, name: str, given: dict[str, str]) -> None:
    own = tool(name, dict.fromkeys(given, "string"))
    assert ask(asked, tools=[own]).calls == [(name, given)]


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        ("What is 27 * 453?", "= 12231"),
        ("2+2", "= 4"),
        ("17 percent of 250", "= 42.5"),
        ("0.1 + 0.2", "= 0.3"),
        ("What's 10 divided by 4?", "= 2.5"),
        ("2 ** 100", "= 1267650600228229401496703205376"),
    ],
)
def test_arithmetic_is_exact(asked: str, value: str) -> None:
    assert ask(asked).text.endswith(value)


@pytest.mark.parametrize("asked", ["1/0", "9**9**9**9", "1" + "+1" * 3000, "What is sqrt(0-1)?"])
def test_a_sum_without_a_value_is_no_error(asked: str) -> None:
    assert "offline Claude" in ask(asked).text


@pytest.mark.parametrize(
    ("told", "asked", "quoted"),
    [
        ("My name is Ada.", "What's my name?", "My name is Ada."),
        ("My name is Ada. I live in Oslo.", "Where do I live?", "I live in Oslo."),
        ("Remember the code 7421.", "What was the code?", "Remember the code 7421."),
    ],
)
def test_what_was_said_before_is_quoted(told: str, asked: str, quoted: str) -> None:
    assert f"“{quoted}”" in ask(told, "I see.", asked).text


def test_a_document_is_quoted_and_what_it_lacks_is_said() -> None:
    source = {"type": "text", "data": "The grass is green. The sky is blue. Ada wrote this."}
    document = {"type": "document", "source": source}
    both = ask([document, *blocks_of("What colour is the grass, and the sky?")])
    assert "The grass is green. The sky is blue." in both.text
    assert "no sentence about" in ask([document, *blocks_of("How tall is Berlin?")]).text


def test_an_image_is_said_to_be_unseen_and_the_rest_is_answered() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    told = ask([image, *blocks_of("What is 2 + 2?")]).text
    assert "can't look at the image" in told
    assert told.endswith("2 + 2 = 4")


@pytest.mark.parametrize(
    "asked", ["hello", "What is 2+2?", "Say hi", "Write a haiku", "Why is the sky blue?"]
)
def test_an_agents_tools_are_left_alone_when_nothing_names_them(asked: str) -> None:
    thought = ask([*blocks_of(REMINDER), *blocks_of(asked)], tools=AGENT)
    assert thought.text
    assert not thought.calls


def test_an_agents_tool_is_used_when_it_is_named() -> None:
    asked = f"{REMINDER}Read the file orders.txt and tell me what is in it"
    assert ask(asked, tools=AGENT).calls == [("Read", {"file_path": "orders.txt"})]


def test_notices_alone_ask_for_nothing() -> None:
    thought = ask(REMINDER, tools=AGENT)
    assert thought == Thought("I have read the notices you sent. They ask for nothing, "
                              "so I do nothing.")  # fmt: skip


@pytest.mark.parametrize("name", ["mcp__shop__find_order", "Shop-find_order", "shop.find_order"])
def test_what_a_client_puts_before_a_tools_name_does_not_matter(name: str) -> None:
    thought = ask("What is in order 1042?", tools=[{**FIND, "name": name}])
    assert thought.calls == [(name, {"order_id": 1042})]


def test_tools_that_are_not_loaded_are_searched_for_once() -> None:
    search = agents("ToolSearch", "Fetches deferred tools.", query=TEXT)
    question = "What is in order 1042?"
    [(name, given)] = ask(question, tools=[search]).calls
    assert (name, given) == ("ToolSearch", {"query": "order"})
    messages = returned(question, name, given, "No tool found")
    request = MessagesRequest(model=MODEL, max_tokens=99, messages=messages, tools=[search])
    assert not think(request).calls


def test_any_tool_looks_up_first_and_then_gives_the_final_answer() -> None:
    question, tools = "What is in order 1042?", [FIND, FINAL]
    first = ask(question, tools=tools, tool_choice="any")
    assert first == Thought("", [("find_order", {"order_id": 1042})])
    messages = returned(question, *first.calls[0], '{"order_id": 1042, "total": 28.5}')
    more: dict[str, Any] = {"tools": tools, "tool_choice": "any"}
    last = think(MessagesRequest(model=MODEL, max_tokens=99, messages=messages, **more))
    assert last == Thought("", [("final_result", {"total": 28.5})])


def test_an_observation_in_words_counts_as_a_result() -> None:
    called = "Calling tools:\n[{'name': 'find_order', 'arguments': {'order_id': 1042}}]"
    observed = 'Observation:\n{"order_id": 1042, "total": 28.5}'
    thought = ask("What is in order 1042?", called, observed, tools=[FIND], tool_choice="auto")
    assert not thought.calls
    assert "28.5" in thought.text


SCHEMA = {"properties": {"name": TEXT, "age": {"type": "integer"}}, "required": ["name", "age"]}
ADA = "Extract: Ada Lovelace is 36 years old."


@pytest.mark.parametrize(
    ("system", "asked"),
    [
        (f"Always respond with a JSON object with this schema:\n{json.dumps(SCHEMA)}", ADA),
        ("", f"{ADA}\nAnswer only with JSON after this schema:\n{json.dumps(SCHEMA)}"),
        ("", f"Give me JSON with the keys name and age: {ADA}"),
    ],
)
def test_json_that_a_prompt_asks_for_in_words_is_given(system: str, asked: str) -> None:
    assert json.loads(ask(asked, system=system).text) == {"name": "Ada Lovelace", "age": 36}


def test_marked_fields_are_answered_as_marked_fields() -> None:
    asked = (
        f"[[ ## text ## ]]\n{ADA}\n\nRespond with the corresponding output fields, starting with "
        "the field `[[ ## name ## ]]`, then `[[ ## age ## ]]` (must be formatted as a valid "
        "Python int), and then ending with the marker for `[[ ## completed ## ]]`."
    )
    told = "[[ ## name ## ]]\nAda Lovelace\n\n[[ ## age ## ]]\n36\n\n[[ ## completed ## ]]"
    assert ask(asked).text == told


@pytest.mark.parametrize("depth", [200, 900, 5000])
@pytest.mark.parametrize(("left", "right"), [("[", "]"), ('{"a":', "}")])
def test_a_result_of_any_depth_is_no_error(depth: int, left: str, right: str) -> None:
    messages = returned("Look it up", "look_up", {}, f"{left * depth}1{right * depth}")
    request = MessagesRequest(model=MODEL, max_tokens=99, messages=messages)
    assert think(request).text


def test_a_forced_tool_without_a_schema_gets_no_arguments() -> None:
    thought = ask("hello", tool_choice="tool", forced_tool="web_search")
    assert thought.calls == [("web_search", {})]
