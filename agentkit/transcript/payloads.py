"""The payloads between a Workflow and the Activities of a transcript: references only."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

from dataclasses import dataclass

from agentkit.messages import Messages, PinnedPrompt, ToolCall, Usage, Verbatim
from agentkit.stop_reasons import Do, PartialAnswer
from agentkit.transcript.window import Window

MOST_SAID = 4_000
"""The most characters of an answer that history gets; all of it is in the transcript."""

CUT = "\n[Cut here: the whole answer is in the transcript.]"

MOST_ARGUMENTS = 2_000
"""The most characters, as JSON, of a tool call's arguments that history carries."""

MOST_IN_ALL = 200_000
"""The most characters of the arguments, or of the results, of all calls in one reply."""


def share(most: int, many: int) -> int:
    """Return how many characters each of many may have, so that the sum has a bound, too."""
    return min(most, MOST_IN_ALL // max(1, many))


def cut(text: str, most: int, note: str = CUT) -> str:
    """Cut a text to so many characters, with a note at the cut."""
    return text if len(text) <= most else text[: max(0, most - len(note))] + note


@dataclass(frozen=True)
class Turn:
    """The part of a `LongConversation` that a turn, or the summary before it, needs."""

    head: str | None
    new: Verbatim[Messages]
    prompt: PinnedPrompt
    window: Window
    answer: PartialAnswer
    among: str = ""


@dataclass(frozen=True)
class TurnTaken:
    """The outcome of a turn. When history has it, the store holds all of it.

    The fields are those of a `NextStep`, of a `ClaudeReply` and of a `LongConversation`.

    Attributes:
        calls: The tools that Claude asks for. Arguments longer than `MOST_ARGUMENTS` are
            `kept`; a Gate and the tool's Activity read them there.
        answer: The answer so far, its text cut, visibly, at `MOST_SAID`.
    """

    head: str
    do: Do
    calls: list[ToolCall]
    answer: PartialAnswer
    usage: Usage
    model: str
    stop_reason: str
    ended: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Condensed:
    """The outcome of `condense`: a head after the new messages and the summary, and the bill."""

    head: str
    usage: Usage
    model: str
