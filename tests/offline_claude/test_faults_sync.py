"""Faults in a plain script: the SDK's synchronous client, whole and streamed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest

from offline_claude import OfflineClaude
from tests.support.offline_server import MODEL, SHOP, STORY, user

STATUSES: list[tuple[int, type[anthropic.APIStatusError]]] = [
    (400, anthropic.BadRequestError),
    (401, anthropic.AuthenticationError),
    (402, anthropic.PaymentRequiredError),
    (403, anthropic.PermissionDeniedError),
    (404, anthropic.NotFoundError),
    (408, anthropic.RequestTimeoutError),
    (409, anthropic.ConflictError),
    (413, anthropic.ContentTooLargeError),
    (422, anthropic.UnprocessableEntityError),
    (429, anthropic.RateLimitError),
    (500, anthropic.InternalServerError),
    (503, anthropic.ServiceUnavailableError),
    (504, anthropic.GatewayTimeoutError),
    (529, anthropic.OverloadedError),
]


ASKED: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 900,
    "messages": [user(STORY)],
    "tools": SHOP,
}


def whole(offline: OfflineClaude, timeout: float = 60) -> anthropic.types.Message:
    with _client(offline, timeout) as claude:
        reply = claude.messages.create(**ASKED)
    assert isinstance(reply, anthropic.types.Message)
    return reply


def streamed(offline: OfflineClaude, timeout: float = 60) -> anthropic.types.Message:
    with _client(offline, timeout) as claude, claude.messages.stream(**ASKED) as stream:
        return stream.get_final_message()


def _client(offline: OfflineClaude, timeout: float) -> anthropic.Anthropic:
    plain: Any = anthropic.DefaultHttpxClient(trust_env=False, verify=False)
    return anthropic.Anthropic(
        base_url=offline.url, api_key="offline", max_retries=0, http_client=plain, timeout=timeout
    )


Call = Callable[..., anthropic.types.Message]
both_ways = pytest.mark.parametrize("call", [whole, streamed])


@both_ways
@pytest.mark.parametrize(("status", "error"), STATUSES)
def test_each_status_raises_its_class_of_the_sdk(
    offline: OfflineClaude, call: Call, status: int, error: type[anthropic.APIStatusError]
) -> None:
    offline.fail(status, headers={"retry-after": "3"})
    with pytest.raises(error) as caught:
        call(offline)
    assert (caught.value.status_code, caught.value.response.headers["retry-after"]) == (status, "3")
    assert call(offline).stop_reason == "tool_use"


@both_ways
def test_slow_reply_is_a_timeout(offline: OfflineClaude, call: Call) -> None:
    offline.slow(30)
    with pytest.raises(anthropic.APITimeoutError):
        call(offline, timeout=0.2)
    assert call(offline).stop_reason == "tool_use"


@both_ways
def test_dropped_connection_is_a_transport_error(offline: OfflineClaude, call: Call) -> None:
    offline.cut()
    with pytest.raises((anthropic.APIConnectionError, httpx2.RemoteProtocolError)):
        call(offline)
    assert call(offline).stop_reason == "tool_use"


def test_error_event_is_a_status_error_with_its_type(offline: OfflineClaude) -> None:
    offline.error_in_stream(3)
    with pytest.raises(anthropic.APIStatusError) as caught:
        streamed(offline)
    assert (caught.value.status_code, caught.value.type) == (200, "overloaded_error")
    offline.error_in_stream(3)
    with pytest.raises(anthropic.OverloadedError):
        whole(offline)


@both_ways
@pytest.mark.parametrize(
    ("kind", "stop_reason"),
    [
        ("refusal", "refusal"),
        ("pause_turn", "pause_turn"),
        ("max_tokens", "max_tokens"),
        ("model_context_window_exceeded", "model_context_window_exceeded"),
        ("empty", "end_turn"),
        ("malformed_input", "tool_use"),
        ("unknown_tool", "tool_use"),
    ],
)
def test_odd_reply_is_parsed_like_any_other(
    offline: OfflineClaude, call: Call, kind: Any, stop_reason: str
) -> None:
    offline.reply(kind)
    assert call(offline).stop_reason == stop_reason
    assert call(offline).stop_reason == "tool_use"
