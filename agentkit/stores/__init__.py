"""Where texts are kept that are too large for a message or for history."""

from agentkit.stores.sqlite import SQLiteStore, Store

__all__ = ["SQLiteStore", "Store"]
