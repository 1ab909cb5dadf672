"""Decisions of the offline Claude, request by request, over HTTP."""

from __future__ import annotations

import pytest

from offline_claude import OfflineClaude
from tests.support import offline_server
from tests.support.offline_server import (
    SHOP,
    STORY,
    Conversation,
    answered,
    ask,
    calls_of,
    result,
    text_of,
    tool,
    user,
)

log_path, url, offline = offline_server.log_path, offline_server.url, offline_server.offline


async def test_refund_story_looks_up_refunds_writes_and_answers(offline: OfflineClaude) -> None:
    conversation: Conversation = [{"role": "user", "content": STORY}]
    asked = []
    while (reply := await ask(offline, conversation, tools=SHOP)).stop_reason == "tool_use":
        asked.append(calls_of(reply))
        conversation = answered(conversation, reply)
    first, second, third = asked
    assert first == [
        ("find_order", {"order_id": 1042}),
        ("search_handbook", {"query": "refund damaged"}),
    ]
    refund = {"order_id": 1042, "amount": 31.75, "reason": "arrived damaged"}
    assert second == [("refund", refund)]
    [(name, letter)] = third
    assert (name, letter["to"]) == ("send_email", "ada@example.com")
    assert "31.75 EUR" in str(letter["body"])
    assert reply.stop_reason == "end_turn"
    for quoted in ("31.75 EUR", "ada@example.com", "A full refund, within 60 days."):
        assert quoted in text_of(reply)
    log = offline.calls()
    assert [c.turn for c in log] == [1, 2, 3, 4]
    assert [c.tools for c in log][:2] == [("find_order", "search_handbook"), ("refund",)]


async def test_the_same_request_gives_the_same_reply_but_for_ids(offline: OfflineClaude) -> None:
    one, two = [await ask(offline, STORY, tools=SHOP) for _ in range(2)]
    assert (text_of(one), calls_of(one)) == (text_of(two), calls_of(two))
    assert one.id != two.id


async def test_tool_error_is_quoted_and_nothing_more_is_done(
    offline: OfflineClaude,
) -> None:
    conversation: Conversation = [{"role": "user", "content": STORY}]
    conversation = answered(conversation, await ask(offline, conversation, tools=SHOP))
    reply = await ask(offline, conversation, tools=SHOP)
    conversation = answered(conversation, reply, {"refund": "The till is closed."})
    reply = await ask(offline, conversation, tools=SHOP)
    assert reply.stop_reason == "end_turn"
    assert "The till is closed." in text_of(reply)
    assert "have not refunded" in text_of(reply)


async def test_missing_order_number_is_asked_for_and_then_used(offline: OfflineClaude) -> None:
    conversation: Conversation = [{"role": "user", "content": "Please refund my order."}]
    reply = await ask(offline, conversation, tools=SHOP)
    assert "order number?" in text_of(reply)
    conversation.append({"role": "assistant", "content": text_of(reply)})
    conversation.append({"role": "user", "content": "It is 1042"})
    reply = await ask(offline, conversation, tools=SHOP)
    assert ("find_order", {"order_id": 1042}) in calls_of(reply)


async def test_later_question_knows_the_order_from_before(offline: OfflineClaude) -> None:
    conversation: Conversation = [
        {"role": "user", "content": "Where is order 1007?"},
        {"role": "assistant", "content": "On its way."},
        {"role": "user", "content": "Then refund it."},
    ]
    reply = await ask(offline, conversation, tools=SHOP)
    assert ("find_order", {"order_id": 1007}) in calls_of(reply)


async def test_where_is_my_order_asks_two_tools_at_once(offline: OfflineClaude) -> None:
    reply = await ask(offline, "Where is order 1007?", tools=SHOP)
    assert [name for name, _ in calls_of(reply)] == ["find_order", "track_shipment"]


async def test_policy_question_is_answered_from_the_handbook(offline: OfflineClaude) -> None:
    conversation: Conversation = [
        {"role": "user", "content": "What is your policy on damaged books?"}
    ]
    reply = await ask(offline, conversation, tools=SHOP)
    assert calls_of(reply) == [("search_handbook", {"query": "damaged"})]
    reply = await ask(offline, answered(conversation, reply), tools=SHOP)
    assert "A full refund, within 60 days." in text_of(reply)


async def test_learners_tool_is_called_for_each_name(
    offline: OfflineClaude,
) -> None:
    weather = tool("get_weather", {"city": "string"}, days="integer")
    reply = await ask(offline, "What is the weather in Paris, Rome and Oslo?", tools=[weather])
    assert [a for _, a in calls_of(reply)] == [{"city": c} for c in ("Paris", "Rome", "Oslo")]


async def test_learners_effect_waits_for_the_look_ups_and_counts_as_done(
    offline: OfflineClaude,
) -> None:
    tools = [SHOP[0], tool("refund_order", {"order_id": "integer", "amount": "number"})]
    conversation: Conversation = [{"role": "user", "content": "Refund order 1042"}]
    reply = await ask(offline, conversation, tools=tools)
    assert [name for name, _ in calls_of(reply)] == ["find_order"]
    conversation = answered(conversation, reply)
    reply = await ask(offline, conversation, tools=tools)
    assert calls_of(reply) == [("refund_order", {"order_id": 1042, "amount": 31.75})]
    said = {"role": "assistant", "content": reply.to_dict(mode="json")["content"]}
    [refund_id] = [b.id for b in reply.content if b.type == "tool_use"]
    reply = await ask(offline, [*conversation, said, user(result(refund_id))], tools=tools)
    assert reply.stop_reason == "end_turn"
    assert "not refunded" not in text_of(reply)


async def test_without_tools_it_says_what_it_is_and_that_it_cannot_help(
    offline: OfflineClaude,
) -> None:
    assert "offers me no tools" in text_of(await ask(offline, "Where is order 1007?"))
    who = text_of(await ask(offline, "Who are you?"))
    assert "I am the offline Claude, a deterministic stand-in" in who
    assert "not a model" in who


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"type": "none"}, []),
        ({"type": "auto"}, []),
        ({"type": "tool", "name": "track_shipment"}, ["track_shipment"]),
    ],
)
async def test_tool_choice_is_obeyed(
    offline: OfflineClaude, choice: dict[str, str], names: list[str]
) -> None:
    reply = await ask(offline, "Good morning", tools=SHOP, tool_choice=choice)
    assert [name for name, _ in calls_of(reply)] == names


async def test_tool_choice_any_uses_a_tool_and_one_at_a_time_if_told_so(
    offline: OfflineClaude,
) -> None:
    reply = await ask(offline, "Good morning", tools=SHOP, tool_choice={"type": "any"})
    assert len(calls_of(reply)) == 1
    one = {"type": "auto", "disable_parallel_tool_use": True}
    assert len(calls_of(await ask(offline, STORY, tools=SHOP, tool_choice=one))) == 1
