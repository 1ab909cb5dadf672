"""The Claude Activity: which answers are worth another attempt, and whose key goes where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import cast

import anthropic
import httpx2
import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from agentkit import ClaudeReply, ClaudeRequest, call_claude, default_model, text_of, user_message
from agentkit.classroom.offline import OfflineClaude
from agentkit.classroom.processes import free_port
from agentkit.claude import (
    DEFAULT_MODEL,
    MAX_RETRY_AFTER,
    _retry_decision,
    close_claude_client,
)
from tests.agents import HELLO, OneCall, cause_of, desk


@pytest.fixture(autouse=True)
async def fresh_client() -> AsyncIterator[None]:
    yield
    await close_claude_client()


async def call(request: ClaudeRequest = HELLO) -> ClaudeReply:
    """Run one attempt of the Activity, outside a Worker."""
    reply = await ActivityEnvironment().run(call_claude, request)
    assert isinstance(reply, ClaudeReply)
    return reply


async def refused(request: ClaudeRequest = HELLO) -> ApplicationError:
    with pytest.raises(ApplicationError) as raised:
        await call(request)
    return raised.value


# Retry decisions, as the server carries them out.


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
async def test_a_passing_fault_is_tried_again(claude: OfflineClaude, status: int) -> None:
    claude.fail(status, headers={"retry-after": "0"} if status == 429 else {})
    async with desk() as running:
        reply = await running.run(OneCall.run, HELLO)
    assert text_of(reply.content)
    assert [c.status for c in claude.calls()] == [status, 200]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
async def test_what_another_attempt_cannot_help_fails_at_once(
    claude: OfflineClaude, status: int
) -> None:
    claude.fail(status, type="type_of_the_api", message="Words of the API.")
    async with desk() as running:
        with pytest.raises(WorkflowFailureError) as failed:
            await running.run(OneCall.run, HELLO)
    cause = cause_of(failed.value)
    assert cause.message == f"Claude answered {status} type_of_the_api: Words of the API."
    assert cause.type == "type_of_the_api"
    assert [c.status for c in claude.calls()] == [status]


async def test_the_wait_that_the_api_asks_for_is_kept(claude: OfflineClaude) -> None:
    claude.fail(429, headers={"retry-after": "1.5"})
    async with desk() as running:
        await running.run(OneCall.run, HELLO)
    first, second = claude.calls()
    assert first.finished_at is not None
    assert second.started_at - first.finished_at >= 1.5


async def test_one_attempt_is_one_http_call(claude: OfflineClaude) -> None:
    claude.fail(500, times=5)
    error = await refused()
    assert error.type == "api_error"
    assert not error.non_retryable
    assert len(claude.calls()) == 1


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("3", timedelta(seconds=3)),
        ("0.25", timedelta(seconds=0.25)),
        ("0", timedelta(0)),
        ("86400", MAX_RETRY_AFTER),
        ("1e300", MAX_RETRY_AFTER),
        ("inf", MAX_RETRY_AFTER),
        ("nan", None),
        ("-5", None),
        ("soon", None),
        (None, None),
    ],
)
def test_the_wait_is_read_from_retry_after_and_capped(
    retry_after: str | None, wait: timedelta | None
) -> None:
    assert _decided(429, retry_after).next_retry_delay == wait


def test_a_wait_until_a_date_is_read_too() -> None:
    # HTTP's other form (RFC 9110, 10.2.3), which the SDK's own retries honour as well.
    soon = datetime.now(UTC) + timedelta(minutes=1)
    wait = _decided(503, format_datetime(soon, usegmt=True)).next_retry_delay
    assert wait is not None
    assert timedelta(seconds=50) < wait <= timedelta(minutes=1)


def test_a_failure_for_good_asks_for_no_wait() -> None:
    error = _decided(400, "3")
    assert error.non_retryable
    assert error.next_retry_delay is None


def test_an_answer_that_is_no_api_error_keeps_its_status_and_words() -> None:
    response = httpx2.Response(502, request=_REQUEST, text="<h1>Bad gateway</h1>")
    error = _retry_decision(
        anthropic.InternalServerError("Bad gateway", response=response, body=None)
    )
    assert (error.type, error.non_retryable) == ("http_502", False)
    assert error.message == "Claude answered 502: Bad gateway"


_REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/messages")


def _decided(status: int, retry_after: str | None) -> ApplicationError:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    body = {"type": "error", "error": {"type": "some_error", "message": "No."}}
    response = httpx2.Response(status, request=_REQUEST, headers=headers, json=body)
    return _retry_decision(anthropic.APIStatusError("No.", response=response, body=body))


async def test_a_refused_connection_is_told_plainly_and_worth_another_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://user:secret@127.0.0.1:{free_port(0)}/path")
    error = await refused()
    assert (error.type, error.non_retryable) == ("connection_error", False)
    assert error.message == (
        "Can't reach Claude at 127.0.0.1: Connection error. Check the network, or the address in "
        "ANTHROPIC_BASE_URL."
    )


async def test_a_model_is_named_by_the_request_else_by_the_environment(
    claude: OfflineClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_model() == DEFAULT_MODEL
    monkeypatch.setenv("AGENTKIT_MODEL", "claude-haiku-5-5")
    assert default_model() == "claude-haiku-5-5"
    named = ClaudeRequest([user_message("Hello")], model="claude-opus-5-5")
    models = [(await call(request)).model for request in (HELLO, named)]
    assert models == ["claude-haiku-5-5", "claude-opus-5-5"] == [c.model for c in claude.calls()]
    monkeypatch.setenv("AGENTKIT_MODEL", "")
    assert default_model() == DEFAULT_MODEL


async def test_system_prompt_tools_and_limit_reach_the_api(claude: OfflineClaude) -> None:
    short = ClaudeRequest(
        [user_message("Order 1042?")],
        system="Be brief.",
        tools=[{"name": "find_order", "input_schema": cast("dict[str, object]", _SCHEMA)}],
        max_tokens=1000,
    )
    reply = await call(short)
    assert reply.stop_reason == "tool_use"
    assert reply.usage.input_tokens > (await call(HELLO)).usage.input_tokens


_SCHEMA = {
    "type": "object",
    "properties": {"order_id": {"type": "integer"}},
    "required": ["order_id"],
}
