"""Budgets of runs, and accounts of what a run has spent."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import math
from dataclasses import dataclass, fields
from typing import Literal, Protocol, TypeAlias

from agentkit.messages import Usage
from agentkit.prices import cost

Limit: TypeAlias = Literal["turns", "tokens", "usd", "seconds"]


@dataclass(frozen=True)
class Budget:
    """The limits of a run; None sets no limit.

    A loop checks them before each call of Claude, so a run may overshoot by one turn.

    Attributes:
        turns: Calls of Claude.
        tokens: Tokens read and written, those from and to a cache included.
        usd: US dollars, by `agentkit.prices.PRICES`. A model without a price there ends the
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
        usd: US dollars, by `agentkit.prices.PRICES`.
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
