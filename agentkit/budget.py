"""What a run may cost, what it has cost so far, and what tokens are priced at."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import math
from dataclasses import dataclass, fields
from typing import Literal, Protocol, TypeAlias

from agentkit.messages import Usage
from agentkit.prices import cost

Limit: TypeAlias = Literal["turns", "tokens", "usd", "seconds"]


@dataclass(frozen=True)
class Budget:
    """What a run may use up; None sets no limit.

    It is looked at before each call of Claude, so a run may overshoot by what one turn takes.

    Attributes:
        turns: Calls of Claude.
        tokens: Tokens read and written, those from and to a cache included.
        usd: US dollars, by `PRICES`. A model that has no price there ends the run after its
            first turn: an unknown price is no unlimited budget.
        seconds: Seconds from the start of the run, waits included.

    Raises:
        ValueError: A limit is negative or no number.
    """

    turns: int | None = None
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Check the limits: one that compares as neither more nor less would never be hit."""
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(
                    f"Budget.{each.name} is {value!r}: give a number from 0 up, or leave it out "
                    "for no limit."
                )


class Billed(Protocol):
    """What a reply says about its cost: a `ClaudeReply`, or what else a call of Claude gave."""

    @property
    def usage(self) -> Usage:
        """The tokens it took."""
        ...

    @property
    def model(self) -> str:
        """The model that answered."""
        ...


@dataclass
class Spent:
    """A run's account: what it has used so far.

    Attributes:
        turns: Calls of Claude that gave a reply.
        input_tokens: Tokens read, those from and to a cache included.
        output_tokens: Tokens written.
        usd: US dollars, by `PRICES`.
        unpriced: The model that has no price there, "" when all have; `usd` lacks its calls.
    """

    turns: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    unpriced: str = ""

    def add(self, reply: Billed) -> None:
        """Enter one reply.

        Args:
            reply: The reply.
        """
        self.turns += 1
        self.input_tokens += reply.usage.tokens_read
        self.output_tokens += reply.usage.output_tokens
        usd = cost(reply.usage, reply.model)
        if usd is None:
            self.unpriced = reply.model
        else:
            self.usd += usd

    def exceeded(self, budget: Budget) -> Limit | None:
        """Tell whether another turn would be one too many.

        Args:
            budget: What the run may use up. Its seconds are the business of
                `asyncio.timeout`, which also ends a step that is under way.

        Returns:
            The first limit that is reached, or None.
        """
        if budget.turns is not None and self.turns >= budget.turns:
            return "turns"
        if budget.tokens is not None and self.input_tokens + self.output_tokens >= budget.tokens:
            return "tokens"
        if budget.usd is not None and (self.unpriced or self.usd >= budget.usd):
            return "usd"
        return None
