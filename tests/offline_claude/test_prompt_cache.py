"""The prompt cache: what a call would read and write."""

from __future__ import annotations

from typing import Any

import pytest

from offline_claude import OfflineClaude
from offline_claude.prompt_cache import PromptCache, marked_prefixes
from offline_claude.request import Sent
from tests.support.offline_server import HI, MODEL, ask


def text(characters: int, ttl: str | None = None, letter: str = "x") -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": letter * characters}
    return block if ttl is None else {**block, "cache_control": {"type": "ephemeral", "ttl": ttl}}


def prefixes(*system: dict[str, Any], **body: Any) -> Any:
    fields = {"model": MODEL, "messages": [HI], "system": list(system), **body}
    return marked_prefixes(Sent(fields, "2026-10-21"))


async def test_second_call_reads_what_the_first_wrote(offline: OfflineClaude) -> None:
    system = [text(8_000, "5m", "y")]
    first = (await ask(offline, "Hello", system=system)).usage
    again = (await ask(offline, "And hello again", system=system)).usage
    assert first.cache_read_input_tokens == again.cache_creation_input_tokens == 0
    assert first.cache_creation_input_tokens == again.cache_read_input_tokens
    assert first.cache_creation is not None
    assert first.cache_creation.ephemeral_5m_input_tokens == first.cache_creation_input_tokens
    assert 2_000 <= (first.cache_creation_input_tokens or 0) < 2_100
    assert first.input_tokens < 100


async def test_unmarked_prompt_is_not_cached(offline: OfflineClaude) -> None:
    for _ in range(2):
        usage = (await ask(offline, "Hello", system=[text(8_000)])).usage
        assert (usage.cache_creation_input_tokens, usage.cache_read_input_tokens) == (0, 0)
        assert usage.input_tokens > 2_000


def test_prompt_too_short_for_its_model_is_not_cached() -> None:
    assert prefixes(text(3_000, "5m")) == []
    assert prefixes(text(3_000, "5m"), model="claude-opus-5-5") != []


def test_longer_prefix_reads_the_shorter_one_and_writes_the_rest() -> None:
    cache = PromptCache()
    cache.use(prefixes(text(8_000, "1h")))
    use = cache.use(prefixes(text(8_000, "1h"), text(4_000, "5m")))
    assert 2_000 <= use.read < 2_050
    assert 1_000 <= use.written_5m < 1_050
    assert use.written_1h == 0


def test_moved_marker_still_reads_the_cache() -> None:
    cache = PromptCache()
    cache.use(prefixes(text(8_000, "5m"), text(4_000)))
    assert cache.use(prefixes(text(8_000), text(4_000, "5m"))).read >= 2_000


@pytest.mark.parametrize(
    "changed",
    [{"model": "claude-opus-5-5"}, {"tools": [{"name": "t", "input_schema": {"type": "object"}}]}],
)
def test_other_model_or_other_tools_read_nothing(changed: dict[str, Any]) -> None:
    cache = PromptCache()
    cache.use(prefixes(text(8_000, "5m")))
    assert cache.use(prefixes(text(8_000, "5m"), **changed)).read == 0


def test_marker_of_the_request_counts_for_its_last_block() -> None:
    found = prefixes(text(8_000), cache_control={"type": "ephemeral"})
    assert [prefix.ttl for prefix in found] == ["", "5m"]


def test_prefix_expires_unless_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, now = PromptCache(), 1_000.0
    monkeypatch.setattr("offline_claude.prompt_cache.time.monotonic", lambda: now)
    cache.use(prefixes(text(8_000, "5m")))
    now += 299
    assert cache.use(prefixes(text(8_000, "5m"))).read > 0, "and reading keeps it on"
    now += 299
    assert cache.use(prefixes(text(8_000, "5m"))).read > 0
    now += 301
    assert cache.use(prefixes(text(8_000, "5m"))).read == 0
