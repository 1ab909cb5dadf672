"""Replies that are odd on purpose, whole and streamed."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from offline_claude import OfflineClaude
from offline_claude.odd_replies import break_schema
from tests.support.offline_server import (
    HI,
    MODEL,
    SHOP,
    STORY,
    ask,
    calls_of,
    sdk,
    text_of,
)

ASKED: dict[str, Any] = {"model": MODEL, "max_tokens": 1024, "messages": [HI]}
STORY_ASKED = {**ASKED, "messages": [{"role": "user", "content": STORY}], "tools": SHOP}


async def streamed(offline: OfflineClaude, **body: Any) -> tuple[Any, list[str]]:
    """The message as far as it arrived, and the types of its events."""
    kinds: list[str] = []
    async with sdk(offline.url) as claude, claude.messages.stream(**body) as stream:
        async for event in stream:
            kinds.append(event.type)
        return stream.current_message_snapshot, kinds


ODD = ["refusal", "pause_turn", "max_tokens", "model_context_window_exceeded", "empty"]


@pytest.mark.parametrize("kind", ODD)
async def test_odd_reply_is_the_same_whole_and_streamed(offline: OfflineClaude, kind: str) -> None:
    offline.reply(kind, times=2)
    whole = await ask(offline, STORY, tools=SHOP)
    final, _ = await streamed(offline, **STORY_ASKED)
    assert whole.stop_reason == ("end_turn" if kind == "empty" else kind)
    assert (final.stop_reason, final.usage) == (whole.stop_reason, whole.usage)
    assert (text_of(final), calls_of(final)) == (text_of(whole), calls_of(whole))
    assert final.stop_details == whole.stop_details
    assert [b.type for b in final.content] == [b.type for b in whole.content]


async def test_refusal_has_details_and_no_tool_calls(offline: OfflineClaude) -> None:
    offline.reply("refusal")
    reply = await ask(offline, STORY, tools=SHOP)
    assert reply.stop_details is not None
    assert (reply.stop_details.type, calls_of(reply)) == ("refusal", [])
    assert "offline Claude" in str(reply.stop_details.explanation)


async def test_empty_reply_has_no_content(offline: OfflineClaude) -> None:
    offline.reply("empty")
    reply = await ask(offline, "Hello")
    assert (reply.content, reply.stop_reason) == ([], "end_turn")


async def test_paused_turn_resumes_when_it_is_sent_back(offline: OfflineClaude) -> None:
    offline.reply("pause_turn")
    paused = await ask(offline, STORY, tools=SHOP)
    assert [b.type for b in paused.content][-2:] == ["server_tool_use", "web_search_tool_result"]
    assert calls_of(paused) == []
    said = {"role": "assistant", "content": paused.to_dict(mode="json")["content"]}
    reply = await ask(offline, [{"role": "user", "content": STORY}, said], tools=SHOP)
    assert reply.stop_reason == "tool_use"


async def test_cut_answer_resumes_where_it_ended_on_request(
    offline: OfflineClaude,
) -> None:
    question = {"role": "user", "content": "Hello"}
    whole = text_of(await ask(offline, [question]))
    offline.reply("max_tokens", times=2)
    conversation, joined = [question], ""
    for _ in range(3):
        reply = await ask(offline, conversation)
        joined += text_of(reply)
        said = {"role": "assistant", "content": text_of(reply)}
        wish = {"role": "user", "content": "You were cut off, please go on."}
        conversation += [said, wish]
    assert reply.stop_reason == "end_turn"
    assert joined == whole
    # Nothing is left to say: the request to go on is a question like any other.
    assert text_of(await ask(offline, conversation))


async def test_malformed_input_waits_for_a_tool_call_and_breaks_its_schema(
    offline: OfflineClaude,
) -> None:
    offline.reply("malformed_input")
    assert (await ask(offline, "Hello")).stop_reason == "end_turn"
    name, arguments = calls_of(await ask(offline, STORY, tools=SHOP))[0]
    schema = next(t["input_schema"] for t in SHOP if t["name"] == name)
    assert not jsonschema.Draft202012Validator(schema).is_valid(arguments)
    reply = await ask(offline, STORY, tools=SHOP)
    assert jsonschema.Draft202012Validator(schema).is_valid(calls_of(reply)[0][1])


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a", "b"]},
        {"properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]},
        {"properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]},
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "array"}}},
        {"properties": {"a": {"anyOf": [{"type": "number"}, {"type": "null"}]}}},
        {"properties": {"a": {"type": "boolean"}, "b": {}}, "required": ["b", "a"]},
        {"properties": {}, "additionalProperties": False},
    ],
)
def test_broken_arguments_violate_any_schema(schema: dict[str, Any]) -> None:
    broken = break_schema({"a": "x", "b": "y"} if schema["properties"] else {}, schema)
    assert not jsonschema.Draft202012Validator({"type": "object", **schema}).is_valid(broken)


async def test_unknown_tool_was_not_offered(offline: OfflineClaude) -> None:
    offline.reply("unknown_tool")
    reply = await ask(offline, STORY, tools=SHOP)
    assert reply.stop_reason == "tool_use"
    assert calls_of(reply)[0][0] not in {t["name"] for t in SHOP}
