"""The prompt cache: it saves no time here, but usage shows what it would read and write."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from offline_claude.request import CHARACTERS_PER_TOKEN, Sent, blocks_of

_SECONDS = {"5m": 300, "1h": 3_600}
_MOST_PREFIXES = 10_000
_LOOK_BACK = 20
"""How many blocks before a marker are searched for something cached."""


@dataclass(frozen=True)
class Prefix:
    """A request up to the end of one of its blocks.

    Attributes:
        digest: Identifies the prefix.
        tokens: Its estimated size.
        ttl: "5m" or "1h" where the block is marked, else "".
    """

    digest: bytes
    tokens: int
    ttl: str


@dataclass(frozen=True)
class CacheUse:
    """What one call reads from the prompt cache and writes to it, in tokens.

    Attributes:
        read: Tokens found in the cache.
        written_5m: Tokens written for five minutes.
        written_1h: Tokens written for an hour.
    """

    read: int = 0
    written_5m: int = 0
    written_1h: int = 0

    @property
    def written(self) -> int:
        """All tokens written."""
        return self.written_5m + self.written_1h


UNCACHED = CacheUse()
"""What a request without cache markers uses."""


def marked_prefixes(sent: Sent) -> list[Prefix]:
    """Cut a request into prefixes, one for each tool, system block and message block.

    There are none when nothing is marked, or when the prompt is too short for its model's cache.
    """
    parts = list(_parts(sent))
    top = sent.body.get("cache_control")
    if parts and top:
        parts[-1] = (parts[-1][0], top)
    if not any(marker for _, marker in parts):
        return []
    digest, characters, found = hashlib.sha256(sent.model.id.encode()), 0, []
    for text, marker in parts:
        digest.update(text.encode())
        characters += len(text)
        ttl = (marker or {}).get("ttl", "5m") if marker else ""
        found.append(Prefix(digest.digest(), characters // CHARACTERS_PER_TOKEN, ttl))
    marked = [prefix.tokens for prefix in found if prefix.ttl]
    return found if marked[-1] >= sent.model.least_cached_tokens else []


def _parts(sent: Sent) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Each block as text, without its marker: moving a marker doesn't change what is cached."""
    tools = [("tool", tool) for tool in sent.tools]
    system = [("system", block) for block in blocks_of(sent.body.get("system"))]
    messages = [
        (message["role"], block)
        for message in sent.messages
        for block in blocks_of(message.get("content"))
    ]
    for kind, block in [*tools, *system, *messages]:
        inner = blocks_of(block.get("content")) if kind == "user" else []
        markers = [b["cache_control"] for b in [block, *inner] if b.get("cache_control")]
        rest = {name: value for name, value in block.items() if name != "cache_control"}
        yield json.dumps([kind, rest]), markers[-1] if markers else None


class PromptCache:
    """The prefixes that calls have written and that haven't expired."""

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def use(self, prefixes: list[Prefix]) -> CacheUse:
        """Account for one call, given its request's marked prefixes."""
        marked = [n for n, prefix in enumerate(prefixes) if prefix.ttl]
        if not marked:
            return UNCACHED
        now = time.monotonic()
        near = [n for m in marked for n in range(max(0, m - _LOOK_BACK), m + 1)]
        cached = [n for n in near if self._until.get(prefixes[n].digest, 0) > now]
        read = prefixes[max(cached)].tokens if cached else 0
        written = {"5m": 0, "1h": 0}
        done = read
        for prefix in (prefixes[n] for n in marked):
            written[prefix.ttl] += max(0, prefix.tokens - done)
            done = max(done, prefix.tokens)
            self._until[prefix.digest] = now + _SECONDS[prefix.ttl]
            self._until.move_to_end(prefix.digest)
        if cached:  # reading keeps it for as long again
            hit = prefixes[max(cached)]
            self._until[hit.digest] = max(self._until[hit.digest], now + _SECONDS[hit.ttl or "5m"])
        while len(self._until) > _MOST_PREFIXES:
            self._until.popitem(last=False)
        return CacheUse(read, written["5m"], written["1h"])
