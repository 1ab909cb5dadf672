"""Connections: kept alive, pipelined, abandoned, two hundred at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
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
    read_all,
    sdk,
    served,
    statuses,
)


def until(offline: OfflineClaude, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait for what the server says of itself."""
    seen: list[dict[str, Any]] = []

    def fit() -> bool:
        seen.append(health(offline))
        return fits(seen[-1])

    conditions.until(fit)
    return seen[-1]


def test_one_connection_carries_many_calls_even_pipelined(
    offline: OfflineClaude,
) -> None:
    one, last = http(hello()), http(hello(stream=True), connection="close")
    with connect(offline) as client:
        client.sendall(one * 5 + http({"bad": 1}) + one + last)
        assert statuses(read_all(client)) == [200] * 5 + [400, 200, 200]


async def test_sdk_keeps_its_connection_from_call_to_call(offline: OfflineClaude) -> None:
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
        until(offline, lambda now: now["connections"] == 2)


@pytest.mark.parametrize(
    "sent", [b"", b"POST /v1/mess", http(hello())[:-5], b"\x16\x03\x01 not HTTP\r\n\r\n"]
)
def test_client_that_closes_before_its_request_is_complete_leaves_nothing(
    offline: OfflineClaude, sent: bytes
) -> None:
    with connect(offline) as client:
        client.sendall(sent)
    until(offline, lambda now: now["connections"] == 1)


def test_client_that_is_gone_ends_a_slow_reply(offline: OfflineClaude) -> None:
    offline.slow(600)
    with connect(offline) as client:
        client.sendall(http(hello()))
        offline.wait_for(lambda c: c.state == "answering", timeout=30)
    offline.wait_for(lambda c: c.state == "disconnected", timeout=30)


IMPATIENT = (
    "import sys; from pathlib import Path; from offline_claude import body, serve\n"
    "body.MOST_SECONDS = 0.5; serve(0, Path(sys.argv[1]))"
)


def test_body_that_never_ends_is_refused(tmp_path: Path) -> None:
    with (
        served(IMPATIENT, str(tmp_path / "log")) as (impatient, _),
        connect(impatient) as client,
    ):
        client.sendall(http(hello())[:-5])
        answer = read_all(client)
    assert statuses(answer) == [400]
    assert b"request_body_timeout" in answer


async def test_two_hundred_calls_at_once_leave_nothing_behind(offline: OfflineClaude) -> None:
    await storm(offline, 20)
    before = until(offline, lambda now: now["connections"] == 1)
    files, threads = resources(before["pid"])
    seen = await storm(offline, 200)
    assert sum(seen.values()) == 200
    assert seen["end_turn"] + seen["refusal"] >= 120
    assert seen["OverloadedError"] == 20
    assert seen["APIConnectionError"] + seen["RemoteProtocolError"] == 20
    after = until(offline, lambda n: n["connections"] == 1 and n["tasks"] <= before["tasks"])
    assert after["pid"] == before["pid"]
    # The connection that carried those numbers takes a moment to close.
    conditions.until(lambda: resources(after["pid"])[0] <= files)
    # Large bodies are read in a pool of at most as many threads as Python's default.
    assert resources(after["pid"])[1] <= max(threads, 40)
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
