"""Faults on demand, and the log of calls."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import anthropic
import pytest

from agentkit.classroom.offline import OfflineClaude
from tests import offline_server
from tests.offline_server import (
    HI,
    MODEL,
    SHOP,
    STORY,
    Conversation,
    answered,
    ask,
)

log_path, url, offline = offline_server.log_path, offline_server.url, offline_server.offline


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
        (400, anthropic.BadRequestError, "invalid_request_error"),
    ],
)
async def test_the_next_calls_fail_as_asked_and_then_no_more(
    offline: OfflineClaude, status: int, error: type[anthropic.APIStatusError], kind: str
) -> None:
    offline.fail(status, times=2, message="As asked", headers={"retry-after": "7"})
    for _ in range(2):
        with pytest.raises(error, match="As asked") as caught:
            await ask(offline, "Hello")
        assert caught.value.type == kind
        assert caught.value.response.headers["retry-after"] == "7"
    await ask(offline, "Hello")
    assert [c.status for c in offline.calls()] == [status, status, 200]


async def test_a_fault_can_wait_for_a_turn(offline: OfflineClaude) -> None:
    offline.fail(529, turn=2)
    conversation: Conversation = [{"role": "user", "content": STORY}]
    conversation = answered(conversation, await ask(offline, conversation, tools=SHOP))
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        await ask(offline, conversation, tools=SHOP)
    await ask(offline, conversation, tools=SHOP)


async def test_reset_forgets_faults_and_calls(offline: OfflineClaude) -> None:
    offline.fail(500, times=9)
    offline.reset()
    await ask(offline, "Hello")
    assert len(offline.calls()) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda claude: claude.fail(200),
        lambda claude: claude.fail(500, times=0),
        lambda claude: claude.fail(500, headers={"a": "b\r\nc: d"}),
        lambda claude: claude.slow(-1),
        lambda claude: claude.slow(float("inf")),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    offline: OfflineClaude, wrong: Callable[[OfflineClaude], None]
) -> None:
    with pytest.raises(ValueError, match="refused POST /_offline/faults"):
        wrong(offline)


async def test_a_slow_call_is_logged_when_it_starts_and_when_its_client_goes(
    offline: OfflineClaude,
) -> None:
    offline.slow(600)
    body = json.dumps({"model": MODEL, "max_tokens": 99, "messages": [HI]}).encode()
    head = (
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: offline\r\n"
        f"anthropic-version: 2023-06-01\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    host, port = offline.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode() + body)
        call = offline.wait_for(lambda c: c.state == "answering", timeout=10)
        assert (call.question, call.finished_at) == ("Hello", None)
        with pytest.raises(TimeoutError, match="question='Hello'"):
            offline.wait_for(lambda c: c.state == "answered", timeout=0)
    gone = offline.wait_for(lambda c: c.state == "disconnected", timeout=10)
    assert gone.seq == call.seq
    assert gone.finished_at is not None


async def test_the_log_file_tells_each_call_from_start_to_end(
    offline: OfflineClaude, log_path: Path
) -> None:
    await ask(offline, STORY, tools=SHOP)
    [call] = offline.calls()
    assert (call.state, call.status, call.stop_reason) == ("answered", 200, "tool_use")
    assert (call.model, call.messages, call.question) == (MODEL, 1, STORY[:80])
    lines = [json.loads(line) for line in log_path.read_text().splitlines()]
    states = [line["state"] for line in lines if line["seq"] == call.seq]
    assert states == ["answering", "answered"]
