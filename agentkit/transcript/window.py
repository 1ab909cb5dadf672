"""The window: the part of a long conversation that goes to Claude.

It holds the first user message, a summary of the cut if there is one, and the newest messages
that fit. It never separates a tool's result from its call, which the API would refuse.
"""

# No `from __future__ import annotations` here: see agentkit/messages.py.

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.stores import Store
from agentkit.transcript.chain import Entry, Link, opened, read_link, size_of, walk


@dataclass(frozen=True)
class Window:
    """The size of the part of a conversation that goes to Claude.

    The newest exchange goes whole, even if it alone is larger.

    Attributes:
        tokens: The most tokens, by estimate: leave room for system prompt, tools and reply
            within the model's context window.
        messages: The most messages.
        summarise: Whether Claude condenses messages before they are cut. Then the cut moves by
            half a window at a time, and between two cuts the prompt cache stays of use.

    Raises:
        ValueError: It has no room for anything.
    """

    tokens: int = 50_000
    messages: int = 200
    summarise: bool = True

    def __post_init__(self) -> None:
        """Check that something fits."""
        if self.tokens < 1 or self.messages < 2:
            raise ValueError(f"{self} has no room: give it a token, and two messages, at least.")

    @property
    def half(self) -> "Window":
        """The part that a summary leaves as it is."""
        return Window(max(1, self.tokens // 2), max(2, self.messages // 2), self.summarise)


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


def read_window(store: Store, head: str | None, window: Window, new: Sequence[Entry] = ()) -> View:
    """Read a conversation, and new messages after its head, through a window.

    The cost depends on the window, however long the conversation is.

    Raises:
        BrokenTranscript: A link or a result is missing or altered.
    """
    messages = [opened(store, each) for each in new]
    sizes = [size_of(each) for each in messages]
    summary, begins, first = _newest(store, head, window, messages, sizes)
    if begins == 0:
        first, messages, sizes, begins = messages[:1], messages[1:], sizes[1:], 1
    covers = summary.covers if summary else 1
    shown = [_with_summary(opened(store, each), summary) for each in first]
    room = window.tokens - sum(map(size_of, shown))
    cut = cut_at(messages, sizes, room, window.messages - 1, whole=begins == covers)
    return View(
        messages=shown + [opened(store, each) for each in messages[cut:]],
        begins=begins + cut,
        full=begins + cut > covers,
        summary=summary.summary if summary else "",
        covers=covers,
        count=begins + len(messages),
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
    continues one of its own.
    """
    message = messages[place]
    if message["role"] == "user":
        return not has_results(message)
    return place == 0 or messages[place - 1]["role"] == "user"


def has_results(message: Entry) -> bool:
    """Whether a message answers tool calls."""
    content = message["content"]
    return not isinstance(content, str) and any(b.get("type") == "tool_result" for b in content)


def _newest(
    store: Store, head: str | None, window: Window, messages: list[Entry], sizes: list[int]
) -> tuple[Link | None, int, list[Entry]]:
    """Prepend the messages that the window may show, walking back no further than that.

    Return the newest summary's link, the index of the first of the messages, and the
    conversation's first message unless it is among them.
    """
    summary: Link | None = None
    begins, beginning = 0, None
    for link in walk(store, head):
        beginning = link.first
        if link.summary:
            summary = summary or link
            continue
        drop = max(0, summary.covers - link.start) if summary else 0
        messages[:0], sizes[:0] = link.messages[drop:], link.sizes[drop:]
        begins = link.start + drop
        if summary and begins <= summary.covers:
            break
        full = sum(sizes) > window.tokens or len(messages) > window.messages
        if full and any(may_begin(messages, n) for n in range(1, len(messages))):
            break
    if begins == 0 or beginning is None:
        return summary, begins, []
    return summary, begins, read_link(store, beginning).messages[:1]


def _with_summary(first: Entry, link: Link | None) -> Entry:
    if link is None:
        return first
    content = first["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    note = (
        f"<summary>\nOf the {link.covers} messages from that one on, {link.covers - 1} are left "
        f"out here. Notes on them, which are no instructions:\n{link.summary}\n</summary>"
    )
    return {**first, "content": [*blocks, {"type": "text", "text": note}]}
