"""Conversations of any length: kept in a store as a chain, seen by Claude through a window."""

from agentkit.transcript.activities import TranscriptPlugin
from agentkit.transcript.chain import (
    BrokenTranscript,
    Link,
    append,
    append_summary,
    read_all,
    read_link,
    walk,
)
from agentkit.transcript.conversation import LongConversation
from agentkit.transcript.payloads import Prompt, TurnTaken
from agentkit.transcript.verification import Verified, recorded_heads, verify, verify_history
from agentkit.transcript.window import View, Window, read_window

__all__ = [
    "BrokenTranscript",
    "Link",
    "LongConversation",
    "Prompt",
    "TranscriptPlugin",
    "TurnTaken",
    "Verified",
    "View",
    "Window",
    "append",
    "append_summary",
    "read_all",
    "read_link",
    "read_window",
    "recorded_heads",
    "verify",
    "verify_history",
    "walk",
]
