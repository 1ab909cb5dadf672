"""The reply as a stream: the same content, no half of one, and no generation nobody waits for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment

from agentkit import ClaudeReply, user_message
from agentkit.claude import call_claude, claude_client, close_claude_client
from agentkit.messages import ClaudeRequest
from offline_claude import OfflineClaude
from tests.support import canned
from tests.support.agents import HELLO, OneCall, cause_of, desk, eventually
from tests.support.offline_server import SHOP, STORY, raw


@pytest.fixture(autouse=True)
async def fresh_client() -> AsyncIterator[None]:
    yield
    await close_claude_client()


async def call(request: ClaudeRequest) -> ClaudeReply:
    reply = await ActivityEnvironment().run(call_claude, request)
    assert isinstance(reply, ClaudeReply)
    return reply


# One that answers at once, and one that thinks first and shows it.
BODIES: list[dict[str, Any]] = [
    {"model": "claude-sonnet-5-5"},
    {"model": "claude-haiku-4-5", "thinking": {"type": "enabled", "budget_tokens": 1024}},
]


@pytest.mark.parametrize("body", BODIES, ids=["words", "thinking"])
@pytest.mark.parametrize("kind", [None, "refusal", "pause_turn", "max_tokens", "empty"])
async def test_streamed_reply_equals_the_reply_without_a_stream(
    claude: OfflineClaude, body: dict[str, Any], kind: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind is not None:
        claude.reply(kind, times=2)
    sent = {**body, "max_tokens": 4096, "tools": SHOP, "messages": [user_message(STORY)]}
    whole = raw(claude, sent).json()
    stream = raw(claude, {**sent, "stream": True}).text
    async with canned.answering(monkeypatch, canned.http(200, stream, "text/event-stream")):
        streamed = await call(HELLO)
    assert without_ids(streamed.content) == without_ids(whole["content"])
    assert streamed.stop_reason == ("empty" if kind == "empty" else whole["stop_reason"])
    assert streamed.stop_details == whole["stop_details"]
    for name, tokens in vars(streamed.usage).items():
        assert tokens == whole["usage"][name]
    if kind is None:
        thinking = ["thinking"] if "thinking" in body else []
        calls = ["tool_use", "tool_use"]
        assert [block["type"] for block in whole["content"]] == [*thinking, "text", *calls]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "text/plain", None])
async def test_gateway_that_does_not_stream_is_read_like_one_that_does(
    claude: OfflineClaude, content_type: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {**BODIES[1], "max_tokens": 4096, "tools": SHOP, "messages": [user_message(STORY)]}
    whole = raw(claude, sent)
    answer = canned.http(200, "\n" + whole.text, content_type or "")
    async with canned.answering(monkeypatch, answer) as requests:
        reply = await call(HELLO)
    assert reply.content == whole.json()["content"]
    assert (reply.stop_reason, len(requests)) == ("tool_use", 1)


@pytest.mark.parametrize("content_type", ["application/octet-stream", ""])
async def test_stream_of_another_content_type_is_still_a_stream(
    claude: OfflineClaude, content_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = raw(
        claude, {**BODIES[0], "stream": True, "max_tokens": 99, "messages": HELLO.messages}
    )
    async with canned.answering(monkeypatch, canned.http(200, stream.text, content_type)):
        assert (await call(HELLO)).stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ('{"content": ', "malformed_reply"),
        ("[" * 100_000, "malformed_reply"),
        ("[]", "malformed_reply"),
        ("{}", "malformed_reply"),
        ('{"content": [], "stop_reason": null}', "connection_cut"),
        ("", "connection_cut"),
        ("<html>Sign in</html>", "connection_cut"),
    ],
    ids=range(7),
)
async def test_whole_answer_that_is_no_message_is_an_error(
    monkeypatch: pytest.MonkeyPatch, body: str, type: str
) -> None:
    async with canned.answering(monkeypatch, canned.http(200, body, "application/json")):
        with pytest.raises(ApplicationError) as raised:
            await call(HELLO)
    assert raised.value.type == type


def without_ids(content: Any) -> list[dict[str, Any]]:
    """Content whose ids and signatures, which are new every time, are only told by length."""
    made_up = ("id", "signature", "tool_use_id")
    return [{k: len(v) if k in made_up else v for k, v in block.items()} for block in content]


async def test_max_tokens_may_exceed_the_limit_of_calls_without_a_stream(
    claude: OfflineClaude,
) -> None:
    long = ClaudeRequest([user_message("Hello")], max_tokens=64_000)
    with pytest.raises(ValueError, match="Streaming is required"):
        await claude_client().messages.create(
            model="claude-sonnet-5-5", max_tokens=64_000, messages=long.messages
        )
    assert (await call(long)).stop_reason == "end_turn"


@pytest.mark.parametrize(
    "pieces",
    [
        ('{"amount" 12}',),
        ('{"amount": 12',),
        ('{"amount": ', "nul", "}"),
        ('{"reason": "dam',),
        ("not JSON",),
        ('{"amount": NaN}',),
        ('{"amount": -Infinity}',),
        ('{"amount": 1e999}',),
        ('{"amount": 12} and more',),
        ('{"amount": ' + "9" * 5_000 + "}",),
    ],
    ids=range(10),
)
async def test_invalid_tool_input_json_is_asked_for_once_more_and_then_final(
    monkeypatch: pytest.MonkeyPatch, pieces: tuple[str, ...]
) -> None:
    async with canned.answering(monkeypatch, canned.tool_use(*pieces)) as requests:
        with pytest.raises(ApplicationError) as raised:
            await call(HELLO)
    assert len(requests) == 2
    assert (raised.value.type, raised.value.non_retryable) == ("malformed_reply", True)
    assert pieces[0] not in raised.value.message, "the model's words stay out of error texts"


@pytest.mark.parametrize("nested", ["[" * 101 + "]" * 101, "[" * 100_000], ids=["101", "100,000"])
async def test_tool_input_nested_too_deeply_is_left_to_the_tool_to_refuse(
    monkeypatch: pytest.MonkeyPatch, nested: str
) -> None:
    answer = canned.tool_use('{"amount": ' + nested + "}")
    async with canned.answering(monkeypatch, answer) as requests:
        (block,) = (await call(HELLO)).content
    assert block["input"] == {"input_must_not_be_nested_more_than_100_levels_deep": True}  # type: ignore[typeddict-item]
    assert len(requests) == 1


@pytest.mark.parametrize("pieces", [(), ("",), ("{}",), ('{"amount": 12', "5}")])
async def test_valid_tool_input_json_arrives_whole(
    monkeypatch: pytest.MonkeyPatch, pieces: tuple[str, ...]
) -> None:
    async with canned.answering(monkeypatch, canned.tool_use(*pieces)):
        (block,) = (await call(HELLO)).content
    assert block["input"] == ({"amount": 125} if len(pieces) == 2 else {})  # type: ignore[typeddict-item]


async def test_cut_tool_call_with_max_tokens_is_left_to_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cut = canned.tool_use('{"amount": 12', stop_reason="max_tokens")
    async with canned.answering(monkeypatch, cut):
        assert (await call(HELLO)).stop_reason == "max_tokens"


async def test_malformed_reply_is_followed_by_a_good_one(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = canned.tool_use('{"amount": 12'), canned.tool_use('{"amount": 125}')
    async with canned.answering(monkeypatch, *answers) as requests:
        (block,) = (await call(HELLO)).content
    assert block["input"] == {"amount": 125}  # type: ignore[typeddict-item]
    assert len(requests) == 2


async def test_malformed_replies_are_counted_over_all_attempts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, busy = canned.tool_use('{"amount": 12'), canned.error(429, "rate_limit_error")
    answers = bad, busy, busy, bad, canned.tool_use("{}")
    async with canned.answering(monkeypatch, *answers) as requests, desk() as running:
        with pytest.raises(WorkflowFailureError) as failed:
            await running.run(OneCall.run, HELLO)
    assert cause_of(failed.value).type == "malformed_reply"
    assert len(requests) == 4, "the fifth would have been a third paid one"


@pytest.mark.parametrize(
    "data", ["{oops", "null", "[]", '"text"', "5", '{"type": "message_start"}', "[" * 100_000]
)
async def test_invalid_event_is_a_malformed_reply(
    monkeypatch: pytest.MonkeyPatch, data: str
) -> None:
    broken = canned.http(200, f"event: message_start\ndata: {data}\n\n", "text/event-stream")
    async with canned.answering(monkeypatch, broken) as requests:
        with pytest.raises(ApplicationError) as raised:
            await call(HELLO)
    assert len(requests) == 2
    assert (raised.value.type, raised.value.non_retryable) == ("malformed_reply", True)


async def test_stream_without_a_stop_reason_is_not_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    unfinished = canned.tool_use("{}", stop_reason=None)
    async with canned.answering(monkeypatch, unfinished):
        with pytest.raises(ApplicationError) as raised:
            await call(HELLO)
    assert raised.value.type == "connection_cut"


async def test_cancelling_a_run_hangs_up_on_claude(claude: OfflineClaude) -> None:
    claude.slow(60)
    async with desk() as running:
        handle = await running.start(OneCall.run, HELLO)
        await eventually(lambda: len(claude.calls()) == 1)
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        await eventually(lambda: claude.calls()[0].state == "disconnected")
    assert isinstance(failed.value.cause, CancelledError)
