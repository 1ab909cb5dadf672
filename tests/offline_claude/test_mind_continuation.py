"""Continuing after a cut, a pause, or failures of several kinds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from offline_claude.mind import think
from offline_claude.odd_replies import build_odd_reply
from offline_claude.reply import Thought, build_reply
from offline_claude.request import Sent
from offline_claude.rules import check
from tests.support.offline_server import MODEL, SHOP, Conversation, result, tool, use, user

TEN = list(range(1001, 1011))
WHERE = "Where are orders 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009 and 1010?"
UNKNOWN = (
    "Whether refund happened is unknown: the worker died while it ran. Do not call it again; ask "
    "a person to look."
)
GO_ON = "Continue exactly where you stopped."


def checked(messages: Conversation, tools: Any = SHOP, **more: Any) -> Sent:
    body = {"model": MODEL, "max_tokens": 4000, "messages": messages, "tools": tools, **more}
    return check(body, "messages", version="2026-10-21", beta=False)


def decide(messages: Conversation, tools: Any = SHOP) -> Thought:
    return think(checked(messages, tools))


def called(*calls: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    blocks = [use(f"c{n}", name=name, input=given) for n, (name, given) in enumerate(calls)]
    return {"role": "assistant", "content": [b["content"][0] for b in blocks]}


def refused(number: int, text: str) -> dict[str, Any]:
    return result(f"c{number}", content=text, is_error=True)


def wrote(messages: Conversation, max_tokens: int, kind: Any = None) -> dict[str, Any]:
    request = checked(messages, max_tokens=max_tokens)
    thought = think(request)
    reply = build_odd_reply(kind, request, thought) if kind else build_reply(request, thought)
    return reply.message


def words(message: dict[str, Any]) -> str:
    return "".join(block.get("text", "") for block in message["content"])


def said(message: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": message["content"]}


@pytest.mark.parametrize(
    "question",
    [
        WHERE,
        "Where are orders 1001 to 1010?",
        "Track these orders please: 1001 1002 1003 1004 1005 1006 1007 1008 1009 1010",
        "Where are orders 1001, 1002 … 1010?",
        "Where are orders 1001, 1002, ..., and 1010?",
        "Where are orders 1001..1010?",
        "Orders 1001; 1002; 1003; 1004; 1005; 1006; 1007; 1008; 1009; 1010 - are they shipped?",
    ],
)
def test_ten_parcels_are_ten_calls_in_one_message(question: str) -> None:
    assert decide([user(question)]).calls == [("track_shipment", {"order_id": n}) for n in TEN]


def test_owners_of_many_orders_are_looked_up_as_well() -> None:
    asked = decide([user(f"Whose are they? {WHERE}")]).calls
    assert [name for name, _ in asked] == ["find_order"] * 10 + ["track_shipment"] * 10


def test_one_failure_among_ten_is_explained() -> None:
    conversation = [user(WHERE), called(*decide([user(WHERE)]).calls)]
    results = [
        result(f"c{n}", content=json.dumps({"order_id": 1001 + n, "status": f"at stop {n}"}))
        for n in range(10)
    ]
    results[3] = refused(3, "The carrier's system is down.")
    thought = decide([*conversation, user(*results)])
    assert thought.calls == []
    assert "could not track the shipment of order 1004: “The carrier's system is down.”" in (
        thought.text
    )
    for n in {*range(10)} - {3}:
        assert f"at stop {n}" in thought.text


REFUND = ("refund", {"order_id": 1042, "amount": 31.75, "reason": "arrived damaged"})
ORDER = {"order_id": 1042, "email": "ada@example.com", "total": 31.75, "currency": "EUR"}


@pytest.mark.parametrize(
    "error",
    [
        UNKNOWN,
        "The outcome is unknown. A person has to check.",
        "Connection timed out. It may have happened. Please do not retry.",
        "Unclear whether the money left; inform a human, try again later.",
    ],
)
def test_unknown_outcome_is_left_to_a_person(error: str) -> None:
    question = "Order 1042 arrived damaged. Please refund it and email me a confirmation."
    look_ups = called(
        ("find_order", {"order_id": 1042}), ("search_handbook", {"query": "refund damaged"})
    )
    found = user(result("c0", content=json.dumps(ORDER)), result("c1", content="[]"))
    pay = {"role": "assistant", "content": use("r", name=REFUND[0], input=REFUND[1])["content"]}
    failed = user(result("r", content=error, is_error=True))
    thought = decide([user(question), look_ups, found, pay, failed])
    assert thought.calls == []
    assert f"can't say whether it worked: “{error}" in thought.text
    assert "A person has to check." in thought.text
    assert "not refunded" not in thought.text
    assert "could not refund" not in thought.text
    assert "I have not sent an email" in thought.text


@pytest.mark.parametrize(
    ("error", "again"),
    [
        ("The gateway timed out. Please try again.", True),
        (f"{UNKNOWN} Or try again.", False),
        ("Timed out. Never retry this.", False),
    ],
)
def test_learners_effect_is_not_repeated_when_its_error_forbids_it(error: str, again: bool) -> None:
    pay = tool("pay_invoice", {"invoice_id": "integer"}, amount="number")
    question = user("Please pay invoice 12345.")
    [(name, arguments)] = decide([question], [pay]).calls
    asked = called((name, {**arguments, "amount": 50}))
    thought = decide([question, asked, user(refused(0, error))], [pay])
    assert bool(thought.calls) is again
    assert again or error.split(".")[0] in thought.text


@pytest.mark.parametrize("max_tokens", [3, 10, 25])
@pytest.mark.parametrize("question", ["Who are you?", "What can you do?"])
def test_reply_that_was_cut_continues_exactly_where_it_stopped(
    question: str, max_tokens: int
) -> None:
    whole = decide([user(question)]).text
    conversation = [user(question)]
    message = wrote(conversation, max_tokens)
    pieces = [words(message)]
    while message["stop_reason"] == "max_tokens":
        conversation += [said(message), user(GO_ON)]
        message = wrote(conversation, max_tokens)
        pieces.append(words(message))
    assert len(pieces) > 1
    assert "".join(pieces) == whole


@pytest.mark.parametrize("please", ["Go on", "Please continue.", "Keep going from there!", GO_ON])
def test_answer_from_results_continues_with_the_same_results(please: str) -> None:
    asked = [user("Where is order 1042?"), called(("track_shipment", {"order_id": 1042}))]
    asked.append(user(result("c0", content='{"status": "in transit", "last_seen": "Cork"}')))
    whole = decide(asked, SHOP[1:2]).text
    begun = {"role": "assistant", "content": whole[:20]}
    assert whole[:20] + decide([*asked, begun, user(please)], SHOP[1:2]).text == whole
    done = {"role": "assistant", "content": whole}
    assert "nothing to add" in decide([*asked, done, user(please)], SHOP[1:2]).text


def test_cut_before_a_call_is_followed_by_the_call_and_then_by_the_answer() -> None:
    question = user("Where is order 1042?")
    thought = decide([question], SHOP[1:2])
    conversation = [question, {"role": "assistant", "content": thought.text[:10]}, user(GO_ON)]
    rest = decide(conversation, SHOP[1:2])
    assert (thought.text[:10] + rest.text, rest.calls) == (thought.text, thought.calls)
    told = user(result("c0", content='{"status": "in transit"}'))
    assert "in transit" in decide([*conversation, called(*rest.calls), told], SHOP[1:2]).text


@pytest.mark.parametrize("then", [[], [user("Continue.")]])
@pytest.mark.parametrize("question", ["Who are you?", "Where is order 1042?"])
def test_paused_turn_resumes_and_says_nothing_twice(question: str, then: Conversation) -> None:
    whole = decide([user(question)])
    paused = wrote([user(question)], 999, "pause_turn")
    thought = decide([user(question), said(paused), *then])
    assert thought.calls == whole.calls
    assert thought.text == ("" if whole.calls else whole.text)
    assert words(paused) != whole.text or whole.calls


def test_continuing_with_something_else_is_a_new_question() -> None:
    hello = [user("Hello"), {"role": "assistant", "content": "Hello."}]
    assert decide([*hello, user("Continue with order 1042: where is it?")]).calls
    asked = {"role": "assistant", "content": "Shall I go on?"}
    assert "nothing to add" not in decide([user("Hello"), asked, user("Go on.")]).text


def test_unknown_outcome_is_still_unknown_when_it_is_asked_about() -> None:
    pay = {"role": "assistant", "content": use("r", name=REFUND[0], input=REFUND[1])["content"]}
    failed = user(result("r", content=UNKNOWN, is_error=True))
    conversation = [
        user("Refund order 1042."),
        pay,
        failed,
        {"role": "assistant", "content": "So it is."},
    ]
    for question in ("Is it refunded now?", "Did the refund work?"):
        thought = decide([*conversation, user(question)])
        assert thought.calls == []
        assert f"can't say whether it worked: “{UNKNOWN}" in thought.text


def test_order_that_is_referred_to_is_the_last_one_talked_about() -> None:
    before = [user("Where is order 1007?"), {"role": "assistant", "content": "In Cork."}]
    before += [user("And 1036?"), {"role": "assistant", "content": "In Lund."}]
    assert ("find_order", {"order_id": 1036}) in decide([*before, user("Please refund it")]).calls


@pytest.mark.parametrize("question", ["Refund the first one", "Refund the other order"])
def test_order_that_could_be_any_of_several_is_asked_for(question: str) -> None:
    before = [
        user("Where are orders 1007, 1008 and 1036?"),
        {"role": "assistant", "content": "So it is."},
    ]
    thought = decide([*before, user(question)])
    assert (thought.calls, "What is the order number?" in thought.text) == ([], True)
