"""Prices of the API's tokens."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import re
from dataclasses import dataclass

from agentkit.messages import Usage


@dataclass(frozen=True)
class Price:
    """A model's price, in US dollars for a million tokens.

    Attributes:
        input: Tokens read.
        output: Tokens written, thinking included.
        cache_read: Tokens read from a cache.
        cache_write: Tokens written to a cache for five minutes, the API's default.
        long: The price of a call that reads more than `LONG_PROMPT_TOKENS`; None where that
            makes no difference.
    """

    input: float
    output: float
    cache_read: float
    cache_write: float
    long: "Price | None" = None


LONG_PROMPT_TOKENS = 100_000

_OPUS_4 = Price(5, 25, 0.50, 6.25)

PRICES: dict[str, Price] = {
    "claude-fable-5-1": Price(10, 50, 0.25, 12.50),
    "claude-mythos-5-1": Price(10, 50, 0.25, 12.50),
    "claude-fable-5": Price(10, 50, 1.00, 12.50),
    "claude-mythos-5": Price(10, 50, 1.00, 12.50),
    "claude-opus-5-5": Price(4, 20, 0.20, 5.00),
    "claude-opus-5": _OPUS_4,
    "claude-opus-4-8": _OPUS_4,
    "claude-opus-4-7": _OPUS_4,
    "claude-opus-4-6": _OPUS_4,
    "claude-opus-4-5": _OPUS_4,
    "claude-sonnet-5-5": Price(2, 10, 0.20, 2.50),
    "claude-sonnet-5": Price(2, 10, 0.20, 2.50),
    "claude-sonnet-4-6": Price(3, 15, 0.30, 3.75),
    "claude-sonnet-4-5": Price(3, 15, 0.30, 3.75),
    "claude-haiku-5-5": Price(0.10, 0.50, 0.01, 0.125, long=Price(0.50, 2.50, 0.05, 0.625)),
    "claude-haiku-4-5": Price(1, 5, 0.10, 1.25),
}
"""Prices of the API by model id; a dated id costs as much as the id without its date.

Source: copies, read on 2026-11-25, of https://platform.claude.com/docs/en/about-claude/pricing
and the models' own pages. Models without a price there (claude-fable-5-2, claude-mythos-5-2,
claude-mythos-preview) are left out on purpose. Other sites report a lower price for cache reads
of claude-sonnet-5-5 since October; the table keeps the higher one until the source changes. It
doesn't count what server tools cost on top. Prices change: check the source before you rely on a
dollar, and add a line for a model of your own.
"""


def cost(usage: Usage, model: str) -> float | None:
    """Price the tokens of one call, in US dollars; None if `PRICES` doesn't know the model."""
    price = PRICES.get(model) or PRICES.get(re.sub(r"-\d{8}$", "", model))
    if price is None:
        return None
    if price.long is not None and usage.tokens_read > LONG_PROMPT_TOKENS:
        price = price.long
    return (
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cache_read_input_tokens * price.cache_read
        + usage.cache_creation_input_tokens * price.cache_write
    ) / 1e6
