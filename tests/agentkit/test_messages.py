"""Messages as data: shapes, order, and nothing lost on the way through Temporal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter

from agentkit import (
    ClaudeReply,
    ToolCall,
    assistant_message,
    text_of,
    tool_calls,
    user_message,
)
from agentkit.messages import ClaudeRequest, Content, PinnedPrompt, Usage, tool_result
from offline_claude import OfflineClaude
from tests.support.agents import HELLO, Hold, OneCall, desk

BLOCKS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "Which order?", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h"},
    {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIw"},
    {"type": "text", "text": "Let me look. ", "citations": None},
    {"type": "tool_use", "id": "toolu_b", "name": "find_order", "input": {"order_id": 1042}},
    {"type": "text", "text": "And the shipment.", "newer_than_the_sdk": {"a": [None, {"b": None}]}},
    {
        "type": "tool_use",
        "id": "toolu_a",
        "name": "track_shipment",
        "input": {"order_id": 1042, "since": None, "deep": {"empty": {}, "list": [None, 1, 1.0]}},
        "caller": {"type": "direct"},
    },
    {"type": "a_block_of_next_year", "payload": [{"x": None}, True, "ü – 漢字 🙂"]},
]
CONTENT = cast(Content, BLOCKS)
REPLY = ClaudeReply(CONTENT, "tool_use", Usage(12, 34, 5, 6), "claude-of-next-year")


async def through_temporal(value: Any) -> Any:
    """Send a value as a Workflow's or an Activity's argument is sent."""
    (back,) = await pydantic_data_converter.decode(
        await pydantic_data_converter.encode([value]), [type(value)]
    )
    return back


def test_question_becomes_one_user_message() -> None:
    assert user_message("Where is it?") == {"role": "user", "content": "Where is it?"}


def test_results_become_one_user_message_in_order() -> None:
    results = [tool_result(call, call.name) for call in tool_calls(REPLY)]
    message = user_message(result for result in results)
    assert message == {"role": "user", "content": results}


def test_assistant_message_keeps_every_block_verbatim() -> None:
    message = assistant_message(REPLY)
    assert message == {"role": "assistant", "content": BLOCKS}


def test_tool_calls_keep_their_order() -> None:
    assert tool_calls(REPLY) == [
        ToolCall("toolu_b", "find_order", {"order_id": 1042}, "0.3"),
        ToolCall("toolu_a", "track_shipment", BLOCKS[5]["input"], "0.5"),
    ]


def test_reply_may_have_neither_calls_nor_words() -> None:
    thinking = replace(REPLY, content=cast(Content, BLOCKS[:2]))
    assert tool_calls(thinking) == []
    assert text_of(thinking) == ""


def test_text_of_joins_all_text_blocks() -> None:
    assert text_of(REPLY) == "Let me look. And the shipment."


def test_tool_result_marks_errors_only() -> None:
    call = ToolCall("toolu_7", "refund", {})
    assert tool_result(call, "ok") == {
        "type": "tool_result",
        "tool_use_id": "toolu_7",
        "content": "ok",
    }
    assert tool_result(call, "no", is_error=True) == {
        "type": "tool_result",
        "tool_use_id": "toolu_7",
        "content": "no",
        "is_error": True,
    }


@pytest.mark.parametrize(
    "value",
    [
        REPLY,
        ClaudeRequest(
            [user_message("Hi"), assistant_message(REPLY)],
            system="Be brief.",
            tools=[
                {"name": "t", "input_schema": {"type": "object"}, "defer_loading": None},  # type: ignore[typeddict-item]
            ],
            max_tokens=7,
            model="m",
            prompt=PinnedPrompt("support", "sha256:0"),
        ),
        ClaudeRequest([user_message("Hi")]),
        ToolCall("toolu_9", "anything", {"a": None, "b": {"c": [None, {}, 10**20]}}),
    ],
    ids=["reply", "request", "short request", "call"],
)
async def test_data_converter_loses_adds_and_reorders_nothing(value: Any) -> None:
    back = await through_temporal(value)
    assert back == value
    # Equal dicts may differ in order, which a prompt cache or a signature may care for.
    assert repr(back) == repr(value)


async def test_sandboxed_workflow_receives_and_returns_a_reply(
    claude: OfflineClaude,
) -> None:
    async with desk() as running:
        assert await running.run(Hold.run, REPLY) == REPLY
        reply = await running.run(OneCall.run, HELLO)
    assert isinstance(reply, ClaudeReply)
    assert text_of(reply)
    assert reply.stop_reason == "end_turn"
    assert reply.usage.output_tokens > 0
    assert len(claude.calls()) == 1
