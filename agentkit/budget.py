"""Budgets of runs, accounts of what a run has spent, and the prices of the API's tokens."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import math
import re
from dataclasses import dataclass, fields
from typing import Literal, Protocol, TypeAlias

from agentkit.messages import Usage

Limit: TypeAlias = Literal["turns", "tokens", "usd", "seconds"]


@dataclass(frozen=True)
class Budget:
    """The limits of a run; None sets no limit.

    A loop checks them before each call of Claude, so a run may overshoot by one turn.

    Attributes:
        turns: Calls of Claude.
        tokens: Tokens read and written, those from and to a cache included.
        usd: US dollars, by `PRICES`. A model without a price there ends the
            run after its first turn: an unknown price must not mean an unlimited budget.
        seconds: Seconds from the start of the run, waits included.

    Raises:
        ValueError: A limit is negative or not a number.
    """

    turns: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Check the limits: NaN, for one, compares as neither more nor less."""
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(
                    f"Budget.{each.name} is {value!r}: give a number from 0 up, or leave it out "
                    "for no limit."
                )


class Billed(Protocol):
    """A `ClaudeReply`, or another result of a call of Claude, with tokens and model."""

    @property
    def usage(self) -> Usage:
        """The tokens."""

    @property
    def model(self) -> str:
        """The model that answered."""


@dataclass
class Spent:
    """A run's account so far.

    Attributes:
        turns: Calls of Claude that gave a reply.
        input_tokens: Tokens read, those from and to a cache included.
        output_tokens: Tokens written.
        usd: US dollars, by `PRICES`.
        unpriced: A model without a price there, whose calls `usd` lacks; "" if none.
    """

    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    unpriced: str = ""

    def add(self, reply: Billed) -> None:
        """Enter one reply."""
        self.turns += 1
        self.input_tokens += reply.usage.tokens_read
        self.output_tokens += reply.usage.output_tokens
        usd = cost(reply.usage, reply.model)
        if usd is None:
            self.unpriced = reply.model
        else:
            self.usd += usd

    def exceeded(self, budget: Budget) -> Limit | None:
        """Return the first limit that is reached, or None if another turn may begin.

        Seconds are the business of `asyncio.timeout`, which also ends a step that is under way.
        """
        if budget.turns is not None and self.turns >= budget.turns:
            return "turns"
        if budget.tokens is not None and self.input_tokens + self.output_tokens >= budget.tokens:
            return "tokens"
        if budget.usd is not None and (self.unpriced or self.usd >= budget.usd):
            return "usd"
        return None


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
