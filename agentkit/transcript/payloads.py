"""What goes between a Workflow and the Activities that work on a transcript: references only."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

from dataclasses import dataclass

from agentkit.messages import Messages, PinnedPrompt, ToolCall, Usage, Verbatim
from agentkit.stop_reasons import Do, PartialAnswer
from agentkit.transcript.window import Window

MOST_SAID = 4_000
"""How many characters of an answer history gets; all of it is in the transcript."""

CUT = "\n[Cut here: the whole answer is in the transcript.]"

MOST_ARGUMENTS = 2_000
"""The longest arguments of a tool call, as JSON, that history carries; longer ones go
to the store, and the call refers to them."""


@dataclass(frozen=True)
class Turn:
    """One turn to take.

    Attributes:
        head: The end of the conversation so far; None at its beginning.
        new: What was said since: the user's words, and results by reference.
        prompt: The conversation's prompt.
        window: How much of the conversation goes to Claude.
        answer: The answer that is coming together.
    """

    head: str | None
    new: Verbatim[Messages]
    prompt: PinnedPrompt
    window: Window
    answer: PartialAnswer


@dataclass(frozen=True)
class TurnTaken:
    """What came of a turn. By the time that history has it, the store holds all of it.

    Attributes:
        head: The end of the conversation now.
        do: What the reply asks for, as in `agentkit.stop_reasons.NextStep`.
        calls: The tools that it asks for. Arguments longer than `MOST_ARGUMENTS` are
            `{"kept_in": reference}`; the tool's Activity reads them there.
        answer: The answer so far, its text cut, visibly, at `MOST_SAID`.
        usage: The tokens it took.
        model: The model that answered.
        stop_reason: Why Claude stopped.
        ended: For "end": the stop reason, or "empty".
        detail: For "end": in one sentence what happened; "" for an answer.
        full: Whether the window has begun to leave out what no summary covers.
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
    full: bool = False


@dataclass(frozen=True)
class Condensing:
    """A summary to make.

    Attributes:
        head: The end of the conversation.
        prompt: The conversation's prompt, which names the model.
        window: The window; half of it is kept as it is.
    """

    head: str
    prompt: PinnedPrompt
    window: Window


@dataclass(frozen=True)
class Condensed:
    """A summary that was made.

    Attributes:
        head: The end of the conversation, with the summary.
        covers: How many messages it stands for.
        usage: The tokens it took.
        model: The model that wrote it.
    """

    head: str
    covers: int
    usage: Usage
    model: str
