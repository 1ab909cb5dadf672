"""The mind: from the request alone to the next thing to say. It is rules, not a model."""

from offline_claude.mind.thinking import think

__all__ = ["think"]
