"""The call log: its fields, its file, and that it stays small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from offline_claude import OfflineClaude, call_log
from offline_claude.call_log import CallLog
from tests.support.offline_server import (
    MODEL,
    SHOP,
    STORY,
    ask,
    calls_of,
    connect,
    hello,
    http,
)


async def test_slow_call_is_logged_when_it_starts_and_when_its_client_leaves(
    offline: OfflineClaude,
) -> None:
    offline.slow(600)
    with connect(offline) as client:
        client.sendall(http(hello()))
        call = offline.wait_for(lambda c: c.state == "answering", timeout=30)
        assert (call.question, call.finished_at) == ("Hello", None)
        with pytest.raises(TimeoutError, match="question='Hello'"):
            offline.wait_for(lambda c: c.state == "answered", timeout=0)
    gone = offline.wait_for(lambda c: c.state == "disconnected", timeout=30)
    assert gone.seq == call.seq
    assert gone.finished_at is not None


async def test_log_file_has_each_call_at_its_start_and_end(
    offline: OfflineClaude, log_path: Path
) -> None:
    reply = await ask(offline, STORY, tools=SHOP)
    [call] = offline.calls()
    assert (call.state, call.status, call.stop_reason) == ("answered", 200, "tool_use")
    assert (call.model, call.messages, call.question) == (MODEL, 1, STORY[:80])
    assert (call.request_id, call.stream, call.error) == (reply._request_id, False, None)
    assert call.tools == tuple(name for name, _ in calls_of(reply))
    assert (call.input_tokens, call.output_tokens) == (
        reply.usage.input_tokens,
        reply.usage.output_tokens,
    )
    assert call.output_bytes > call.output_tokens
    lines = [json.loads(line) for line in log_path.read_text().splitlines()]
    states = [line["state"] for line in lines if line["seq"] == call.seq]
    assert states == ["answering", "answered"]


async def test_call_shows_system_prompt_and_offered_tools(offline: OfflineClaude) -> None:
    await ask(offline, STORY, tools=SHOP, system="You are the support desk. " * 10)
    [call] = offline.calls()
    assert call.system == ("You are the support desk. " * 10)[:80]
    assert call.offered == tuple(str(tool["name"]) for tool in SHOP)


def test_full_log_file_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_log, "MOST_FILE_BYTES", 5_000)
    path = tmp_path / "calls.jsonl"
    log = CallLog(path)
    for _ in range(100):
        log.finish(log.start(question="x" * 80), "answered")
    assert {p.name for p in tmp_path.iterdir()} == {"calls.jsonl", "calls.jsonl.1"}
    assert all(p.stat().st_size < 6_000 for p in tmp_path.iterdir())
