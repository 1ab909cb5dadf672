"""Connections: every kind of client gets its answer, and nothing is left."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from offline_claude import OfflineClaude
from tests.support import conditions, offline_server
from tests.support.offline_server import (
    HI,
    MODEL,
    connect,
    health,
    hello,
    http,
    raw,
    read_all,
    running,
    sdk,
    served,
    statuses,
)

log_path, url, offline = offline_server.log_path, offline_server.url, offline_server.offline


def until(offline: OfflineClaude, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait for the server's own numbers to be as they should."""
    deadline = time.monotonic() + 60
    while not fits(numbers := health(offline)):
        assert time.monotonic() < deadline, f"still {numbers}"
        time.sleep(0.05)
    return numbers


def test_one_connection_carries_many_calls_also_when_they_come_at_once(
    offline: OfflineClaude,
) -> None:
    one, last = http(hello()), http(hello(stream=True), connection="close")
    with connect(offline) as client:
        client.sendall(one * 5 + http({"bad": 1}) + one + last)
        assert statuses(read_all(client)) == [200] * 5 + [400, 200, 200]


async def test_the_sdk_keeps_one_connection_for_call_after_call(offline: OfflineClaude) -> None:
    until(offline, lambda now: now["connections"] == 1)
    async with sdk(offline.url) as claude:
        for stream in (False, True, False):
            reply: Any = await claude.messages.create(
                model=MODEL,
                max_tokens=9,
                messages=[HI],  # type: ignore[list-item]
                stream=stream,
            )
            if stream:
                assert [event.type async for event in reply][-1] == "message_stop"
            with pytest.raises(anthropic.BadRequestError):
                await claude.messages.create(model=MODEL, max_tokens=9, messages=[])
        # That connection, and the one that asks.
        assert health(offline)["connections"] == 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_has_closed_its_half_gets_its_answer(
    offline: OfflineClaude, stream: bool
) -> None:
    for _ in range(20):
        with connect(offline) as client:
            client.sendall(http(hello(stream=stream)))
            client.shutdown(socket.SHUT_WR)
            answer = read_all(client)
        assert statuses(answer) == [200]
        assert b"message_stop" in answer or not stream
    assert {c.state for c in offline.calls()} == {"answered"}


def test_a_client_that_closes_its_half_in_the_middle_of_a_wait_does_not_hang(
    offline: OfflineClaude,
) -> None:
    offline.slow(600)
    with connect(offline) as client:
        client.sendall(http(hello()))
        client.shutdown(socket.SHUT_WR)
        read_all(client)
    offline.wait_for(lambda c: c.state == "disconnected", timeout=30)


@pytest.mark.parametrize(
    "sent", [b"", b"POST /v1/mess", http(hello())[:-5], b"\x16\x03\x01 no HTTP at all\r\n\r\n"]
)
def test_a_client_that_closes_before_its_request_is_whole_leaves_nothing(
    offline: OfflineClaude, sent: bytes
) -> None:
    with connect(offline) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        assert statuses(read_all(client)) in ([], [400])
    until(offline, lambda now: now["connections"] == 1)


def test_what_is_no_http_is_refused_in_the_apis_shape(offline: OfflineClaude) -> None:
    with connect(offline) as client:
        client.sendall(b"GARBAGE\r\n\r\n")
        answer = read_all(client)
    assert statuses(answer) == [400]
    assert json.loads(answer.split(b"\r\n\r\n")[1])["error"]["type"] == "invalid_request_error"


IMPATIENT = (
    "import sys; from pathlib import Path; from offline_claude import body, serve\n"
    "body.IDLE_SECONDS = 1.0; serve(0, Path(sys.argv[1]))"
)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfflineClaude]:
    """A server that waits for a client's next byte for one second only."""
    log = tmp_path_factory.mktemp("impatient") / "log"
    with served(IMPATIENT, str(log)) as (claude, _):
        raw(claude, hello())
        yield claude


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        (b"", []),
        (b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n", []),
        (http(hello()), [200]),
        (http(hello()) + b"POST", [200]),
        (http(b"", content_length=str(1 << 30)), [413]),
        (http(hello(), "PUT")[:-5], [405]),
    ],
)
def test_a_client_that_sends_no_more_is_dropped(
    impatient: OfflineClaude, sent: bytes, answers: list[int]
) -> None:
    with connect(impatient) as client:
        client.sendall(sent)
        assert statuses(read_all(client)) == answers


def test_a_body_that_never_ends_is_refused(impatient: OfflineClaude) -> None:
    with connect(impatient) as client:
        client.sendall(http(hello())[:-5])
        answer = read_all(client)
    assert statuses(answer) == [400]
    assert b"request_body_timeout" in answer


def test_a_slow_reply_is_not_dropped_for_its_slowness(impatient: OfflineClaude) -> None:
    impatient.slow(2)
    with connect(impatient) as client:
        client.sendall(http(hello(), connection="close"))
        assert statuses(read_all(client)) == [200]


async def test_two_hundred_calls_at_once_leave_nothing_behind(tmp_path: Path) -> None:
    with running(tmp_path / "log") as (url, process):
        offline = OfflineClaude(url)
        await storm(offline, 20)
        before = until(offline, lambda now: now["connections"] == 1)
        files, threads = resources(process.pid)
        seen = await storm(offline, 200)
        assert sum(seen.values()) == 200
        assert seen["end_turn"] + seen["refusal"] >= 120
        assert seen["OverloadedError"] == 20
        assert seen["APIConnectionError"] + seen["RemoteProtocolError"] == 20
        after = until(offline, lambda n: n["connections"] == 1 and n["tasks"] <= before["tasks"])
        assert after["pid"] == process.pid
        # The connection that has just told those numbers takes a moment to be closed.
        conditions.until(lambda: resources(process.pid)[0] <= files)
        # Large bodies are read in a pool of at most as many threads as Python's default.
        assert resources(process.pid)[1] <= max(threads, 40)
        assert {c.state for c in offline.calls()} <= {"answered", "failed", "disconnected"}


def resources(pid: int) -> tuple[int, int]:
    tasks = Path(f"/proc/{pid}/task")
    return len([*Path(f"/proc/{pid}/fd").iterdir()]), len([*tasks.iterdir()])


async def storm(offline: OfflineClaude, calls: int) -> Counter[str]:
    """All kinds of calls at once, with all kinds of faults among them."""
    tenth = calls // 10
    offline.reset()
    offline.slow(1, times=tenth, matching="slow")
    offline.fail(529, times=tenth, matching="fail")
    offline.cut(3, times=tenth, matching="cut")
    offline.reply("refusal", times=tenth, matching="refuse")
    offline.slow(600, times=tenth, matching="leave")
    kinds = ["slow", "fail", "cut", "refuse", "leave", "whole", "stream", "large", "hello", "bye"]

    async def call(n: int) -> str:
        kind = kinds[n % 10]
        content = kind + (" word" * 80_000 if kind == "large" else "")
        body: Any = {"model": MODEL, "max_tokens": 99, "messages": [offline_server.user(content)]}
        try:
            if kind == "leave":
                await asyncio.wait_for(claude.messages.create(**body), 2)
            if n % 20 >= 10:
                async with claude.messages.stream(**body) as stream:
                    return str((await stream.get_final_message()).stop_reason)
            return str((await claude.messages.create(**body)).stop_reason)
        except (anthropic.APIError, httpx2.HTTPError, TimeoutError) as err:
            return type(err).__name__

    async with sdk(offline.url, timeout=60) as claude:
        return Counter(await asyncio.gather(*map(call, range(calls))))
