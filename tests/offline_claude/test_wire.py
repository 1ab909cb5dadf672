"""The offline Claude over real HTTP, with the real SDK, in a process of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from offline_claude import OfflineClaude
from offline_claude.errors import OfflineClaudeError
from tests.support.offline_server import (
    HI,
    MODEL,
    SERVE,
    SHOP,
    STORY,
    TOKEN,
    ask,
    calls_of,
    connect,
    error_of,
    hello,
    http,
    raw,
    running,
    sdk,
    served,
    text_of,
    user,
)


async def test_stream_has_all_events_in_the_order_of_the_api(offline: OfflineClaude) -> None:
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_the_server_cleanly_with_a_call_in_flight(
    tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "calls.jsonl"
    with running(log) as (url, process):
        claude = OfflineClaude(url, TOKEN)
        claude.slow(600)
        with connect(claude) as client:
            client.sendall(http(hello()))
            claude.wait_for(lambda c: c.state == "answering", timeout=30)
            process.send_signal(number)
            assert process.wait(5) == 0
    assert json.loads(log.read_text().splitlines()[-1])["state"] == "failed"


def test_taken_port_is_reported_with_a_remedy(url: str, tmp_path: Path) -> None:
    port = url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-c", SERVE, port, str(tmp_path / "x")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"OfflineClaudeError: The offline Claude can't use port {port}" in done.stderr
    assert "python -m offline_claude --port 0" in done.stderr


def test_client_ignores_proxies_and_reports_that_nothing_answers(
    offline: OfflineClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert OfflineClaude(offline.url, TOKEN).calls() == []
    with pytest.raises(OfflineClaudeError, match="python -m offline_claude"):
        OfflineClaude("http://127.0.0.1:1").calls()


def test_client_imports_neither_web_server_nor_sdk() -> None:
    heavy = "{'starlette', 'uvicorn', 'anthropic'}"
    code = f"import sys, offline_claude; assert not {heavy} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_server_starts_without_importing_the_sdk() -> None:
    code = "import sys, offline_claude.server; assert 'anthropic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "BREW"])
def test_other_method_is_not_allowed(offline: OfflineClaude, method: str) -> None:
    with httpx2.Client(trust_env=False, verify=False, timeout=60) as client:
        response = client.request(method, f"{offline.url}/v1/messages")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    if method != "HEAD":
        assert error_of(response)["message"] == "Method Not Allowed"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/", "Not Found"),
        ("/v1/nope", "Not Found"),
        ("/v1/messages/", "Not Found"),
        ("/v1/messages/batches", "The offline Claude doesn't do message batches"),
        ("/v1/files/file_1/content", "The offline Claude doesn't do files"),
        ("/v1/complete", "doesn't do the old text completions"),
    ],
)
def test_unknown_path_is_not_found(offline: OfflineClaude, path: str, message: str) -> None:
    response = raw(offline, {}, path)
    assert response.status_code == 404
    assert error_of(response)["type"] == "not_found_error"
    assert message in error_of(response)["message"]


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"x_api_key": ""}, 401, "x-api-key header is required"),
        ({"x_api_key": "wrong-key"}, 401, "invalid x-api-key"),
        ({"x_api_key": "", "authorization": "Bearer wrong"}, 401, "Invalid bearer token"),
        ({"anthropic_version": ""}, 400, "anthropic-version: header is required"),
        ({"anthropic_version": "2020-01-01"}, 400, '"2020-01-01" is not a valid version'),
    ],
)
def test_wrong_headers_are_refused_like_the_api_does(
    offline: OfflineClaude, headers: dict[str, str], status: int, message: str
) -> None:
    response = raw(offline, hello(), **headers)
    assert response.status_code == status
    assert message in error_of(response)["message"]
    assert response.headers["x-should-retry"] == "false"
    assert ("anthropic-organization-id" in response.headers) == (status != 401)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_unknown_betas_are_accepted(offline: OfflineClaude, path: str) -> None:
    body: dict[str, Any] = {"model": MODEL, "messages": [HI]}
    body |= {"max_tokens": 9} if path.endswith("messages") else {}
    betas = "no-such-beta-2031-01-01,another-one"
    assert raw(offline, body, f"{path}?beta=true", anthropic_beta=betas).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_success_carries_organization_and_rate_limit_headers(
    offline: OfflineClaude, stream: bool
) -> None:
    headers = raw(offline, hello(stream=stream)).headers
    assert headers["request-id"] == offline.calls()[-1].request_id
    assert headers["anthropic-organization-id"]
    kind = "text/event-stream; charset=utf-8" if stream else "application/json"
    assert headers["content-type"] == kind
    for name in ("requests", "tokens", "input-tokens", "output-tokens"):
        start = f"anthropic-ratelimit-{name}"
        left, limit = int(headers[f"{start}-remaining"]), int(headers[f"{start}-limit"])
        assert 0 < left <= limit
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", headers[f"{start}-reset"])
    assert int(headers["anthropic-ratelimit-requests-remaining"]) == 3_999


def test_server_log_has_tracebacks_of_internal_errors_and_nothing_else(tmp_path: Path) -> None:
    script = (
        "import offline_claude.endpoints as e, sys; from pathlib import Path\n"
        "def think(sent, think=e.think):\n"
        "    return think(sent) if sent.question == 'Hello' else 1 / 0\n"
        "e.think = think\n"
        "from offline_claude import serve; serve(0, Path(sys.argv[1]))"
    )
    with served(script, str(tmp_path / "log")) as (broken, process):
        for _ in range(2):
            response = raw(broken, hello(messages=[user("Break")]))
            assert response.status_code == 500
            assert error_of(response)["message"] == "Internal server error"
        broken.cut()
        with pytest.raises(httpx2.RemoteProtocolError):
            raw(broken, hello())
        assert [(c.state, c.status, c.error) for c in broken.calls()] == [
            ("failed", 500, "api_error"),
            ("failed", 500, "api_error"),
            ("failed", 200, "connection_cut"),
        ]
        process.terminate()
        _, log = process.communicate(timeout=60)
    assert log.count("ZeroDivisionError: division by zero") == log.count("ERROR:") == 2
    assert "ASGI" not in log
