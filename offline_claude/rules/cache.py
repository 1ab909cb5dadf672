"""Markers for the prompt cache."""

from __future__ import annotations

from offline_claude.errors import invalid
from offline_claude.request import Sent

_MOST_MARKERS = 4


def few_cache_markers(sent: Sent) -> None:
    """A request has at most four markers."""
    markers = [path for path, block in sent.cacheable if block.get("cache_control")]
    found = len(markers) + bool(sent.body.get("cache_control"))
    if found > _MOST_MARKERS:
        raise invalid(
            f"A maximum of {_MOST_MARKERS} blocks with cache_control may be provided. "
            f"Found {found}."
        )


def cache_markers_are_on_text(sent: Sent) -> None:
    """Empty text carries no marker."""
    for path, block in sent.cacheable:
        if block.get("cache_control") and block.get("text") == "":
            raise invalid(f"{path}.text: cache_control cannot be set for empty text blocks")


def long_lived_cache_comes_first(sent: Sent) -> None:
    """Markers for an hour come before markers for five minutes."""
    short = False
    # A marker for the whole request counts as one on its last block.
    for path, block in [*sent.cacheable, ("", sent.body)]:
        marker = block.get("cache_control")
        if not marker:
            continue
        if marker.get("ttl") == "1h" and short:
            kind = f".{block['type']}" if path.startswith("messages") else ""
            where = f"{path}{kind}.cache_control.ttl".removeprefix(".")
            raise invalid(
                f"{where}: a ttl='1h' cache_control block must not come "
                "after a ttl='5m' cache_control block. Note that blocks are processed in the "
                "following order: `tools`, `system`, `messages`."
            )
        short = short or marker.get("ttl") != "1h"
