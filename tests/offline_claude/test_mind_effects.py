"""Effects: the desk pays and writes only when it is asked to, and only what it is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offline_claude.mind import think
from offline_claude.rules import check
from tests.support.offline_server import MODEL, SHOP, result, tool, user

ORDER = {
    "order_id": 1042,
    "customer": "Ada Byron",
    "email": "ada@example.com",
    "status": "delivered",
    "books": [
        {"title": "Emma", "quantity": 2, "price": 10.0, "format": "paperback"},
        {"title": "Dune", "quantity": 1, "price": 18.5, "format": "hardcover"},
    ],
    "total": 38.5,
    "currency": "EUR",
}
ROWS = [{"order_id": n, "total": n / 100, "status": "shipped"} for n in (1001, 1002)]
RESULTS: dict[str, Any] = {
    "find_order": ORDER,
    "find_orders_of_customer": ROWS,
    "refund": {"status": "refunded", "order_id": 1042},
    "send_email": {"status": "sent"},
    "search_handbook": [],
    "track_shipment": {"order_id": 1042, "status": "delivered"},
}
TOOLS = [*SHOP, tool("find_orders_of_customer", {"email": "string"})]


def _result_of(name: str) -> Any:
    return next(value for known, value in RESULTS.items() if name.endswith(known))


def work(*questions: str, **more: Any) -> tuple[list[tuple[str, dict[str, Any]]], str]:
    """Play the conversation to its end: all tool calls, and the last answer."""
    messages: list[Any] = []
    calls: list[tuple[str, dict[str, Any]]] = []
    for question in questions:
        messages.append(user(question))
        for _ in range(9):
            body = {"model": MODEL, "max_tokens": 999, "messages": messages, "tools": TOOLS, **more}
            thought = think(check(body, "messages", version="2026-10-21", beta=False))
            if not thought.calls:
                break
            at = len(calls)
            calls += thought.calls
            used: list[dict[str, Any]] = [
                {"type": "tool_use", "id": f"t{at + n}", "name": name, "input": arguments}
                for n, (name, arguments) in enumerate(thought.calls)
            ]
            messages.append({"role": "assistant", "content": used})
            told = [result(u["id"], content=json.dumps(_result_of(u["name"]))) for u in used]
            messages.append(user(*told))
        messages.append({"role": "assistant", "content": thought.text})
    return calls, thought.text


def effects(*questions: str) -> list[tuple[str, dict[str, Any]]]:
    return [call for call in work(*questions)[0] if call[0] in ("refund", "send_email")]


@pytest.mark.parametrize(
    "question",
    [
        "Has order 1042 been refunded?",
        "has my refund for order 1042 gone through yet?",
        "How do refunds for order 1042 work?",
        "Why was order 1042 refunded?",
        "Is order 1042 refundable?",
        "Could I get a refund for order 1042 if I wanted to?",
        "Did you send an email about order 1042 to ada@example.com?",
        "I don't want a refund for order 1042, I want a replacement",
        "no refund please! order 1042 is damaged",
        "Ask me before you refund anything. Order 1042 came damaged, I want my money back.",
        "Where is order 1042? Do not send any email.",
    ],
)
def test_question_or_refusal_has_no_effect(question: str) -> None:
    assert effects(question) == []


def test_asking_afterwards_or_stopping_pays_nothing_more() -> None:
    assert len(effects("Refund order 1042", "has it been refunded?")) == 1
    assert len(effects("Refund order 1042, it's damaged", "stop, cancel that refund")) == 1


@pytest.mark.parametrize(
    ("question", "amount"),
    [
        ("Refund order 1042 please", 38.5),
        ("My order 1042 never arrived. Can you refund me?", 38.5),
        ("refund 12.95 for order 1042", 12.95),
        ("just refund 7.50 for order 1042, the corner is bent", 7.5),
        ("refund order 1042 but only 12", 12),
        ("refund 5 euros for order 1042", 5),
    ],
)
def test_refund_is_the_amount_that_was_asked_for(question: str, amount: float) -> None:
    [(name, arguments)] = effects(question)
    assert (name, arguments["order_id"], arguments["amount"]) == ("refund", 1042, amount)


@pytest.mark.parametrize(
    "question",
    [
        "Refund half of order 1042, the cover is scratched",
        "refund 20% of order 1042",
        "Refund one copy of Emma from order 1042, it's damaged",
        "Order 1042: Dune is torn, please refund Dune",
    ],
)
def test_amount_of_a_part_is_asked_for_and_then_paid(question: str) -> None:
    assert effects(question) == []
    assert work(question)[1].endswith("the amount. What should it be?")
    [(_, arguments)] = effects(question, "12.50 EUR")
    assert arguments["amount"] == 12.5


def test_asking_for_help_with_an_order_does_not_list_abilities() -> None:
    calls, _ = work("order 1042 arrived damaged, what can you do for me?")
    assert calls[0] == ("find_order", {"order_id": 1042})
    assert "offline Claude" in work("What can you do?")[1]


def test_structured_answer_takes_rows_and_values_of_the_same_name_from_results() -> None:
    row = {"type": "object", "additionalProperties": False}
    columns = {"order_id": {"type": "integer"}, "status": {"type": "string"}}
    schema = {
        **row,
        "properties": {
            "orders": {"type": "array", "items": {**row, "properties": columns}},
        },
        "required": ["orders"],
    }
    output = {"format": {"type": "json_schema", "schema": schema}}
    _, told = work("List the orders of ada@example.com", output_config=output)
    rows = [{"order_id": n, "status": "shipped"} for n in (1001, 1002)]
    assert json.loads(told) == {"orders": rows}
    status = {"type": "string", "enum": ["processing", "shipped", "delivered"]}
    schema = {**row, "properties": {"order_id": {"type": "integer"}, "status": status}}
    output = {"format": {"type": "json_schema", "schema": schema}}
    _, told = work("Summarize order 1042, where is it?", output_config=output)
    assert json.loads(told) == {"order_id": 1042, "status": "delivered"}


@pytest.mark.parametrize(
    "question",
    [
        "Order 1042 arrived damaged. Please refund it and email me a confirmation.",
        "Where is order 1042?",
        "Which orders does ada@example.com have?",
        "Refund 5 EUR of order 1042.",
    ],
)
@pytest.mark.parametrize("prefix", ["mcp__shop__", "mcp__book_shop__", "mcp_shop_", "shop__"])
@pytest.mark.parametrize("which", ["all", "effects"])
def test_desk_works_alike_with_the_prefix_that_a_client_adds(
    question: str, prefix: str, which: str
) -> None:
    tools = TOOLS if which == "all" else [t for t in TOOLS if t["name"] in ("refund", "send_email")]
    renamed = [{**t, "name": f"{prefix}{t['name']}"} for t in tools]
    calls, said = work(question, tools=tools)
    assert work(question, tools=renamed) == ([(f"{prefix}{n}", a) for n, a in calls], said)


@pytest.mark.parametrize("name", ["refund", "mcp__a__refund", "mcp__b__refund"])
def test_of_two_servers_tools_the_forced_one_is_called(name: str) -> None:
    alike = [tool(n, {"order_id": "integer"}) for n in ("mcp__a__refund", "mcp__b__refund")]
    choice = {"type": "tool", "name": name}
    body = {"model": MODEL, "max_tokens": 999, "messages": [user("Refund order 1042.")]}
    body |= {"tools": [*TOOLS, *alike], "tool_choice": choice}
    thought = think(check(body, "messages", version="2026-10-21", beta=False))
    assert [called for called, _ in thought.calls] == [name]
