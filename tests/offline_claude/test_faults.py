"""Faults on demand: each raises the SDK's exception for it, and hits only its own calls."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest

from offline_claude import OfflineClaude
from tests.support import offline_server
from tests.support.offline_server import (
    HI,
    MODEL,
    SHOP,
    STORY,
    Conversation,
    answered,
    ask,
    sdk,
)

ASKED: dict[str, Any] = {"model": MODEL, "max_tokens": 1024, "messages": [HI]}


async def streamed(offline: OfflineClaude, **body: Any) -> tuple[Any, list[str]]:
    """The message as far as it arrived, and the types of its events."""
    kinds: list[str] = []
    async with sdk(offline.url) as claude, claude.messages.stream(**body) as stream:
        async for event in stream:
            kinds.append(event.type)
        return stream.current_message_snapshot, kinds


async def note_events(offline: OfflineClaude, seen: list[str]) -> None:
    """Note the types of a stream's raw events, also before an error; the SDK skips pings."""
    async with sdk(offline.url) as claude:
        async for event in await claude.messages.create(**ASKED, stream=True):
            seen.append(event.type)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (402, anthropic.PaymentRequiredError, "billing_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (408, anthropic.RequestTimeoutError, "invalid_request_error"),
        (413, anthropic.ContentTooLargeError, "request_too_large"),
        (422, anthropic.UnprocessableEntityError, "invalid_request_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (503, anthropic.ServiceUnavailableError, "api_error"),
        (504, anthropic.GatewayTimeoutError, "timeout_error"),
        (529, anthropic.OverloadedError, "overloaded_error"),
        (599, anthropic.InternalServerError, "api_error"),
    ],
)
async def test_status_fault_hits_exactly_the_next_calls(
    offline: OfflineClaude, status: int, error: type[Any], kind: str, stream: bool
) -> None:
    offline.fail(status, times=2, message="As asked", headers={"Retry-After": "7"})
    for _ in range(2):
        with pytest.raises(error, match="As asked") as caught:
            await ask(offline, "Hello", stream=stream)
        assert caught.value.type == kind
        assert caught.value.response.headers["retry-after"] == "7"
        assert caught.value.request_id == caught.value.body["request_id"]
    await ask(offline, "Hello")
    assert [(c.status, c.error) for c in offline.calls()] == [(status, kind)] * 2 + [(200, None)]


async def test_429_carries_retry_after_and_used_up_limits(
    offline: OfflineClaude,
) -> None:
    offline.fail(429)
    with pytest.raises(anthropic.RateLimitError) as caught:
        await ask(offline, "Hello")
    headers = caught.value.response.headers
    assert (headers["retry-after"], headers["x-should-retry"]) == ("1", "true")
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"


async def test_sdk_retry_gets_past_a_fault(offline: OfflineClaude) -> None:
    offline.fail(529, headers={"retry-after": "0"})
    async with sdk(offline.url) as claude:
        await claude.with_options(max_retries=1).messages.create(**ASKED)
    assert [c.status for c in offline.calls()] == [529, 200]


async def test_fault_waits_for_its_turn(offline: OfflineClaude) -> None:
    offline.fail(529, turn=2)
    conversation: Conversation = [{"role": "user", "content": STORY}]
    conversation = answered(conversation, await ask(offline, conversation, tools=SHOP))
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        await ask(offline, conversation, tools=SHOP)
    await ask(offline, conversation, tools=SHOP)


async def test_fault_waits_for_its_question_and_model(offline: OfflineClaude) -> None:
    offline.fail(500, matching="ORDER 7")
    offline.fail(503, model="claude-haiku-5-5")
    await ask(offline, "Where is order 8?")
    with pytest.raises(anthropic.InternalServerError):
        await ask(offline, "Where is order 7?")
    with pytest.raises(anthropic.ServiceUnavailableError):
        await ask(offline, "Where is order 8?", model="claude-haiku-5-5")
    await ask(offline, "Where is order 7?", model="claude-haiku-5-5")


async def test_faults_hit_in_the_order_they_were_added(
    offline: OfflineClaude,
) -> None:
    offline.fail(500)
    offline.fail(503)
    offline.reply("refusal")
    seen: list[Any] = []
    for _ in range(4):
        try:
            seen.append((await ask(offline, "Hello")).stop_reason)
        except anthropic.APIStatusError as err:
            seen.append(err.status_code)
    assert seen == [500, 503, "refusal", "end_turn"]


async def test_refused_request_uses_up_no_fault(offline: OfflineClaude) -> None:
    offline.fail(529)
    with pytest.raises(anthropic.BadRequestError):
        await ask(offline, [])
    with pytest.raises(anthropic.OverloadedError):
        await ask(offline, "Hello")


async def test_concurrent_calls_are_hit_exactly_as_often_as_asked(
    offline: OfflineClaude,
) -> None:
    offline.fail(529, times=7)
    offline.fail(500, times=5)
    results = await asyncio.gather(*(ask(offline, "Hi") for _ in range(30)), return_exceptions=True)
    assert Counter(getattr(r, "status_code", 200) for r in results) == {529: 7, 500: 5, 200: 18}


@pytest.mark.parametrize("after", [0, 1, 4])
async def test_dropped_connection_is_a_transport_error(offline: OfflineClaude, after: int) -> None:
    offline.cut(after)
    with pytest.raises(anthropic.APIConnectionError):
        await ask(offline, "Hello")
    offline.cut(after)
    seen: list[str] = []
    with pytest.raises(httpx2.RemoteProtocolError):
        await note_events(offline, seen)
    assert len(seen) == {0: 0, 1: 1, 4: 3}[after]
    ends = {(c.state, c.status, c.error) for c in offline.calls()}
    assert ends == {("failed", 200, "connection_cut")}
    await ask(offline, "Hello")


async def test_stream_that_just_stops_has_no_stop_reason(offline: OfflineClaude) -> None:
    offline.cut(5, abruptly=False)
    message, kinds = await streamed(offline, **ASKED)
    assert message.stop_reason is None
    assert "message_stop" not in kinds


async def test_error_event_ends_the_stream_with_status_200(offline: OfflineClaude) -> None:
    offline.error_in_stream(4)
    seen: list[str] = []
    with pytest.raises(anthropic.APIStatusError, match="Overloaded") as caught:
        await note_events(offline, seen)
    assert seen == ["message_start", "content_block_start", "content_block_delta"]
    assert (caught.value.status_code, caught.value.type) == (200, "overloaded_error")
    [call] = offline.calls()
    assert (call.state, call.status, call.error) == ("failed", 200, "overloaded_error")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", anthropic.OverloadedError),
        ("rate_limit_error", anthropic.RateLimitError),
        ("api_error", anthropic.InternalServerError),
    ],
)
async def test_error_event_becomes_its_status_without_streaming(
    offline: OfflineClaude, kind: str, error: type[Exception]
) -> None:
    offline.error_in_stream(2, type=kind)
    with pytest.raises(error):
        await ask(offline, "Hello")


async def test_reset_forgets_faults_and_calls(offline: OfflineClaude) -> None:
    offline.fail(500, times=9)
    offline.reset()
    await ask(offline, "Hello")
    assert len(offline.calls()) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda claude: claude.fail(200), "status: Input should be greater than or equal to 400"),
        (lambda claude: claude.fail(500, times=0), "times: Input should be greater"),
        (lambda claude: claude.fail(500, turn=0), "turn: Input should be greater"),
        (lambda claude: claude.fail(500, times="2"), "times: Input should be a valid integer"),
        (lambda claude: claude.fail(500, headers={"a": "b\r\nc: d"}), "can't be sent as a header"),
        (lambda claude: claude.fail(500, headers={"content-length": "1"}), "belongs to the server"),
        (lambda claude: claude.slow(-1), "latency_seconds: Input should be greater"),
        (lambda claude: claude.slow(float("inf")), "not valid JSON"),
        (lambda claude: claude.cut(-1), "cut_after: Input should be greater"),
        (lambda claude: claude.error_in_stream(-1), "error_after: Input should be greater"),
        (lambda claude: claude.reply("rude"), "reply: Input should be 'malformed_input'"),
    ],
)
def test_senseless_fault_is_refused(
    offline: OfflineClaude, wrong: Callable[[OfflineClaude], None], message: str
) -> None:
    with pytest.raises(ValueError, match="refused POST /_offline/faults") as caught:
        wrong(offline)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ([], "A fault is a JSON object"),
        ({"times": 2}, "A fault does something"),
        ({"status": 500, "cut_after": 1}, "ends in one way only"),
        ({"cut_after": 1, "error_after": 1}, "ends in one way only"),
        ({"status": 500, "reply": "empty"}, "ends in one way only"),
        ({"latency_seconds": 1, "message": "x"}, "they need a status or error_after"),
        ({"statuss": 500}, "statuss: Extra inputs are not permitted"),
    ],
)
def test_contradictory_fault_is_refused(
    offline: OfflineClaude, fault: object, message: str
) -> None:
    response = offline_server.raw(offline, fault, "/_offline/faults")
    assert response.status_code == 400
    assert message in response.json()["error"]["message"]
