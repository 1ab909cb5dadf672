"""What goes between a Workflow and the Activities that work on a transcript: references only."""

# No `from __future__ import annotations` here: see agentkit/claude.py.

from dataclasses import dataclass, field
from typing import Any

from agentkit.claude import Usage
from agentkit.messages import Messages, ToolCall, ToolSchemas, Verbatim
from agentkit.stop_reasons import Answer, Do
from agentkit.transcript.window import Window

MOST_SAID = 4_000
"""How many characters of an answer history gets; all of it is in the transcript."""

CUT = "\n[Cut here: the whole answer is in the transcript.]"

MOST_ARGUMENTS = 2_000
"""The longest arguments of a tool call, as JSON, that history carries; longer ones stay in the
transcript, and the call refers to them."""


@dataclass(frozen=True)
class Prompt:
    """What goes to Claude beside the messages: kept once, and pinned by its reference.

    Attributes:
        system: The system prompt.
        tools: Schemas of the tools on offer, from `Tool.schema()`.
        model: A model id; None takes `default_model()` of the worker that keeps the prompt.
    """

    system: str = ""
    tools: Verbatim[ToolSchemas] = field(default_factory=list)
    model: str | None = None


@dataclass(frozen=True)
class Turn:
    """One turn to take.

    Attributes:
        head: The end of the conversation so far; None at its beginning.
        new: What was said since: the user's words, and results by reference.
        prompt: The reference of the prompt.
        window: How much of the conversation goes to Claude.
        answer: The answer that is coming together.
    """

    head: str | None
    new: Verbatim[Messages]
    prompt: str
    window: Window
    answer: Answer


@dataclass(frozen=True)
class TurnTaken:
    """What came of a turn. By the time that history has it, the store holds all of it.

    Attributes:
        head: The end of the conversation now.
        do: What the reply asks for, as in `agentkit.stop_reasons.NextStep`.
        calls: The tools that it asks for. Arguments longer than `MOST_ARGUMENTS` are
            `{"kept_in": head}`; the tool's Activity reads them there.
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
    answer: Answer
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
        prompt: The reference of the prompt, which names the model.
        window: The window; half of it is kept as it is.
    """

    head: str
    prompt: str
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


KEPT = "kept:"
"""How a tool's result begins in history: `kept:REFERENCE LENGTH PREVIEW`, all on one line."""

KEPT_IN = "kept_in"
"""The only key of arguments that are too long for history."""

_MOST_PREVIEW = 120


def announce(reference: str, text: str) -> str:
    """Write what history gets instead of a tool's result.

    Args:
        reference: Where the result is kept.
        text: The result.

    Returns:
        One line: reference, length in characters, and how it begins.
    """
    preview = " ".join(text[: 4 * _MOST_PREVIEW].split())[:_MOST_PREVIEW]
    return f"{KEPT}{reference} {len(text)} {preview}"


def by_reference(block: Any) -> Any:
    """Take the preview out of a tool's result, so that history has it once.

    Args:
        block: A `tool_result` block whose content `announce` has written, or an error's words.

    Returns:
        The block as a link holds it. What was added below the line, such as a reviewer's note,
        is kept.
    """
    content = block.get("content")
    if block.get("is_error") or not isinstance(content, str) or not content.startswith(KEPT):
        return block
    line, _, note = content.partition("\n")
    kept = {"kept": line.removeprefix(KEPT).partition(" ")[0]}
    return {**block, "content": {**kept, "note": note} if note else kept}
