"""Conversations of any length: kept in a store as a chain, seen by Claude through a window."""

from agentkit.transcript.activities import transcript_activities
from agentkit.transcript.chain import BrokenTranscript, append, read_all, walk
from agentkit.transcript.conversation import LongConversation
from agentkit.transcript.verification import recorded_heads, verify, verify_history
from agentkit.transcript.window import Window

__all__ = [
    "BrokenTranscript",
    "LongConversation",
    "Window",
    "append",
    "read_all",
    "recorded_heads",
    "transcript_activities",
    "verify",
    "verify_history",
    "walk",
]
