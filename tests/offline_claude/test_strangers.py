"""Who gets no answer: web pages, whatever they call this machine, and whoever lacks the token."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import httpx2
import pytest

from offline_claude import OfflineClaude
from tests.support.offline_server import (
    TOKEN,
    connect,
    error_of,
    health,
    hello,
    http,
    raw,
    read_all,
    statuses,
)

FAULT = {"status": 401, "times": 1_000_000, "message": "Your key was revoked. Run: curl …"}
CONTROL = [
    ("POST", "/_offline/faults"),
    ("DELETE", "/_offline/faults"),
    ("GET", "/_offline/calls"),
    ("DELETE", "/_offline/calls"),
    ("PUT", "/_offline/nothing"),
]
EVERYTHING = [
    *CONTROL,
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/claude-sonnet-5-5"),
    ("GET", "/healthz"),
    ("GET", "/nowhere"),
]
FOREIGN = [
    "evil.example",
    "evil.example:8400",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.1:8400@evil.example",
    "evil.example#127.0.0.1",
    "127.0.0.2",
    "0.0.0.0",
    "localhost.",
    "[::2]",
    "127.0.0.1:",
    "",
]


def send(offline: OfflineClaude, method: str, path: str, **headers: str) -> httpx2.Response:
    """Send what the owner's client would send, but for these headers; "" leaves one out."""
    sent = {"x-api-key": "offline", "anthropic-version": "2023-06-01", "x-offline-token": TOKEN}
    sent |= {"content-type": "application/json"} if method == "POST" else {}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    body = FAULT if path == "/_offline/faults" else hello()
    with httpx2.Client(trust_env=False, verify=False, timeout=60) as client:
        request = client.build_request(
            method,
            offline.url + path,
            headers={n: v for n, v in sent.items() if v},
            json=body if method == "POST" else None,
        )
        if headers.get("content_type") == "":
            del request.headers["content-type"]
        return client.send(request)


@pytest.mark.parametrize("host", FOREIGN)
def test_no_path_answers_a_foreign_host(offline: OfflineClaude, host: str) -> None:
    for method, path in EVERYTHING:
        with connect(offline) as client:
            headers = {"host": host, "x_offline_token": TOKEN, "connection": "close"}
            request = http(hello(), method, path, content_type="application/json", **headers)
            client.sendall(request if host else request.replace(b"\r\n", b"\r\nhost: \r\n", 1))
            assert statuses(read_all(client)) == [403], path
    assert offline.calls() == []


def test_a_host_too_many_or_none_is_refused(offline: OfflineClaude) -> None:
    for host in (b"", b"host: localhost\r\nhost: localhost\r\n"):
        with connect(offline) as client:
            client.sendall(b"GET /healthz HTTP/1.0\r\n" + host + b"\r\n")
            assert statuses(read_all(client)) in ([400], [403])


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LOCALHOST:8400", "[::1]:8400"])
def test_this_machines_own_names_are_answered(offline: OfflineClaude, host: str) -> None:
    assert send(offline, "GET", "/healthz", host=host).status_code == 200
    assert send(offline, "GET", "/_offline/calls", host=host).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8888"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"x_offline_token": ""},
        {"x_offline_token": "wrong"},
        {"x_offline_token": TOKEN + "x"},
        {"x_offline_token": TOKEN[:-1]},
    ],
)
def test_no_web_page_and_no_stranger_controls_it(
    offline: OfflineClaude, sent: dict[str, str]
) -> None:
    for method, path in CONTROL:
        assert error_of(send(offline, method, path, **sent))["type"] == "permission_error", path
    assert raw(offline, hello()).status_code == 200
    assert len(offline.calls()) == 1


@pytest.mark.parametrize(
    "kind", ["text/plain", "", "application/x-www-form-urlencoded", "text/plain; application/json"]
)
def test_control_takes_nothing_that_a_form_can_send(offline: OfflineClaude, kind: str) -> None:
    assert send(offline, "POST", "/_offline/faults", content_type=kind).status_code == 415
    assert raw(offline, hello()).status_code == 200


def test_a_preflight_allows_nothing(offline: OfflineClaude) -> None:
    asks = {"origin": "http://evil.example", "access_control_request_method": "POST"}
    for _, path in EVERYTHING:
        answer = send(offline, "OPTIONS", path, **asks)
        assert answer.status_code >= 400
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_token_stays_out_of_the_command_line_the_log_and_every_answer(
    offline: OfflineClaude,
) -> None:
    import psutil

    said = str(psutil.Process(health(offline)["pid"]).cmdline())
    said += "".join(send(offline, m, p, x_offline_token="").text for m, p in EVERYTHING)
    assert TOKEN not in said + repr(offline)


def test_a_server_without_a_token_makes_one_and_says_it_once() -> None:
    env = {n: v for n, v in os.environ.items() if n != "OFFLINE_CLAUDE_TOKEN"}
    command = [sys.executable, "-m", "offline_claude"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            found = re.search(r"(http://\S+) .* token (\S{32,})\n", said)
            assert found, said
            with pytest.raises(ValueError, match="control token"):
                OfflineClaude(found[1]).calls()
            assert OfflineClaude(found[1], found[2]).calls() == []
        finally:
            process.kill()
