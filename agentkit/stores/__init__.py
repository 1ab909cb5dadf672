"""Where texts are kept that are too large for a message or for history.

A text's reference is the SHA-256 of its bytes: putting it twice keeps it once, and what comes
back is checked against the reference.
"""

from __future__ import annotations

from typing import Protocol

from agentkit.stores.sqlite import SQLiteStore

__all__ = ["SQLiteStore", "Store"]


class Store(Protocol):
    """Keeps texts; what `put` has returned, `get` must find from every worker."""

    def put(self, text: str) -> str:
        """Keep a text, durably before this returns, and return its reference."""
        ...

    def get(self, reference: str) -> str:
        """Return the text of a reference.

        Raises:
            KeyError: There is none, or it isn't what was put there.
        """
        ...
