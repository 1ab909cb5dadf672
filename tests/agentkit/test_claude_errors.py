"""What an error means: every row of the table, and the same over HTTP through the SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal, NamedTuple

import anthropic
import httpx2
import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from agentkit.claude import call_claude, claude_client, close_claude_client
from agentkit.claude_errors import (
    MAX_MESSAGE_CHARACTERS,
    MAX_RETRY_AFTER,
    decide,
)
from classroom.machine.ports import free_port
from offline_claude import OfflineClaude
from tests.support import canned
from tests.support.agents import HELLO

Retry = Literal["now", "after", "never"]
REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/messages")


class Decision(NamedTuple):
    """A decision, as Temporal reads it from the error."""

    retry: Retry
    wait: timedelta | None
    type: str | None
    message: str


def read(err: Any) -> Decision:
    error = decide(err)
    retry: Retry = "after" if error.next_retry_delay else "now"
    if error.non_retryable:
        retry = "never"
    return Decision(retry, error.next_retry_delay, error.type, error.message)


@pytest.fixture(autouse=True)
async def fresh_client() -> AsyncIterator[None]:
    yield
    await close_claude_client()


def decided(
    status: int,
    type: str | None = "some_error",
    *,
    message: str = "No.",
    code: str | None = None,
    **headers: str,
) -> Decision:
    """The decision about an error of the API; header names with underscores."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    error = {"type": type, "message": message, "details": {"error_code": code}}
    body = {"type": "error", "error": error}
    response = httpx2.Response(status, request=REQUEST, headers=sent, json=body)
    return read(anthropic.APIStatusError("Error code", response=response, body=body))


async def raised() -> ApplicationError:
    """What one attempt of the Activity raises."""
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(call_claude, HELLO)
    return caught.value


# By status.


@pytest.mark.parametrize(
    ("status", "retry"),
    [
        *((status, "now") for status in (408, 409, 429, 500, 501, 502, 503, 504, 529, 599)),
        *((status, "never") for status in (400, 401, 402, 403, 404, 405, 410, 412, 413, 422, 431)),
    ],
)
def test_status_decides_as_in_the_sdk(status: int, retry: Retry) -> None:
    assert decided(status).retry == retry


@pytest.mark.parametrize(
    ("status", "should_retry", "retry"),
    [
        (400, "true", "now"),
        (404, "true", "now"),
        (429, "false", "never"),
        (529, "false", "never"),
        (529, "perhaps", "now"),
        (400, "", "never"),
    ],
)
def test_should_retry_header_overrides_the_status(
    status: int, should_retry: str, retry: Retry
) -> None:
    assert decided(status, x_should_retry=should_retry).retry == retry


# How long to wait.


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "3"}, 3),
        ({"retry_after": "0.25"}, 0.25),
        ({"retry_after_ms": "1500"}, 1.5),
        ({"retry_after_ms": "1500", "retry_after": "60"}, 1.5),
        ({"retry_after_ms": "soon", "retry_after": "2"}, 2),
        ({"retry_after_ms": "-1", "retry_after": "2"}, 2),
        ({"retry_after_ms": "nan", "retry_after": "2"}, 2),
        ({"retry_after": "0"}, None),
        ({"retry_after_ms": "0"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "-inf"}, None),
        ({"retry_after": "soon"}, None),
        ({"retry_after": ""}, None),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"retry_after": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_wait_is_read_from_either_header_and_nonsense_is_ignored(
    headers: dict[str, str], seconds: float | None
) -> None:
    decision = decided(429, **headers)
    assert decision.wait == (None if seconds is None else timedelta(seconds=seconds))
    assert decision.retry == ("now" if seconds is None else "after")
    assert decision.message == "No."


def test_wait_may_be_an_http_date() -> None:
    # HTTP's other form (RFC 9110, 10.2.3), which the SDK's own retries honour as well.
    soon = datetime.now(UTC) + timedelta(minutes=1)
    decision = decided(503, retry_after=format_datetime(soon, usegmt=True))
    assert decision.retry == "after"
    assert decision.wait is not None
    assert timedelta(seconds=50) < decision.wait <= timedelta(minutes=1)


@pytest.mark.parametrize("asked", ["86400", "1e300", "inf"])
def test_absurd_wait_is_capped_and_the_message_says_so(asked: str) -> None:
    decision = decided(429, retry_after=asked)
    assert decision.wait == MAX_RETRY_AFTER
    assert decision.message.startswith("No. (It asked for a wait of ")
    assert decision.message.endswith(" s; 300 s it is.)")


def test_permanent_failure_has_no_wait() -> None:
    decision = decided(400, retry_after="3")
    assert (decision.retry, decision.wait) == ("never", None)


# What needs a person.


@pytest.mark.parametrize(
    ("status", "type", "code"),
    [
        (402, "billing_error", None),
        (402, "billing_error", "linked_organization_billing_unavailable"),
        (429, "rate_limit_error", "enforced_spend_limit_reached"),
        (429, "rate_limit_error", "contract_spend_limit_reached"),
        (429, "rate_limit_error", "linked_organization_spend_limit_reached"),
        (429, "billing_error", None),
        (200, "rate_limit_error", "enforced_spend_limit_reached"),
    ],
)
def test_spend_limit_is_never_retried(status: int, type: str, code: str | None) -> None:
    assert decided(status, type, code=code, retry_after="1", x_should_retry="true").retry == "never"


def test_ramp_limit_is_retried_after_its_wait() -> None:
    decision = decided(429, "rate_limit_error", code="ramp_limit_exceeded", retry_after="9")
    assert (decision.retry, decision.wait) == ("after", timedelta(seconds=9))


def test_every_spend_limit_code_of_the_sdk_is_recognized() -> None:
    codes = [
        error.model_fields["error_code"].annotation.__args__[0]
        for name, error in vars(anthropic.types.shared).items()
        if name.endswith("ErrorDetails") and hasattr(error, "model_fields")
    ]
    money = [code for code in codes if "spend_limit" in code or "billing" in code]
    assert len(money) >= 3
    assert [decided(429, code=code).retry for code in money] == ["never"] * len(money)


# In the middle of a stream.


@pytest.mark.parametrize(
    ("type", "retry"),
    [
        ("overloaded_error", "now"),
        ("api_error", "now"),
        ("rate_limit_error", "now"),
        ("timeout_error", "now"),
        (None, "now"),
        ("invalid_request_error", "never"),
        ("authentication_error", "never"),
        ("an_error_of_next_year", "never"),
    ],
)
def test_error_in_mid_stream_is_decided_by_its_type(type: str | None, retry: Retry) -> None:
    # The headers belong to the success that the stream began as.
    decision = decided(200, type, retry_after="60", x_should_retry="false")
    assert (decision.retry, decision.wait) == (retry, None)


@pytest.mark.parametrize(
    ("err", "type"),
    [
        (anthropic.APITimeoutError(REQUEST), "timeout"),
        (httpx2.ReadTimeout("slow"), "timeout"),
        (anthropic.APIConnectionError(request=REQUEST), "connection_error"),
        (httpx2.RemoteProtocolError("peer closed"), "connection_cut"),
        (httpx2.ReadError("reset"), "connection_cut"),
        (httpx2.DecodingError("gzip"), "connection_cut"),
    ],
)
def test_transport_errors_are_retried(err: Any, type: str) -> None:
    decision = read(err)
    assert (decision.retry, decision.wait, decision.type) == ("now", None, type)


# Words.


def test_message_and_type_are_those_of_the_api() -> None:
    decision = decided(404, "not_found_error", message="model: claude-1")
    assert (decision.type, decision.message) == ("not_found_error", "model: claude-1")


def test_proxy_error_page_is_described_but_not_quoted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    response = httpx2.Response(502, request=REQUEST, text="<h1>You sent: my secret prompt</h1>")
    decision = read(anthropic.InternalServerError(response.text, response=response, body=None))
    assert (decision.retry, decision.type) == ("now", "http_502")
    assert decision.message == (
        "api.anthropic.com answered 502 Bad Gateway, without the API's own error: is there a proxy?"
    )


def test_keys_are_removed_from_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key-of-mine")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-of-mine")
    said = "key-of-mine, token-of-mine and sk-ant-api03-An_other-1 are no good."
    assert decided(401, message=said).message == "[key], [key] and [key] are no good."


@pytest.mark.parametrize("odd", [None, "", 5, True, [], {"a": 1}, "\ud800", "x" * 9_000, "a\nb"])
async def test_odd_type_and_words_still_make_an_error_that_temporal_carries(odd: Any) -> None:
    response = httpx2.Response(529, request=REQUEST)
    for error in ({"type": odd, "message": "No."}, {"type": "e", "message": odd}, odd):
        body = {"type": "error", "error": error}
        decided = decide(anthropic.APIStatusError("Error", response=response, body=body))
        assert decided.type in ("http_529", "e")
        failure = Failure()
        await DataConverter.default.encode_failure(decided, failure)
        assert failure.message == decided.message
        assert 0 < len(failure.message) <= MAX_MESSAGE_CHARACTERS


def test_long_message_is_truncated() -> None:
    message = decided(400, message="x" * 1_000_000).message
    assert len(message) == MAX_MESSAGE_CHARACTERS
    assert message.endswith("x…")


# The same over HTTP.


@pytest.mark.parametrize(
    ("status", "headers", "type", "non_retryable", "seconds"),
    [
        (400, {}, "invalid_request_error", True, None),
        (401, {}, "authentication_error", True, None),
        (402, {}, "billing_error", True, None),
        (403, {}, "permission_error", True, None),
        (404, {}, "not_found_error", True, None),
        (413, {}, "request_too_large", True, None),
        (422, {}, "invalid_request_error", True, None),
        (408, {}, "invalid_request_error", False, None),
        (409, {}, "conflict_error", False, None),
        (429, {"retry-after": "7"}, "rate_limit_error", False, 7),
        (429, {"retry-after-ms": "250"}, "rate_limit_error", False, 0.25),
        (429, {"retry-after": "99999"}, "rate_limit_error", False, 300),
        (429, {"retry-after": "nan"}, "rate_limit_error", False, None),
        (429, {"x-should-retry": "false"}, "rate_limit_error", True, None),
        (400, {"x-should-retry": "true"}, "invalid_request_error", False, None),
        (500, {}, "api_error", False, None),
        (504, {}, "timeout_error", False, None),
        (529, {"retry-after": "1"}, "overloaded_error", False, 1),
    ],
)
async def test_status_over_http_gives_the_expected_error(
    claude: OfflineClaude,
    status: int,
    headers: dict[str, str],
    type: str,
    non_retryable: bool,
    seconds: float | None,
) -> None:
    claude.fail(status, message="Words of the API.", headers=headers)
    error = await raised()
    assert (error.type, error.non_retryable) == (type, non_retryable)
    assert error.message.startswith("Words of the API.")
    wait = timedelta(seconds=seconds) if seconds is not None else None
    assert error.next_retry_delay == wait
    assert len(claude.calls()) == 1


async def test_http_date_over_http_becomes_a_wait(claude: OfflineClaude) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=2)
    claude.fail(503, headers={"retry-after": format_datetime(soon, usegmt=True)})
    delay = (await raised()).next_retry_delay
    assert delay is not None
    assert timedelta(seconds=60) < delay <= timedelta(minutes=2)


async def test_spend_limit_over_http_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = canned.error(
        429,
        "rate_limit_error",
        "Your organization has reached its limit.",
        code="enforced_spend_limit_reached",
        retry_after="1",
        x_should_retry="true",
    )
    async with canned.answering(monkeypatch, limit):
        error = await raised()
    assert (error.type, error.non_retryable) == ("rate_limit_error", True)
    assert error.message == "Your organization has reached its limit."


async def test_error_in_mid_stream_over_http_is_raised(claude: OfflineClaude) -> None:
    claude.error_in_stream(4, type="overloaded_error", message="Overloaded")
    error = await raised()
    assert (error.type, error.message) == ("overloaded_error", "Overloaded")
    assert not error.non_retryable
    claude.error_in_stream(4, type="invalid_request_error", message="No such thing.")
    assert (await raised()).non_retryable


@pytest.mark.parametrize("abruptly", [True, False])
@pytest.mark.parametrize("after", [0, 1, 5])
async def test_cut_stream_over_http_is_not_a_reply(
    claude: OfflineClaude, after: int, abruptly: bool
) -> None:
    claude.cut(after, abruptly=abruptly)
    error = await raised()
    assert error.type == "connection_cut"
    assert not error.non_retryable
    assert error.message == "The connection to 127.0.0.1 ended before the reply was whole."


async def test_slow_answer_over_http_is_a_timeout(claude: OfflineClaude) -> None:
    claude.slow(30)
    claude_client().timeout = 0.2
    error = await raised()
    assert (error.type, error.non_retryable) == ("timeout", False)
    assert error.message == "127.0.0.1 didn't answer in time."


async def test_refused_connection_names_the_host_and_is_retried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://user:secret@127.0.0.1:{free_port(0)}/path")
    error = await raised()
    assert (error.type, error.non_retryable) == ("connection_error", False)
    assert error.message == (
        "Can't reach Claude at 127.0.0.1: Connection error. Check the network, or the address in "
        "ANTHROPIC_BASE_URL."
    )
