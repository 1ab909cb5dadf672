"""Choosing: which of a learner's own tools a question speaks of, and the calls that follow."""

from __future__ import annotations

import re
from typing import NamedTuple

from offline_claude.mind.conversation import ToolUse, once
from offline_claude.mind.fill import MissingArgument, fill, fill_each
from offline_claude.mind.mend import corrected
from offline_claude.mind.shop_case import Case
from offline_claude.mind.values import Passage, kinds_for
from offline_claude.mind.words import (
    FILLER,
    SHOP_WORDS,
    WEAK,
    Index,
    fragments,
    name_words,
    pattern,
    plain_name,
    said_words,
    stem,
    synonyms,
    word_list,
)

_EFFECTS, _HARMFUL, _LOOK_UPS = map(word_list, ("effects", "harmful", "look_ups"))
_MANY = 24  # from so many tools on, most words of a tool's name have to be said
_SHORT = 300  # characters of a description that counts whole; one twice as long is that of an agent
_TELLING_KINDS = {"sum", "currency", "email", "url", "path", "zone", "language", "ticker"}
_LOCATORS = {"url", "path"}


class Match(NamedTuple):
    """A tool that the question speaks of: how much, and which words do."""

    name: str
    score: float
    heard: frozenset[str]


def own_tools(case: Case, *, look_ups_first: bool) -> list[ToolUse]:
    """Choose calls of the learner's own tools; effects wait for their look-ups and the shop's."""
    matches = [m for m in _matches(case) if looks_up(m.name) or not look_ups_first]
    matches = [m for m in matches if len(case.own) == 1 or not ends_the_work(case, m.name)]
    calls: list[ToolUse] = []
    missing: MissingArgument | None = None
    for match in matches:
        try:
            calls += _calls(case, match, matches)
        except MissingArgument as err:
            provider = _provider(case, err.name, match.name)
            calls += [provider] if provider else []
            missing = missing or (None if provider or is_demanding(case, match.name) else err)
    again = [c for run in case.runs if (c := corrected(case, run, effect=is_effect(run.name)))]
    calls = once([*again, *calls])
    if missing and not calls:
        raise missing
    return [c for c in calls if not is_effect(c[0])] or calls


def looks_up(name: str) -> bool:
    """Tell whether a tool only looks something up: its name begins with a word such as "get"."""
    return bool({*name_words(plain_name(name))[:1]} & _LOOK_UPS)


def is_effect(name: str) -> bool:
    """Tell whether a tool may change something: its name begins with a word such as "send"."""
    return bool({*name_words(plain_name(name))[:1]} & _EFFECTS)


def is_demanding(case: Case, name: str) -> bool:
    """Tell whether a tool has to be named: it is one of dozens, or has pages of instructions."""
    return len(case.tools) >= _MANY or len(_described(case, name)) > 2 * _SHORT


def ends_the_work(case: Case, name: str) -> bool:
    """Tell whether a tool's name or description says that it takes the final answer."""
    described = str(case.tools.get(name, {}).get("description") or "")
    return "final" in name_words(name) or bool(pattern("final").search(described[:_SHORT]))


def index_of(case: Case, names: list[str]) -> Index:
    """Index tools by the words of their names and descriptions, of long ones the beginning."""
    rows = []
    for name in names:
        about = _described(case, name)
        about = about if len(about) <= _SHORT else re.split(r"(?<=[.!?])\s", about[:_SHORT])[0]
        rows.append((" ".join(name_words(plain_name(name))), about))
    return Index("name, about", rows)


def _described(case: Case, name: str) -> str:
    return str(case.tools[name].get("description") or "").strip()


def _matches(case: Case) -> list[Match]:
    """The tools that the question speaks of; of two for the same words, the one that fits best."""
    told: list[Match] = []
    index = index_of(case, case.own)
    for text in dict.fromkeys([case.focus, case.question]):
        every = sorted(_heard(case, index, text), key=lambda m: (-m.score, not looks_up(m.name)))
        told = [m for m in every if m.score >= 1.6]
        if not told and not case.runs:
            told = every[:1] or _as_before(case, text)
        if told:
            break
    demanding = [m for m in told if is_demanding(case, m.name)][1:]
    told = [m for m in told if m not in demanding]
    told = [m for m in told if not any(o.score > m.score and o.heard >= m.heard for o in told)]
    return sorted(told, key=lambda m: case.own.index(m.name))


def _heard(case: Case, index: Index, text: str) -> list[Match]:
    """The tools that a text speaks of: a word of a name counts two, one of a description one."""
    passage, kept = Passage(text), set() if case.is_desk else SHOP_WORDS
    words = said_words(re.sub(r"(?<=\d) times (?=\d)", " multiply ", passage.text))[:80]
    named, about, weak = ([set[str]() for _ in case.own] for _ in range(3))
    for word in words:
        telling = stem(word) not in WEAK - kept
        for n in index.find(synonyms(word), "name"):
            (named if telling else weak)[n].add(word)
        for n in index.find(synonyms(word, weak=True), "name"):
            weak[n].add(word)
        for n in index.find(synonyms(word), "about") if stem(word) not in FILLER - kept else ():
            (about if telling else weak)[n].add(word)
    said = {stem(w) for word in words for w in synonyms(word, weak=True)}
    found = []
    for n, name in enumerate(case.own):
        own, kinds = name_words(plain_name(name)), _told_kinds(case, name, passage)
        heard = named[n] | about[n] | weak[n]
        unsaid = is_effect(name) and stem(own[0]) not in said
        score = 2.0 * len(named[n]) + len(about[n] - named[n])
        score += 2 * ("sum" in kinds) or min(2, len(kinds)) * bool(score or kinds & _LOCATORS)
        score += 0.5 * len(weak[n] - named[n]) if score else 0
        reads = looks_up(name) and bool(heard) and not case.runs
        enough = score >= 2 or reads or bool(kinds & _LOCATORS)
        if is_demanding(case, name):
            told = named[n] | weak[n] | (kinds & {"url"})
            told |= set() if len(_described(case, name)) > 2 * _SHORT else about[n]
            enough = 2 * len(told) > len(own) and not unsaid
        if enough and not (unsaid and own[0] in _HARMFUL):
            heard |= kinds & {"sum"}  # no other tool's words speak of it
            # A tool that would act without a word for it loses against any other that fits.
            found.append(Match(name, score - (0.4 if unsaid else 0), frozenset(heard)))
    return found


def _told_kinds(case: Case, name: str, passage: Passage) -> set[str]:
    """The kinds of values in the text that only one kind of argument takes."""
    first = set()
    for argument, spec in case.spec(name).properties.items():
        if spec.kind == "string":
            words = [*name_words(argument)[::-1], *name_words(plain_name(name))[::-1]]
            first |= {*kinds_for(words, str(spec.plain.get("format")))[:1]}
    return {k for k in first & _TELLING_KINDS if passage.spots(k)}


def _as_before(case: Case, text: str) -> list[Match]:
    """The tool that was used last, if it is to be used once more in another way."""
    name = case.earlier_runs[-1].name if case.earlier_runs and case.refers_back else ""
    again = re.search(r"\b(?:instead|again|once more|as well|too)\b", text[:500], re.IGNORECASE)
    return [Match(name, 2.0, frozenset())] if name in case.own and again else []


def _calls(case: Case, match: Match, others: list[Match]) -> list[ToolUse]:
    """The calls of one tool that are still to be made."""
    name, made, missing = match.name, case.uses(match.name), MissingArgument("question")
    known, before = case.known_for(name), case.said_before(name)
    for text in _texts(case, match, others):
        try:
            planned = fill_each(case.spec(name), text, known, name, before)[:20]
        except MissingArgument as err:
            missing = err
            continue
        # What a tool returns may change what is known; it isn't a reason to call it once more.
        left = [(name, a) for a in planned if not any(r.input == a for r in made)]
        return left if len(made) < len(planned) else []
    if made:
        return []
    raise missing


def _texts(case: Case, match: Match, others: list[Match]) -> list[str]:
    """The texts to fill a tool from: the parts of the question about it, then all of it."""
    mine, owners = [], {match.name}
    for part in fragments(case.question) if len(others) > 1 else ():
        scores = {o.name: len({*said_words(part)} & o.heard) for o in others}
        top = max(scores.values())
        owners = {n for n, s in scores.items() if s == top} if top else owners
        mine += [part] if match.name in owners else []
    focus = case.focus if case.focus != case.question else ""
    return [*filter(None, (focus, " and ".join(mine), case.question))]


def _provider(case: Case, argument: str, asker: str) -> ToolUse | None:
    """A look-up that can tell what is missing, such as get_location for a weather."""
    wanted = [w for w in name_words(argument) if w not in ("id", "name", "number")]
    wanted = [s for w in wanted for s in synonyms(w) | synonyms(w, weak=True)]
    names = [n for n in case.own if n != asker and not is_effect(n) and not case.uses(n)]
    for name in (names[n] for n in index_of(case, names).find(wanted)):
        spec = case.spec(name)
        if argument not in spec.required and not is_demanding(case, name):
            try:
                return name, fill(spec, case.question, case.known_for(name), about=name)
            except MissingArgument as err:
                if further := _provider(case, err.name, name):
                    return further
    return None
