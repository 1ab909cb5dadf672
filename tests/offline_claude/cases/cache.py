"""Markers for the prompt cache."""

from __future__ import annotations

from tests.offline_claude.cases.parts import CACHED, refused
from tests.support.offline_server import user

CASES = [
    refused(
        "few_cache_markers",
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        messages=[user(CACHED, CACHED, CACHED, CACHED, CACHED)],
    ),
    refused(
        "cache_markers_are_on_text",
        "messages.0.content.0.text: cache_control cannot be set for empty text blocks",
        messages=[user({**CACHED, "text": ""})],
    ),
    refused(
        "long_lived_cache_comes_first",
        (
            "messages.0.content.1.text.cache_control.ttl: a ttl='1h' cache_control block must not "
            "come after a ttl='5m' cache_control block. Note that blocks are processed in the "
            "following order: `tools`, `system`, `messages`."
        ),
        messages=[user(CACHED, {**CACHED, "cache_control": {"type": "ephemeral"} | {"ttl": "1h"}})],
    ),
    refused(
        "long_lived_cache_comes_first",
        (
            "cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
            "cache_control block. Note that blocks are processed in the following order: `tools`, "
            "`system`, `messages`."
        ),
        messages=[user(CACHED)],
        cache_control={"type": "ephemeral", "ttl": "1h"},
    ),
]
