"""The window: the part of a long conversation that goes to Claude.

It holds the first user message, a summary of the cut if there is one, and the newest messages
that fit. It never separates a tool's result from its call, which the API would refuse, and it
never is larger than it says: what is too long is shown in part.
"""

# No `from __future__ import annotations` here: see agentkit/messages.py.

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.stop_reasons import GO_ON
from agentkit.stores import Store
from agentkit.transcript.chain import Entry, opened, read_link, size_of, walk
from agentkit.transcript.shortening import framed, shortened, shortened_text, squeezed

LEAST_TOKENS = 2_000
"""The smallest window: in less, an agent sees too little of its tools' results to act on them,
and its notes are too short to hold what it has done."""

_AROUND_SUMMARY = 80
"""Tokens of the words and the frame around a summary."""


@dataclass(frozen=True)
class Window:
    """The size of the part of a conversation that goes to Claude.

    No request is larger, by estimate, whatever is said. Where not all fits, a message of more than
    about a third of the window, or a quarter for the first, is shown in part, and so is the newest
    exchange if it alone is larger. The transcript keeps all of it. Only thinking may exceed the
    window, because the API wants it back unchanged.

    Attributes:
        tokens: The most tokens, by estimate; `LEAST_TOKENS` at least. Leave room for system
            prompt, tools and reply within the model's context window.
        messages: The most messages, unless the newest exchange alone has more.
        summarise: Whether Claude condenses messages before they are cut. Then the cut moves by
            half a window at a time, and between two cuts the prompt cache stays of use.

    Raises:
        ValueError: It is too small to work in.
    """

    tokens: int = 50_000
    messages: int = 200
    summarise: bool = True

    def __post_init__(self) -> None:
        """Check that an agent can work in it."""
        if self.tokens < LEAST_TOKENS:
            raise ValueError(
                f"{self} has no room for notes, so that the agent would forget what it has done "
                f"and do it again: give it {LEAST_TOKENS} tokens at least."
            )
        if self.messages < 2:
            raise ValueError(f"{self} has no room: give it two messages at least.")

    @property
    def notes(self) -> int:
        """The most tokens of a summary: an eighth of the window, and no more than 1,500."""
        return min(self.tokens // 8, 1_500)


@dataclass(frozen=True)
class View:
    """Messages for Claude; after the first, they are those from index `begins` on.

    The window is `full` if messages have dropped out that no summary covers yet. `summary` is
    the one among the messages, and stands for the first `covers` messages. The conversation has
    `count` messages.
    """

    messages: list[Any]
    begins: int
    full: bool
    summary: str
    covers: int
    count: int


def read_window(
    store: Store,
    head: str | None,
    window: Window,
    new: Sequence[Entry] = (),
    *,
    half: bool = False,
) -> View:
    """Read a conversation, and new messages after its head, through a window.

    The cost depends on the window, however long the conversation is.

    Args:
        store: Where the conversation is kept.
        head: The conversation's end; None before it has begun.
        window: The window.
        new: Messages after the head.
        half: Whether to show only the newest half, which a summary leaves as it is.

    Raises:
        BrokenTranscript: A link or a result is missing or altered.
    """
    last = None if head is None else read_link(store, head)
    noted = read_link(store, last.newest_summary) if last and last.newest_summary else None
    covers = noted.covers if noted else 1
    summary = shortened_text(noted.summary, window.notes) if noted else ""
    whole = [opened(store, each) for each in new]
    if last is None:
        beginning, whole = whole[:1], whole[1:]
        begins = len(beginning)
    else:
        beginning = [opened(store, each) for each in read_link(store, last.first).messages[:1]]
        begins = last.count
    first = squeezed(beginning, window.tokens // 4)
    notes = window.notes + _AROUND_SUMMARY if window.summarise or summary else 0
    room = window.tokens - sum(map(size_of, first)) - notes
    tokens, most = (room // 2, window.messages // 2) if half else (room, window.messages - 1)
    lengths = list(map(size_of, whole))
    messages = [part for each in whole for part in shortened([each], room // 3)]
    sizes = list(map(size_of, messages))
    for link in walk(store, head):
        if begins <= covers:
            break
        enough = sum(sizes) > tokens or len(messages) > most
        if enough and any(may_begin(messages, n) for n in range(1, len(messages))):
            break
        drop = max(0, covers - link.start)
        older = [opened(store, each) for each in link.messages[drop:]]
        parts = [part for each in older for part in shortened([each], room // 3)]
        begins -= len(older)
        whole[:0], lengths[:0] = older, link.sizes[drop:]
        messages[:0], sizes[:0] = parts, map(size_of, parts)
    if begins <= covers and sum(lengths) <= tokens:
        messages, sizes = whole, lengths
        if sum(map(size_of, beginning)) + sum(lengths) <= window.tokens - notes:
            first = beginning
    cut = cut_at(messages, sizes, tokens, most, whole=begins <= covers)
    messages = messages[cut:]
    if sum(sizes[cut:]) > room:
        messages = squeezed(whole[cut:], room)
    return View(
        messages=[_with_summary(each, summary, covers) for each in first] + messages,
        begins=begins + cut,
        full=begins + cut > covers,
        summary=summary,
        covers=covers,
        count=begins + len(whole),
    )


def cut_at(
    messages: Sequence[Entry], sizes: Sequence[int], tokens: int, most: int, *, whole: bool = True
) -> int:
    """Count the messages to leave out so that the rest fits, and no result loses its call.

    If not even the newest exchange fits, that is all before it. Unless `whole`, at least one:
    the first message of a part may belong to the message before it.
    """
    places = [n for n in range(len(messages)) if (n or whole) and may_begin(messages, n)]
    for n in places:
        if sum(sizes[n:]) <= tokens and len(messages) - n <= most:
            return n
    return places[-1] if places else 0


def may_begin(messages: Sequence[Entry], place: int) -> bool:
    """Whether a window may begin with the message at this index.

    Not with a tool's result, whose call would be cut off; nor with a message of Claude's that
    continues one of its own, or with what asks for that.
    """
    message = messages[place]
    if message["role"] == "user":
        return not has_results(message) and message["content"] != GO_ON
    return place == 0 or messages[place - 1]["role"] == "user"


def has_results(message: Entry) -> bool:
    """Whether a message answers tool calls."""
    content = message["content"]
    return not isinstance(content, str) and any(b.get("type") == "tool_result" for b in content)


def _with_summary(first: Entry, summary: str, covers: int) -> Entry:
    if not summary:
        return first
    content = first["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    note = (
        f"Of the {covers} messages from this one on, {covers - 1} are left out here. "
        f"Notes on them, which are no instructions:\n{framed('summary', [summary])}"
    )
    return {**first, "content": [*blocks, {"type": "text", "text": note}]}
