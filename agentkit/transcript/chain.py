"""The chain: a conversation as links in a store, each of which names its predecessor.

A link's reference is the SHA-256 of its text, and its text holds the reference of the link
before. So a reference of 71 characters, the *head*, stands for the whole conversation: it leads
to every message, and changing a message changes the head.

A link is canonical JSON:

| field | holds |
| --- | --- |
| `previous` | the link before; null in the first |
| `first` | the first link, so that the first message is found without a walk; null in the first |
| `noted` | the newest summary before the link, found without a walk; null if there is none |
| `messages` | messages in the Messages API's shape |
| `sizes` | an estimate of each message's tokens |
| `count`, `tokens` | totals from the first message to the end of this link |
| `summary`, `covers` | instead of messages: a summary of the first `covers` messages |

A tool's result is a text of its own in the store, and so are a person's long words. In a link,
`{"kept": reference}` is in the place of the content; `opened` puts the text back. With
`"blocks": true` the text is a JSON list of content blocks, such as images.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from agentkit.messages import Messages, canonical_json
from agentkit.stores import Store

Entry: TypeAlias = dict[str, Any]
"""A message in the API's shape, in which a content may be `{"kept": reference}`."""

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb, for deciding what to send; `usage` in a reply is what the API counted."""

MEDIA_TOKENS = 2_000
"""The estimate for an image or a document, whose tokens don't follow from its bytes."""


class BrokenTranscript(Exception):
    """A link is missing, altered, or something else; the message says which, and what to do."""


@dataclass(frozen=True)
class Link:
    """One link of a chain, as read from the store; the module's table explains the fields.

    Unlike in the store, `first` of the first link is its own reference.
    """

    reference: str
    previous: str | None
    first: str
    noted: str | None
    messages: list[Entry]
    sizes: list[int]
    count: int
    tokens: int
    summary: str = ""
    covers: int = 0

    @property
    def start(self) -> int:
        """The index of its first message in the conversation."""
        return self.count - len(self.messages)

    @property
    def newest_summary(self) -> str | None:
        """The reference of the newest summary up to and including this link."""
        return self.reference if self.summary else self.noted


def append(store: Store, head: str | None, messages: Sequence[Entry]) -> str:
    """Add messages after a conversation's head, and return the new head; None begins one.

    The same messages after the same head give the same new head, however often: a retry
    changes nothing, and keeps nothing twice.

    Raises:
        BrokenTranscript: The store lacks the link at `head`, or a text that a message refers to.
    """
    if not messages:
        if head is None:
            raise ValueError("A conversation can't begin with no messages.")
        return head
    sizes = [size_of(opened(store, each)) for each in messages]
    return _put(store, head, {"messages": list(messages), "sizes": sizes}, len(sizes), sum(sizes))


def append_summary(store: Store, head: str, summary: str, covers: int) -> str:
    """Add a summary of the first `covers` messages, which stay in the chain; return the head."""
    return _put(store, head, {"summary": summary, "covers": covers}, 0, 0)


def read_link(store: Store, reference: str) -> Link:
    """Read one link, or raise `BrokenTranscript`."""
    text = _text(store, reference, "link")
    try:
        found = json.loads(text)
        return Link(
            reference=reference,
            previous=found["previous"],
            first=found["first"] or reference,
            noted=found.get("noted"),
            messages=found.get("messages", []),
            sizes=found.get("sizes", []),
            count=found["count"],
            tokens=found["tokens"],
            summary=found.get("summary", ""),
            covers=found.get("covers", 0),
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise BrokenTranscript(
            f"{reference} is in the store, but isn't a link of a transcript: was another kind of "
            "reference taken for a head?"
        ) from None


def walk(store: Store, head: str | None) -> Iterator[Link]:
    """Read the links of a chain one by one, from its end to its beginning.

    Raises:
        BrokenTranscript: A link is missing or altered; the message says how much was read.
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
    """Read every message of a conversation, the oldest first; summaries aren't among them.

    Raises:
        BrokenTranscript: As `walk`, or the text of a result is missing or altered.
    """
    links = reversed(list(walk(store, head)))
    return cast(Messages, [opened(store, each) for link in links for each in link.messages])


def opened(store: Store, message: Entry) -> Entry:
    """Put the texts back that a message from a link refers to, as the API takes it."""
    content = message["content"]
    if isinstance(content, dict):
        return {**message, "content": _kept(store, content, "message")}
    if isinstance(content, str) or message["role"] != "user":
        return message
    blocks = []
    for block in content:
        kept = block.get("content") if block.get("type") == "tool_result" else None
        if isinstance(kept, dict):
            block = {**block, "content": _kept(store, kept, "tool's result")}
        blocks.append(block)
    return {**message, "content": blocks}


def _kept(store: Store, kept: Entry, what: str) -> str | list[Entry]:
    """Read what `{"kept": reference}` stands for, and add its note."""
    text, note = _text(store, kept["kept"], what), kept.get("note", "")
    if not kept.get("blocks"):
        return f"{text}\n{note}" if note else text
    return [*json.loads(text), *([{"type": "text", "text": note}] if note else [])]


def size_of(message: Entry) -> int:
    """Estimate the tokens of a message in the API's shape."""
    content, media = message["content"], 0
    if not isinstance(content, str):
        content, media = _without_media(content)
    text = canonical_json({**message, "content": content})
    return len(text) // CHARACTERS_PER_TOKEN + 1 + media * MEDIA_TOKENS


def is_media(block: Entry) -> bool:
    """Whether a content block is an image or a document, other than a document of plain text."""
    source = block.get("source")
    text = isinstance(source, dict) and source.get("type") in ("text", "content")
    return block.get("type") in ("image", "document") and not text


def _without_media(content: Sequence[Entry]) -> tuple[list[Entry], int]:
    """Leave out images and documents, also those in results, and count them."""
    blocks, media = [], 0
    for block in content:
        if is_media(block):
            media += 1
            continue
        if block.get("type") == "tool_result" and isinstance(block.get("content"), list):
            inner, more = _without_media(block["content"])
            block, media = {**block, "content": inner}, media + more
        blocks.append(block)
    return blocks, media


def _put(store: Store, head: str | None, what: Entry, count: int, tokens: int) -> str:
    before = None if head is None else read_link(store, head)
    link = {
        **what,
        "previous": head,
        "first": before.first if before else None,
        "noted": before.newest_summary if before else None,
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
            "worker use the same store (AGENTKIT_STORE)? Else restore it from a backup."
        ) from None
