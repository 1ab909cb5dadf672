"""Fitting: which of a learner's tools a question speaks of, by the words of both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from offline_claude.mind.case import Case
from offline_claude.mind.json_schema import kind_of, plain, properties, required
from offline_claude.mind.slots import Slot
from offline_claude.mind.values import Passage
from offline_claude.mind.words import (
    FILLER_WORDS,
    LOOK_UPS,
    SHOP_WORDS,
    WEAK_GROUPS,
    WEAK_WORDS,
    exactly,
    meanings,
    name_words,
    plain_name,
    ruled_out,
    stem,
    stems,
)

_EFFECTS = stems(
    "add append apply approve assign block book buy cancel change charge close create delete "
    "deploy drop edit email execute forward insert invite issue kill modify move notify open "
    "order pay "
    "place post publish put refund register remove rename reply reserve reset restart restock run "
    "save schedule send set ship start stop store submit text transfer update upload write"
)

_HARMFUL = stems("cancel delete remove drop erase refund charge pay transfer kill close reset")
"""What is never done without being asked for in words."""

_FINDS = exactly("find search look show list browse")

_TELLING_KINDS = {"sum", "currency", "email", "url", "path", "zone", "phone", "language", "ticker"}

_MANY = 24
"""From so many tools on, most words of a tool's name have to be said."""

_SHORT = 300
"""Characters of a description that counts whole; one twice as long is that of an agent."""

_BEGINNING = re.compile(r"(?:[^\n]|\n(?!\s*\n)){1,300}")

_TIMES = re.compile(r"(?<=\d) times (?=\d)", re.IGNORECASE)


@dataclass(frozen=True)
class Fitting:
    """A tool that the question speaks of.

    Attributes:
        name: The tool.
        score: How much it speaks of it.
        heard: The words that do.
        certain: Whether that is enough to use it, when others fit as well.
    """

    name: str
    score: float
    heard: frozenset[str]
    certain: bool = True


def fitting(case: Case) -> list[Fitting]:
    """Find the tools that a question speaks of.

    Args:
        case: The case.

    Returns:
        Tools in the order they are offered. One of two tools that answer to the same words is
        left out: the one that fewer of its words speak of.
    """
    for text in dict.fromkeys([case.focus, case.question]):
        passage = Passage(text)
        words = unmistakable(passage.text)
        said = stems(words) - ruled_out(words)
        every = [f for name in case.own if (f := _fitting(case, name, said, passage))]
        told = [f for f in every if f.certain]
        if not told and not case.runs:
            told = sorted(every, key=lambda f: -f.score)[:1]
        if not told and not case.runs and (only := _only_search(case, text)):
            told = [only]
        if not told and case.refers_back:
            told = [f for f in (_as_before(case, said),) if f]
        if told:
            break
    best = max((f for f in told if is_demanding(case, f.name)), key=lambda f: f.score, default=None)
    told = [f for f in told if f is best or not is_demanding(case, f.name)]
    return [
        f for n, f in enumerate(told) if not any(_beats(o, f, m < n) for m, o in enumerate(told))
    ]


def _only_search(case: Case, text: str) -> Fitting | None:
    """The one tool there is, when it takes a query and something is to be found."""
    name = next(iter(case.tools), "")
    asked = [w for w in name_words(text[:200]) if w not in ("please", "can", "could", "you")][:1]
    if len(case.tools) != 1 or not looks_up(name) or not {*asked} & _FINDS:
        return None
    schema = plain(case.tools[name]["input_schema"], case.tools[name]["input_schema"])
    queries = any(Slot(n, {}).is_free for n in required(schema))
    return Fitting(name, 1.0, frozenset()) if queries and not is_demanding(case, name) else None


def _beats(one: Fitting, other: Fitting, first: bool) -> bool:
    """Whether one tool answers to all that speaks for another, and is nearer or offered first."""
    if not other.heard or one is other:
        return False
    nearer = one.score > other.score and other.heard <= one.heard
    return nearer or (first and one.score == other.score and other.heard == one.heard)


def unmistakable(text: str) -> str:
    """Say "7 times 8" in a word that isn't about the time of day.

    Args:
        text: The question.

    Returns:
        The question, with another word for times.
    """
    return _TIMES.sub(" multiply ", text)


def _as_before(case: Case, said: set[str]) -> Fitting | None:
    """The tool that was used last, when it is to be used once more in another way."""
    if not case.earlier_runs or case.runs:
        return None
    name = case.earlier_runs[-1].name
    again = re.search(
        r"\b(?:instead|again|once more|as well|too)\b", case.focus[:500], re.IGNORECASE
    )
    if name in case.own and (again or stems(" ".join(name_words(name))) & said):
        return Fitting(name, 2, frozenset(said))
    return None


def is_effect(name: str) -> bool:
    """Tell whether a tool may change something, as far as its name tells.

    Args:
        name: The tool.

    Returns:
        True when its name begins with a word such as "send".
    """
    return not looks_up(name) and bool(stems(" ".join(name_words(plain_name(name))[:1])) & _EFFECTS)


def looks_up(name: str) -> bool:
    """Tell whether a tool only looks something up, as far as its name tells.

    Args:
        name: The tool.

    Returns:
        True when its name begins with a word such as "get".
    """
    name = plain_name(name)
    return name.lower().startswith(LOOK_UPS) or name_words(name)[:1] in (
        ["get"],
        ["list"],
        ["read"],
    )


def _fitting(case: Case, name: str, said: set[str], passage: Passage) -> Fitting | None:
    tool = case.tools[name]
    schema = plain(tool["input_schema"], tool["input_schema"])
    kept = set() if case.is_desk else SHOP_WORDS
    weak, filler = WEAK_WORDS - kept, FILLER_WORDS - kept
    own_name = plain_name(name)
    own = stems(" ".join(name_words(own_name)))
    about = stems(purpose(tool))
    heard = {w for w in said if meanings({w} - weak) & (meanings(own - weak) - WEAK_GROUPS)}
    told = {w for w in said if meanings({w} - weak) & (meanings(about - weak) - WEAK_GROUPS)}
    score = 2.0 * len(heard) + len(told - heard)
    slots = [
        Slot(n, plain(s, schema), tuple(name_words(own_name)))
        for n, s in properties(schema).items()
    ]
    kinds = [k for slot in slots if (k := _told(passage, slot))]
    if "sum" in kinds:
        score += 2
    elif kinds and (score or len(kinds) > 1 or kinds[0] in ("url", "path")):
        score += 1 + (len(kinds) > 1)
    verbs = {w for w in said & own if w in WEAK_WORDS}
    score += 0.5 * len(verbs) if score else 0
    reads = looks_up(name) and bool((own | about) & said - filler) and not case.runs
    verb = stem((name_words(own_name) or [""])[0])
    unsaid = is_effect(name) and not meanings({verb}) & meanings(said)
    if is_demanding(case, name):
        named = len({w for w in own if meanings({w}) & meanings(said)}) + ("url" in kinds)
        if unsaid or not (heard or verbs) or 2 * named <= len(own):
            return None
    typed = {*kinds} & {"url", "path"}
    if (unsaid and verb in _HARMFUL) or not (score >= 2 or reads or typed):
        return None
    # One that would act without a word for it loses against any other that fits.
    score -= 0.4 if unsaid and score >= 2 else 0
    return Fitting(name, score, frozenset(heard | told | verbs), certain=score >= 1.6)


def purpose(tool: dict[str, Any]) -> str:
    """Say what a tool is for: its description, of a long one only the beginning.

    Args:
        tool: A tool as the request offers it.

    Returns:
        A few words.
    """
    described = str(tool.get("description") or "").strip()
    if len(described) <= _SHORT:
        return described
    first = _BEGINNING.match(described)
    return re.split(r"(?<=[.!?])\s", first[0] if first else described)[0]


def is_demanding(case: Case, name: str) -> bool:
    """Tell whether a tool wants to be named: one of dozens, or one with pages of instructions.

    Args:
        case: The case.
        name: The tool.

    Returns:
        True when words that fit its description aren't enough to use it.
    """
    described = str(case.tools[name].get("description") or "")
    return len(case.tools) >= _MANY or len(described) > 2 * _SHORT


def _told(passage: Passage, slot: Slot) -> str:
    """The kind of a value that the text holds for an argument which only one kind fits."""
    if kind_of(slot.spec) == "string" and (kinds := slot.kinds[:1]) and kinds[0] in _TELLING_KINDS:
        return kinds[0] if passage.spots(kinds[0]) else ""
    return ""
