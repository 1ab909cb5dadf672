"""What people say to a run in between: taken from anyone, bounded, kept in the store if long."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

from dataclasses import dataclass, field
from typing import Any

from temporalio import workflow

from agentkit.activity_options import PIN_OPTIONS
from agentkit.messages import canonical_json

MOST_WAITING = 100
"""The most messages that wait for their turn; what comes beyond that is refused."""

MOST_BYTES = 2_000
"""The most bytes of a message, as JSON, that a run carries; a longer one goes to the store."""


@dataclass(frozen=True)
class Kept:
    """The reference of a text in the store. JSON from outside is never taken for one."""

    kept: str


@dataclass
class Inbox:
    """People's messages that wait for their turn, in a size that continue-as-new can carry.

    Attributes:
        waiting: The messages, the oldest first.
        refused: How many were refused: they were blank or no text, or too many waited.

    Example:
        ```python
        @workflow.signal
        def say(self, text: object = None, *_: object) -> None:
            self.inbox.put(text)
        ```
    """

    waiting: list[str | Kept] = field(default_factory=list)
    refused: int = 0

    def put(self, words: object) -> bool:
        """Take a message in, and return whether that was possible; it never raises."""
        if isinstance(words, str) and words.strip() and len(self.waiting) < MOST_WAITING:
            self.waiting.append(words)
            return True
        self.refused += 1
        if workflow.in_workflow():
            workflow.logger.warning("A message was refused: blank, no text, or too many wait.")
        return False

    async def keep(self, **options: Any) -> None:
        """Put the long messages into the store; a run has to before it continues as new.

        Args:
            **options: Activity options that replace `agentkit.activity_options.PIN_OPTIONS`.
        """
        for place, words in enumerate(self.waiting):  # those that come meanwhile, too
            if isinstance(words, str) and is_long(words):
                settings: dict[str, Any] = {**PIN_OPTIONS, **options}
                kept = workflow.execute_activity("keep_text", words, result_type=str, **settings)
                self.waiting[place] = Kept(await kept)

    async def take(self, **options: Any) -> str | Kept:
        """Remove the oldest message, for `LongConversation.say`; a long one as its reference.

        Args:
            **options: As for `keep`.
        """
        await self.keep(**options)
        return self.waiting.pop(0)


def is_long(text: str) -> bool:
    """Whether a text is too long for a run to carry."""
    return len(text) > MOST_BYTES or len(canonical_json(text)) > MOST_BYTES
