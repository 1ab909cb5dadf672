"""Messages as data: shapes, order, and nothing lost on the way through Temporal."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.contrib.pydantic import pydantic_data_converter

from agentkit import (
    ClaudeReply,
    ToolCall,
    assistant_message,
    text_of,
    tool_calls,
    user_message,
)
from agentkit.messages import (
    ClaudeRequest,
    Content,
    PinnedPrompt,
    Usage,
    printable,
    quoted,
    tool_result,
)
from offline_claude import OfflineClaude
from tests.support.agents import HELLO, Hold, OneCall, desk
from tests.support.terminals import INVISIBLE, hidden

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


# What is shown to people.


@pytest.mark.parametrize("char", "\x00\x07\b\r\x1b\x7f\x9b\xad\u200b\u200d\u202e\u2066\u2028\ufeff")
def test_control_and_bidi_characters_become_visible(char: str) -> None:
    assert printable(f"5{char}0") == f"5{json.dumps(char)[1:-1]}0"


@pytest.mark.parametrize("char", [*INVISIBLE, "\xa0", "\ud800", "\ue000", "\U000e0041"])
def test_what_is_blank_by_design_becomes_visible(char: str) -> None:
    assert printable(f"5{char}0") == f"5{json.dumps(char)[1:-1]}0"


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("naïve Zürich – “漢字”, عربى, עברית, हिन्दी 🙂", "a\\u202e", ""):
        assert printable(text) == text
    assert printable("a\nb\t") == "a\\nb\\t"
    assert printable("a\nb\t", newlines=True) == "a\nb\\t"


ANY_JSON = st.recursive(st.text(st.characters()) | st.integers(), st.lists, max_leaves=5)


@settings(max_examples=100, deadline=None)
@given(ANY_JSON, st.text(st.characters()))
def test_printable_shows_everything_and_keeps_json_the_same(value: Any, text: str) -> None:
    shown = printable(text)
    assert hidden(shown) == ""
    assert printable(shown) == shown
    assert hidden(printable(text, newlines=True), but="\n") == ""
    shown = printable(json.dumps(value, ensure_ascii=False, indent=2), newlines=True)
    assert hidden(shown, but="\n") == ""
    assert json.loads(shown) == json.loads(json.dumps(value))


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=300))
def test_quoted_words_are_one_line_and_at_most_200_characters(text: str) -> None:
    shown = quoted(text)
    assert "\n" not in shown
    words = json.loads(shown)
    assert words == text if len(text) <= 200 else words == text[:200] + "…"
