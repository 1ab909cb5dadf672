"""Phrases: arguments that take the user's own words, and lists of them."""

from __future__ import annotations

import re
from typing import Any

from offline_claude.mind.json_schema import conforms
from offline_claude.mind.matching import STRONG, candidates, listed_with
from offline_claude.mind.slots import Slot
from offline_claude.mind.values import Passage, quoted
from offline_claude.mind.words import MOST_CHARACTERS, stem

_SEARCH = re.compile(
    r"^\s*(?:please |can you |could you )*(?:search|look up|look for|find|google|browse)"
    r"(?: (?:the|on|in|my|our|through))*(?: (?:web|internet|online|docs|documents|documentation))?"
    r"(?: (?:for|about))? ",
    re.IGNORECASE,
)

_CONTENT = tuple(
    re.compile(words, re.IGNORECASE | re.DOTALL)
    for words in (
        r"\b(?:saying|that says|to say|with the (?:text|content|message|body))[: ]+(?:that )?(.+)",
        r"[^:]{1,200}: ?(.+)",
        r"\b(?:telling|tell|ask|asking) (?:him|her|them) (?:that )?(.+)",
    )
)

_LONG = {"text", "content", "body", "message", "input", "sentence", "paragraph", "document", "note"}


def texts(passage: Passage, slot: Slot, *, every: bool) -> list[Any]:
    """Find the texts of a list: those told after its name, else all of its kind.

    Args:
        passage: The text.
        slot: What the list holds.
        every: Whether all texts of the kind count, also when nothing says that they are meant.

    Returns:
        The texts, in order.
    """
    for word in slot.words:
        between = r"(?: ?[:=] ?| are | is | as | of | with | )"
        pattern = rf"\b{re.escape(stem(word))}\w{{0,4}}{between}([^.;!?\n]+)"
        for m in re.finditer(pattern, passage.text, re.IGNORECASE):
            if slot.kinds[:1] not in (["email"], ["url"]):
                parts = re.split(r",? (?:and|und|et) |, ?", _up_to_the_next(m[1]))
                listed = [p.strip(" \"'“”") for p in parts if p.strip()]
                if m[1] and (len(listed) > 1 or len(listed[0].split()) <= 3):
                    return [v for v in listed if conforms(v, slot.spec)]
    found = [v for v, _, score in candidates(passage, slot) if slot.kinds or score >= 1]
    if every and (slot.kinds or len(found) > 1):
        return found
    near = candidates(passage, slot)
    sure = [v for v, _, score in near if score >= STRONG and {*slot.kinds} & {"name", "email"}]
    return listed_with(passage, near, sure[0]) if sure else []


def free_words(passage: Passage, slot: Slot) -> str | None:
    """Find the user's own words, without the request around them.

    Args:
        passage: The text.
        slot: An argument that takes any words.

    Returns:
        The words; None when there are none.
    """
    text = passage.text.strip()
    if told := quoted(text):
        return told[0]
    if {*slot.words} & _LONG:
        for pattern in _CONTENT:
            if content := pattern.search(text[:MOST_CHARACTERS]):
                return content[1].strip() or None
    if {*slot.words} & {"query", "q", "keywords", "search", "topic"}:
        shorter = _SEARCH.sub("", text, count=1).strip()
        return shorter.rstrip("?.!") if shorter != text else text or None
    return text or None


def _up_to_the_next(text: str) -> str:
    """Cut a list of words where another part of the sentence begins."""
    return re.split(r" (?:for|on|in|at|from|to|with|by|assign\w*|due|priority) ", text)[0]
