"""Canonical JSON, and references by content."""

from __future__ import annotations

import json


def canonical_json(value: object) -> str:
    """Write JSON data in one way only: sorted keys, no spaces, nothing but ASCII.

    Args:
        value: Data as `json.loads` gives it.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
