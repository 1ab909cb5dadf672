"""The Claude Activity under a Worker: what is tried again, what is sent, what is too large."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from agentkit import ClaudeReply, ToolCall, claude_activity, text_of, tool, user_message
from agentkit.claude import (
    DEFAULT_MODEL,
    call_claude,
    close_claude_client,
    default_model,
)
from agentkit.limits import MAX_PAYLOAD_BYTES
from agentkit.messages import ClaudeRequest, PinnedPrompt, tool_result
from offline_claude import OfflineClaude
from tests.support import canned
from tests.support.agents import HELLO, OneCall, Oversize, cause_of, desk


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
async def test_transient_status_is_retried(claude: OfflineClaude, status: int) -> None:
    claude.fail(status, headers={"retry-after": "0"} if status == 429 else {})
    async with desk() as running:
        reply = await running.run(OneCall.run, HELLO)
    assert text_of(reply)
    assert [c.status for c in claude.calls()] == [status, 200]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
async def test_permanent_status_fails_without_retry(claude: OfflineClaude, status: int) -> None:
    claude.fail(status, type="type_of_the_api", message="Words of the API.")
    async with desk() as running:
        with pytest.raises(WorkflowFailureError) as failed:
            await running.run(OneCall.run, HELLO)
    cause = cause_of(failed.value)
    assert cause.message == "Words of the API."
    assert cause.type == "type_of_the_api"
    assert [c.status for c in claude.calls()] == [status]


async def test_retry_waits_as_long_as_the_api_asked(claude: OfflineClaude) -> None:
    claude.fail(429, headers={"retry-after": "1.5"})
    async with desk() as running:
        await running.run(OneCall.run, HELLO)
    first, second = claude.calls()
    assert first.finished_at is not None
    assert second.started_at - first.finished_at >= 1.5


async def test_wait_beyond_the_total_timeout_fails_at_once(claude: OfflineClaude) -> None:
    claude.fail(429, headers={"retry-after": "290"}, message="Come back later.", times=9)
    async with desk() as running:  # whose runs may take 40 s
        with pytest.raises(WorkflowFailureError) as failed:
            await asyncio.wait_for(running.run(OneCall.run, HELLO), 20)
    assert cause_of(failed.value).message == "Come back later."
    assert len(claude.calls()) == 1


async def test_one_attempt_makes_one_http_call(claude: OfflineClaude) -> None:
    claude.fail(500, times=5)
    error = await refused()
    assert error.type == "api_error"
    assert not error.non_retryable
    assert len(claude.calls()) == 1


async def test_model_comes_from_the_request_else_from_the_environment(
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


@tool(effect="none")
async def find_order(order_id: int) -> str:
    """Find an order.

    Args:
        order_id: The order's number.
    """
    return ""


WORKER = claude_activity("Be brief.", [find_order], model="claude-opus-5-5", max_tokens=1)


async def call_worker(**overrides: Any) -> ClaudeReply:
    request = ClaudeRequest([user_message("Order 1042?")], **overrides)
    reply = await ActivityEnvironment().run(WORKER, request)
    assert isinstance(reply, ClaudeReply)
    return reply


async def test_activity_sends_what_the_worker_was_given(claude: OfflineClaude) -> None:
    assert (await call_worker()).stop_reason == "max_tokens"
    (call,) = claude.calls()
    assert (call.system, call.offered, call.model) == (
        "Be brief.",
        ("find_order",),
        "claude-opus-5-5",
    )


async def test_request_overrides_what_the_worker_was_given(claude: OfflineClaude) -> None:
    reply = await call_worker(
        system="Be long.", tools=[], model="claude-haiku-5-5", max_tokens=1000
    )
    assert reply.stop_reason == "end_turn"
    (call,) = claude.calls()
    assert (call.system, call.offered, call.model) == ("Be long.", (), "claude-haiku-5-5")


async def test_request_without_a_system_prompt_can_be_made_on_purpose(
    claude: OfflineClaude,
) -> None:
    await call_worker(system="")
    assert claude.calls()[0].system == ""


async def test_pinned_prompt_is_refused_by_a_worker_that_knows_none(claude: OfflineClaude) -> None:
    with pytest.raises(ApplicationError, match="pinned to support@01234567") as refused:
        await call_worker(prompt=PinnedPrompt("support", "sha256:0123456789"))
    assert refused.value.non_retryable
    assert "prompt_activities" in refused.value.message
    assert claude.calls() == []


async def test_result_that_is_still_a_reference_never_reaches_the_api(
    claude: OfflineClaude,
) -> None:
    kept = tool_result(ToolCall("toolu_1", "find_order", {}), {"kept": "sha256:ab"})
    with pytest.raises(ApplicationError, match="toolu_1 is kept in a store, as sha256:ab") as no:
        await call(ClaudeRequest([user_message("Hi"), user_message([kept])]))
    assert no.value.non_retryable
    assert claude.calls() == []


# Limits.


async def test_oversize_request_fails_in_the_workflow_before_it_is_scheduled(
    claude: OfflineClaude,
) -> None:
    # Without the check this Workflow Task fails and is tried again for ever.
    async with desk() as running:
        handle = await running.start(Oversize.run)
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        history = (await handle.fetch_history()).to_json()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.non_retryable) == ("request_too_large", True)
    assert "bytes; at most 2,000,000 fit into Temporal's history." in cause.message
    assert "Shorten the conversation" in cause.message
    assert "ACTIVITY_TASK_SCHEDULED" not in history
    assert claude.calls() == []


async def test_request_just_below_the_limit_is_sent(claude: OfflineClaude) -> None:
    fits = ClaudeRequest([user_message("Hello " + "x" * (MAX_PAYLOAD_BYTES - 300))])
    async with desk() as running:
        await running.run(OneCall.run, fits)
    assert [c.status for c in claude.calls()] == [200]


async def test_oversize_reply_fails_without_retry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    huge = canned.tool_use('{"reason": "', *["x" * 700_000] * 3, '"}')
    async with canned.answering(monkeypatch, huge) as requests, desk() as running:
        with pytest.raises(WorkflowFailureError) as failed:
            await running.run(OneCall.run, HELLO)
    cause = cause_of(failed.value)
    assert (cause.type, cause.non_retryable) == ("reply_too_large", True)
    assert cause.message.startswith("ClaudeReply has 2,1")
    assert len(requests) == 1
