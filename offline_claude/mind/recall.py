"""Recall: the sentence of what was written here that a question is about, quoted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline_claude.mind.case import Case
from offline_claude.mind.words import (
    FILLER_WORDS,
    SHOP_WORDS,
    collapse,
    meanings,
    stems,
)

_SENTENCE = re.compile(r"[^\n.!?]+(?:[.!?](?=\d|\w)[^\n.!?]*)*[.!?]?")
_MOST_SENTENCES = 3000
_LONGEST = 400
_WHAT_I_SAID = re.compile(
    r"\bwhat (?:did you (?:just )?(?:say|answer|reply)|was your (?:last )?(?:answer|reply))",
    re.IGNORECASE,
)
_WHAT_YOU_SAID = re.compile(
    r"\bwhat (?:did i (?:just )?(?:say|ask|write|tell you)|was my (?:last|previous|first) \w+)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?|^\s*(?:what|who|whom|whose|when|where|which|why|how|is|are|was|were|do|does|did|can|could"
    r"|tell|give|list|name|find|show|quote|according|extract|answer|remind)\b",
    re.IGNORECASE,
)
_ITS_OWN = {"user", "text", "document", "above", "article", "say", "answer", "passage", "tell"}


def recalled(case: Case, text: str) -> str:
    """Answer a question from what stands in the conversation.

    Args:
        case: The case.
        text: The question.

    Returns:
        The sentence that shares most words with it, quoted; empty when none does.
    """
    if _WHAT_I_SAID.search(text[:500]) and case.last_reply:
        return f"I said: “{_cut(case.last_reply)}”"
    if _WHAT_YOU_SAID.search(text[:500]) and case.earlier:
        return f"You wrote: “{_cut(case.earlier[0 if 'first' in text else -1])}”"
    if not _ASKS.search(text):
        return ""
    asked = _telling(text) - (FILLER_WORDS - (set() if case.is_desk else SHOP_WORDS))
    asked -= stems(" ".join(_ITS_OWN))
    found: list[tuple[str, set[str]]] = []
    for sentence, needed in _sentences(case) if asked else ():
        said = meanings(_telling(sentence))
        told = {word for word in asked if meanings({word}) & said}
        if told and len(told) >= needed * len(asked):
            found.append((sentence, told))
    if not found:
        return _beginning(case, text)
    best, told = max(found, key=lambda one: len(one[1]))
    # "What colour are the grass and the sky?" may be told in two sentences.
    more, rest = max(found, key=lambda one: len(one[1] - told))
    quoted = f"{best} {more}" if len(rest - told) and more != best else best
    return f"From what you wrote: “{_cut(quoted)}”"


def _telling(text: str) -> set[str]:
    """The stems of a text, and its numbers."""
    return stems(text) | {*re.findall(r"\d+", text[:2000])}


def _sentences(case: Case) -> Iterator[tuple[str, float]]:
    """Every sentence, with the share of the question's words that it has to hold.

    What lies beside the question was given to be asked about: there, one word in three is enough.
    """
    sources = [(t, 0.3) for t in reversed(case.texts)]
    sources += [(t, 0.5) for t in reversed(case.earlier)]
    if len(case.focus) > 600 and "\n" in case.focus:
        sources.append((case.focus.rsplit("\n", 1)[0], 0.5))
    sources += [(t, 0.7) for t in (*case.notices, case.system)]
    left = _MOST_SENTENCES
    for source, needed in sources:
        for m in _SENTENCE.finditer(source[:100_000]):
            sentence = m[0].strip(" \t-*#>|")
            if len(sentence.split()) >= 2 and not sentence.endswith("?"):
                left -= 1
                yield sentence, needed
            if left <= 0:
                return


def _beginning(case: Case, text: str) -> str:
    """Say of a text given beside the question that it doesn't tell."""
    if not case.texts or case.tools:
        return ""
    first = next(_SENTENCE.finditer(case.texts[-1]), None)
    begins = f" It begins: “{_cut(first[0].strip())}”" if first else ""
    return f"I find no sentence about “{_cut(text)}” in the text you sent.{begins}"


def _cut(text: str) -> str:
    told = collapse(text).strip()
    return told if len(told) <= _LONGEST else told[: _LONGEST - 1].rstrip() + "…"
