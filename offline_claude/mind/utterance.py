"""Utterances: a user's own words in a message, apart from what was put around them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from offline_claude.mind.marked_fields import question_in_fields
from offline_claude.request import Block, Message, blocks_of

_OPENING = re.compile(r"<([A-Za-z][\w.:-]{0,60})(?: [^<>\n]{0,300})?>")
_ASKING = re.compile(
    r"(?:user_?)?(?:question|query|task|request|prompt|instructions?|message|input)s?",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r".*-.*|system\w*|context\w*|env(?:ironment)?(?:_\w+)?|reminder\w*|notices?|ide_\w+|command\w*"
    r"|metadata|editor\w*|workspace\w*",
    re.IGNORECASE,
)
_LONG_ENOUGH = 10
_MOST_ELEMENTS = 500


@dataclass(frozen=True)
class Utterance:
    """What a user's message says.

    Attributes:
        words: The user's own words: what stands outside of tags, if anything does.
        written: The whole text with the documents, without notices such as system reminders.
        texts: The documents, search results and tagged texts that lie beside the words.
        notices: What a client put in between, such as system reminders.
        unseen: What the message holds that the offline Claude can't look at.
    """

    words: str
    written: str
    texts: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()

    @classmethod
    def read(cls, message: Message) -> Self:
        """Read a message.

        Args:
            message: A message of the user.

        Returns:
            What it says.
        """
        text = question_in_fields(message.text)
        outside, elements = _split(text)
        documents = [d for block in message.blocks if (d := _document(block))]
        notices = [body for name, body in elements if _NOTICE.fullmatch(name)]
        beside = [(name, body) for name, body in elements if not _NOTICE.fullmatch(name)]
        bodies = [body for _, body in beside]
        marked = [f"<{name}>{body}</{name}>" for name, body in beside]
        apart = [outside.strip(), *marked, *documents] if elements or documents else [text]
        return cls(
            words=outside if outside.strip() else "\n".join(bodies),
            written="\n".join(apart).strip(),
            texts=(*documents, *bodies),
            notices=tuple(notices),
            unseen=tuple(filter(None, map(_unseen, message.blocks))),
        )


def _split(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Take the elements that lie beside a text out of it."""
    outside, elements, at = [], [], 0
    unclosed: set[str] = set()
    for count, m in enumerate(_OPENING.finditer(text)):
        if count >= _MOST_ELEMENTS:
            break
        name = m[1]
        if m.start() < at or name in unclosed:
            continue
        end = text.find(f"</{name}>", m.end())
        if end < 0:
            unclosed.add(name)
            continue
        body = text[m.end() : end]
        after = end + len(name) + 3
        begins_line = not text[text.rfind("\n", 0, m.start()) + 1 : m.start()].strip()
        if _ASKING.fullmatch(name):
            outside += [text[at : m.start()], body]
        elif begins_line or len(body.split()) >= _LONG_ENOUGH:
            outside.append(text[at : m.start()])
            elements.append((name, body.strip()))
        else:
            continue
        at = after
    return "".join([*outside, text[at:]]), elements


def _document(block: Block) -> str:
    """The text of a document or of a search result; empty where there is none to read."""
    if block.get("type") == "search_result":
        return Message("", blocks_of(block.get("content"))).text
    source = block.get("source")
    if block.get("type") != "document" or not isinstance(source, dict):
        return ""
    if source.get("type") == "text":
        return str(source.get("data") or "")
    return Message("", blocks_of(source.get("content"))).text


def _unseen(block: Block) -> str:
    kind = block.get("type")
    if kind in ("image", "container_upload"):
        return "image" if kind == "image" else "file"
    return "document" if kind == "document" and not _document(block) else ""
