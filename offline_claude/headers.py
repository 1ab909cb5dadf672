"""The headers that the API's responses carry (docs: api/overview, api/rate-limits)."""

from __future__ import annotations

import time
from collections.abc import Mapping

ORGANIZATION = {
    "anthropic-organization-id": "00000000-0000-4000-8000-000000000000",
    "anthropic-workspace-id": "wrkspc_offline",
}
"""The owner of every key: not an id that could be somebody's own."""

_PER_MINUTE = {"requests": 4_000, "input-tokens": 2_000_000, "output-tokens": 400_000}


def rate_limits(input_tokens: int = 0, output_tokens: int = 0) -> dict[str, str]:
    """Show the limits as after one call in an idle minute: here they are never used up."""
    used = {"requests": 1, "input-tokens": input_tokens, "output-tokens": output_tokens}
    return _headers(used, _in_a_moment(60 / _PER_MINUTE["requests"]))


def rate_limits_used_up(headers: Mapping[str, str]) -> dict[str, str]:
    """Show the limits as with a 429: none remaining, and reset after `retry-after`."""
    try:
        seconds = float(headers.get("retry-after", "1"))
    except ValueError:  # It may also be a date.
        seconds = 1.0
    return {"retry-after": "1"} | _headers(_PER_MINUTE, _in_a_moment(seconds))


def _headers(used: Mapping[str, int], reset: str) -> dict[str, str]:
    limits = {**_PER_MINUTE, "tokens": _sum_of_tokens(_PER_MINUTE)}
    used = {**used, "tokens": _sum_of_tokens(used)}
    headers: dict[str, str] = {}
    for kind, limit in limits.items():
        left = max(0, limit - used[kind])
        # The API rounds tokens to thousands.
        values = {"limit": limit, "remaining": left if kind == "requests" else round(left, -3)}
        for name, value in {**values, "reset": reset}.items():
            headers[f"anthropic-ratelimit-{kind}-{name}"] = str(value)
    return headers


def _sum_of_tokens(counts: Mapping[str, int]) -> int:
    return counts["input-tokens"] + counts["output-tokens"]


def _in_a_moment(seconds: float) -> str:
    """An RFC 3339 time, rounded up to a whole second as the API does."""
    at = min(time.time() + max(0.0, seconds) + 1, 253_402_300_799)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
