"""The chain: a conversation as links in a store, each of which names the one before it.

A link's reference is the SHA-256 of its text, and its text holds the reference of the link
before. So a reference of 71 characters, the *head*, stands for the whole conversation: whoever
has it can read every message, and nobody can change one without changing the head.

A link is canonical JSON:

| field | holds |
| --- | --- |
| `previous` | the link before; null in the first |
| `first` | the first link, so that the first message is found without a walk; null in the first |
| `messages` | what was said, in the Messages API's shape |
| `sizes` | an estimate of each message's tokens |
| `count`, `tokens` | totals from the first message to the end of this link |
| `summary`, `covers` | instead of messages: a summary of the first `covers` messages |

A tool's result is kept by its tool, as a text of its own. In a link it is `{"kept": reference}`
in the place of the result's content; `opened` puts the text back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from agentkit.digests import canonical_json
from agentkit.messages import Messages
from agentkit.stores import Store

Entry: TypeAlias = dict[str, Any]
"""A message in the API's shape, in which a tool's result may be `{"kept": reference}`."""

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb, for deciding what to send; `usage` in a reply is what the API counted."""


class BrokenTranscript(Exception):
    """A link is missing, was altered, or isn't one; the message says which, and what to do."""


@dataclass(frozen=True)
class Link:
    """One link of a chain, read from the store.

    Attributes:
        reference: Its reference.
        previous: The reference of the link before it; None in the first.
        first: The reference of the first link; its own in the first.
        messages: What was said, as it is kept.
        sizes: About how many tokens each of them has.
        count: How many messages the chain has up to and with this link.
        tokens: About how many tokens they have.
        summary: A summary of the first `covers` messages; "" in a link with messages.
        covers: How many messages the summary stands for.
    """

    reference: str
    previous: str | None
    first: str
    messages: list[Entry]
    sizes: list[int]
    count: int
    tokens: int
    summary: str = ""
    covers: int = 0

    @property
    def start(self) -> int:
        """The place of its first message in the conversation, from 0."""
        return self.count - len(self.messages)


def append(store: Store, head: str | None, messages: Sequence[Entry]) -> str:
    """Put messages at the end of a conversation.

    The same messages after the same head give the same new head, however often: a retry
    changes nothing, and keeps nothing twice.

    Args:
        store: Where the chain is.
        head: The end of the conversation so far; None begins one.
        messages: What was said since, results as `{"kept": reference}` or as text.

    Returns:
        The new head, which the store holds durably; the old one when there are no messages.

    Raises:
        BrokenTranscript: The store has no link at `head`, or not what was kept at a reference.
    """
    if not messages:
        return _known(head)
    sizes = [size_of(opened(store, each)) for each in messages]
    return _put(store, head, {"messages": list(messages), "sizes": sizes}, len(sizes), sum(sizes))


def append_summary(store: Store, head: str, summary: str, covers: int) -> str:
    """Put a summary at the end of a conversation; the messages it stands for stay in the chain.

    Args:
        store: Where the chain is.
        head: The end of the conversation so far.
        summary: In words what the first messages came to.
        covers: How many messages it stands for, from the first.

    Returns:
        The new head.

    Raises:
        BrokenTranscript: The store has no link at `head`.
    """
    return _put(store, head, {"summary": summary, "covers": covers}, 0, 0)


def read_link(store: Store, reference: str) -> Link:
    """Read one link.

    Args:
        store: Where the chain is.
        reference: The link's.

    Returns:
        The link, whose text is the one that the reference was made of.

    Raises:
        BrokenTranscript: It is missing, was altered, or is no link.
    """
    text = _text(store, reference, "link")
    try:
        found = json.loads(text)
        return Link(
            reference=reference,
            previous=found["previous"],
            first=found["first"] or reference,
            messages=found.get("messages", []),
            sizes=found.get("sizes", []),
            count=found["count"],
            tokens=found["tokens"],
            summary=found.get("summary", ""),
            covers=found.get("covers", 0),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise BrokenTranscript(
            f"{reference} is in the store, but isn't a link of a transcript: was another kind of "
            "reference taken for a head?"
        ) from None


def walk(store: Store, head: str | None) -> Iterator[Link]:
    """Go through a chain from its end to its beginning.

    Args:
        store: Where the chain is.
        head: Where to begin; None is a conversation in which nothing was said.

    Yields:
        Each link, read when it is asked for.

    Raises:
        BrokenTranscript: As `read_link`; the message says how much was read.
    """
    seen = 0
    while head is not None:
        try:
            link = read_link(store, head)
        except BrokenTranscript as err:
            raise BrokenTranscript(f"{err} ({seen} links after it are whole.)") from None
        yield link
        head, seen = link.previous, seen + 1


def read_all(store: Store, head: str | None) -> Messages:
    """Read a whole conversation, also what no window shows any more.

    Args:
        store: Where the chain is.
        head: Its end.

    Returns:
        Every message in the API's shape, the oldest first; summaries aren't among them.

    Raises:
        BrokenTranscript: As `walk`; or a result isn't where it was kept.
    """
    links = reversed(list(walk(store, head)))
    return cast(Messages, [opened(store, each) for link in links for each in link.messages])


def opened(store: Store, message: Entry) -> Entry:
    """Put the texts back that a message refers to.

    Args:
        store: Where they are.
        message: A message as a link holds it.

    Returns:
        The message as the API takes it.

    Raises:
        BrokenTranscript: A text is missing or was altered.
    """

    def text_at(reference: str) -> str:
        return _text(store, reference, "tool's result")

    return _replaced(message, text_at)


def size_of(message: Entry) -> int:
    """Estimate how many tokens a message has.

    Args:
        message: A message in the API's shape.
    """
    return len(canonical_json(message)) // CHARACTERS_PER_TOKEN + 1


def _replaced(message: Entry, text_at: Callable[[str], str]) -> Entry:
    content = message["content"]
    if isinstance(content, str) or message["role"] != "user":
        return message
    blocks = []
    for block in content:
        kept = block.get("content") if block.get("type") == "tool_result" else None
        if isinstance(kept, dict):
            text = text_at(kept["kept"])
            note = kept.get("note", "")
            block = {**block, "content": f"{text}\n{note}" if note else text}
        blocks.append(block)
    return {**message, "content": blocks}


def _put(store: Store, head: str | None, what: Entry, count: int, tokens: int) -> str:
    before = None if head is None else read_link(store, head)
    link = {
        **what,
        "previous": head,
        "first": before.first if before else None,
        "count": count + (before.count if before else 0),
        "tokens": tokens + (before.tokens if before else 0),
    }
    return store.put(canonical_json(link))


def _text(store: Store, reference: str, what: str) -> str:
    try:
        return store.get(reference)
    except KeyError as err:
        raise BrokenTranscript(
            f"A {what} of this transcript is missing or was altered: {err.args[0]}. Does every "
            "worker use the same store (AGENTKIT_STORE)? Else bring it back from a backup."
        ) from None


def _known(head: str | None) -> str:
    if head is None:
        raise ValueError("A conversation can't begin with no messages.")
    return head
