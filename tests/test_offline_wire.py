"""The offline Claude over real HTTP, with the real SDK, in a process of its own."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import anthropic
import pytest
from anthropic.types.model_param import ModelParam

from agentkit.classroom.home import ClassroomError
from agentkit.classroom.offline import OfflineClaude
from agentkit.classroom.offline.models import MODEL_IDS
from tests import offline_server
from tests.offline_server import (
    MODEL,
    SERVE,
    SHOP,
    STORY,
    ask,
    calls_of,
    raw,
    running,
    sdk,
    text_of,
)

log_path, url, offline = offline_server.log_path, offline_server.url, offline_server.offline


async def test_a_reply_is_cut_at_max_tokens_and_at_stop_sequences(offline: OfflineClaude) -> None:
    cut = await ask(offline, "Who are you?", max_tokens=3)
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 3)
    stopped = await ask(offline, "Who are you?", stop_sequences=["stand-in"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "stand-in")
    assert text_of(stopped).endswith("a deterministic ")


async def test_a_stream_has_all_events_in_the_apis_order(offline: OfflineClaude) -> None:
    whole = await ask(offline, STORY, tools=SHOP)
    message: Any = {"role": "user", "content": STORY}
    async with (
        sdk(offline.url) as claude,
        claude.messages.stream(
            model=MODEL,
            max_tokens=1024,
            messages=[message],
            tools=SHOP,  # type: ignore[arg-type]
        ) as stream,
    ):
        final = await stream.get_final_message()
    assert (text_of(final), calls_of(final)) == (text_of(whole), calls_of(whole))
    assert final.stop_reason == "tool_use"
    assert final.usage.output_tokens == whole.usage.output_tokens
    body = {"model": MODEL, "max_tokens": 99, "stream": True, "messages": [message]}
    response = raw(offline, body)
    kinds = re.findall(r"^event: (\w+)$", response.text, re.MULTILINE)
    assert kinds[:3] == ["message_start", "content_block_start", "ping"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert kinds.count("content_block_delta") > 1
    assert [c.state for c in offline.calls()] == ["answered"] * 3


async def test_success_shows_request_id_rate_limits_and_usage(offline: OfflineClaude) -> None:
    async with sdk(offline.url) as claude:
        response = await claude.messages.with_raw_response.create(
            model=MODEL, max_tokens=99, messages=[{"role": "user", "content": "Hello"}]
        )
    assert response.headers["request-id"].startswith("req_")
    for kind in ("requests", "tokens", "input-tokens", "output-tokens"):
        for value in ("limit", "remaining", "reset"):
            assert response.headers[f"anthropic-ratelimit-{kind}-{value}"]
    message = await response.parse()
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


async def test_tokens_are_counted_as_usage_counts_them(offline: OfflineClaude) -> None:
    message: Any = {"role": "user", "content": STORY}
    async with sdk(offline.url) as claude:
        counted = await claude.messages.count_tokens(model=MODEL, messages=[message])
        with pytest.raises(anthropic.BadRequestError, match="at least one message"):
            await claude.messages.count_tokens(model=MODEL, messages=[])
    assert counted.input_tokens == (await ask(offline, STORY)).usage.input_tokens


async def test_the_models_are_the_sdks_own(offline: OfflineClaude) -> None:
    assert set(MODEL_IDS) == set(get_args(get_args(ModelParam)[0]))
    async with sdk(offline.url) as claude:
        assert [m.id async for m in claude.models.list()] == list(MODEL_IDS)
        assert (await claude.models.retrieve(MODEL)).id == MODEL
        with pytest.raises(anthropic.NotFoundError):
            await claude.models.retrieve("claude-nope")


async def test_the_sdks_tool_runner_falls_back_from_threads_to_whole_conversations(
    offline: OfflineClaude,
) -> None:
    @anthropic.beta_async_tool
    async def find_order(order_id: int) -> str:
        """Look up an order.

        Args:
            order_id: Its number.
        """
        return json.dumps({"order_id": order_id, "status": "shipped"})

    async with sdk(offline.url) as claude:
        runner = claude.beta.messages.tool_runner(
            model=MODEL,
            max_tokens=500,
            tools=[find_order],
            messages=[{"role": "user", "content": "What is in order 1042?"}],
        )
        final = await runner.until_done()
    [block] = final.content
    assert block.type == "text"
    assert "status: shipped" in block.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly_with_a_call_in_flight(
    tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "calls.jsonl"
    with running(log) as (url, process):
        claude = OfflineClaude(url)
        claude.slow(600)
        body = b'{"model": "%s", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}'
        content = body % MODEL.encode()
        head = (
            "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: offline\r\n"
            f"anthropic-version: 2023-06-01\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as client:
            client.sendall(head.encode() + content)
            claude.wait_for(lambda c: c.state == "answering", timeout=10)
            process.send_signal(number)
            assert process.wait(5) == 0
    assert json.loads(log.read_text().splitlines()[-1])["state"] == "failed"


def test_a_port_that_is_taken_is_said_plainly(url: str, tmp_path: Path) -> None:
    port = url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-c", SERVE, port, str(tmp_path / "x")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"ClassroomError: The offline Claude can't use port {port}" in done.stderr
    assert "python -m agentkit offline --port 0" in done.stderr


def test_the_client_ignores_proxies_and_says_plainly_when_nobody_answers(
    offline: OfflineClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert OfflineClaude(offline.url).calls() == []
    with pytest.raises(ClassroomError, match="python -m agentkit up"):
        OfflineClaude("http://127.0.0.1:1").calls()


def test_the_client_needs_neither_the_web_server_nor_the_sdk() -> None:
    heavy = "{'starlette', 'uvicorn', 'anthropic'}"
    code = f"import sys, agentkit.classroom.offline; assert not {heavy} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_server_needs_no_sdk() -> None:
    code = "import sys, agentkit.classroom.offline.server; assert 'anthropic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
