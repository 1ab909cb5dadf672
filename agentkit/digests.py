"""Canonical JSON and content references: the same data gives the same digest everywhere."""

from __future__ import annotations

import hashlib
import json


def canonical_json(value: object) -> str:
    """Write JSON data in exactly one way: keys sorted, no spaces, ASCII.

    ASCII, because Claude may write half a surrogate pair, which UTF-8 can't hold.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def sha256_reference(data: bytes) -> str:
    """Name data by its content: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
