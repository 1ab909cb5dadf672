"""Matching: which of a text's values belongs to an argument, by the words around both."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from offline_claude.mind.json_schema import conforms, fit, kind_of
from offline_claude.mind.slots import FROM_WORDS, TO_WORDS, VAGUE_WORDS, Slot
from offline_claude.mind.values import Passage, Spot, whole_number
from offline_claude.mind.words import akin, exactly, stem

STRONG = 3.0

"""A score at which the text speaks of the argument itself, not only of something of its kind."""

_LINKS = exactly(
    "is are was of to the a an be at as for number no id equals my our with about by has"
)

_MONEY = {"amount", "price", "total", "cost", "budget", "salary", "fee", "sum", "balance", "value"}

_PERCENT = {"percent", "percentage", "rate", "discount", "pct", "tip"}

_GUESTS = {
    "attendees",
    "guests",
    "participants",
    "members",
    "people",
    "invitees",
    "attendee",
    "guest",
}

_BUYERS = {"customer", "buyer", "client"}

_MOST = {"limit", "max", "count", "top", "n", "size", "results", "k"}

_COUNTS = {"quantity", "qty", "count", "copies", "amount", "units"}

_FIRST = {"last", "first", "top", "latest", "newest", "next", "recent", "oldest"}

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}

_STOP = (
    r"and|for|in|with|on|at|to|by|from|of|please|is|are|as|using|that|which|who|tomorrow|today|now"
    r"|right|like|then|this|next|or|but|has|have|und|mit|on"
)

_GOES_ON = rf"(?!(?:{_STOP})\b)"
_PHRASE = rf"(?:the |an? |my |our )?({_GOES_ON}[^\s,.;:?!]+(?: {_GOES_ON}[^\s,;:.?!]+){{0,5}})"

_PLACE = re.compile(rf"\b(?:in|at|near|for|from|to|of|around) {_PHRASE}", re.IGNORECASE)

_THINGS = {"name", "item", "product", "title", "thing", "ingredient", "article", "description"}

_COUNTED = re.compile(
    rf" ?(?:x |× |of )?({_GOES_ON}(?!years?|items?)[a-zA-Z]{{3,}}(?: {_GOES_ON}[a-z]{{3,}}){{0,2}})"
)

_MORE = re.compile(r"(?:,| and| or) ([^\s,.;:?!]+)(?=$|[,.;:?!\n]| and | or )")

_TOPIC = re.compile(
    r"\b(?:about|titled|called|named|entitled|saying|for|on|:) (?:the |an? )?([^,.;:?!\n]+)",
    re.IGNORECASE,
)


def best(passage: Passage, slot: Slot, taken: list[Spot]) -> tuple[Any, Spot, float] | None:
    """Find the value that fits an argument best.

    Args:
        passage: The text.
        slot: The argument.
        taken: What other arguments have been given.

    Returns:
        The value as the schema wants it, where it stands, and how sure this is; None when there
        is nothing of its kind.
    """
    ranked = candidates(passage, slot, taken)
    return max(ranked, key=lambda found: found[2], default=None)


def candidates(
    passage: Passage, slot: Slot, taken: Iterable[Spot] = ()
) -> list[tuple[Any, Spot, float]]:
    """Find every value that could be an argument.

    Args:
        passage: The text.
        slot: The argument.
        taken: What other arguments have been given.

    Returns:
        Values with their places and scores, in the order of the text.
    """
    used = list(taken)
    found = []
    number = kind_of(slot.spec) in ("integer", "number")
    for spot, bonus in _numbers(passage, slot) if number else _texts(passage, slot):
        value = fit(spot.value, slot.spec)
        overlaps = any(u.start < spot.end and spot.start < u.end for u in used)
        if not overlaps and conforms(value, slot.spec):
            found.append((value, spot, bonus + _nearness(passage, slot, spot)))
    return found


def by_role(passage: Passage, slot: Slot, said: list[Any]) -> list[Any]:
    """Of several choices that a text speaks of, put first what it comes from or goes to.

    Args:
        passage: The text.
        slot: An argument such as "from_currency" or "target".
        said: Choices.

    Returns:
        The same choices.
    """
    if len(said) < 2 or not {*slot.words} & (FROM_WORDS | TO_WORDS):
        return said

    def nearness(choice: Any) -> float:
        found = re.search(rf"\b{re.escape(str(choice))}\b", passage.text, re.IGNORECASE)
        return _nearness(passage, slot, Spot(choice, *found.span())) if found else -9.0

    return sorted(said, key=nearness, reverse=True)


def _numbers(passage: Passage, slot: Slot) -> Iterable[tuple[Spot, float]]:
    words = {*slot.words}
    for spot in passage.spots("number"):
        after = passage.after(spot.end)
        tail = passage.text[spot.end : spot.end + 9].lstrip()
        percent = tail.startswith("%") or after[:1] in (["percent"], ["per"])
        money = any(0 <= c.start - spot.end <= 1 or 0 <= spot.start - c.end <= 1
                    for c in passage.spots("currency"))  # fmt: skip
        score = 0.0
        if percent:
            score += 4 if words & _PERCENT or "percent" in slot.about else -3
        if money:
            score += 3 if words & _MONEY else -2
        if "year" in words and 1900 <= spot.value <= 2100:
            score += 3
        if "age" in words and (after[:1] == ["years"] or passage.before(spot.start, 1) in (
            ["is"], ["aged"], ["am"], ["turned"])):  # fmt: skip
            score += 3
        before = passage.before(spot.start, 1)
        if words & _MOST and (before[:1] and before[0] in _FIRST):
            score += 4
        if words & _COUNTS and after[:1] and len(after[0]) > 2:
            score += 1.5
        value = spot.value
        if after and (unit := stem(after[0])) in map(stem, _UNITS):
            seconds = next(s for u, s in _UNITS.items() if stem(u) == unit)
            own = next((s for u, s in _UNITS.items() if stem(u) in map(stem, words)), None)
            timed = bool(own) or bool(words & {"duration", "length", "timeout", "ttl"})
            score += 4 if timed else -1
            value = whole_number(value * seconds / own) if own else value
        yield Spot(value, spot.start, spot.end), score


def _texts(passage: Passage, slot: Slot) -> Iterable[tuple[Spot, float]]:
    kinds = slot.kinds
    for spot in _pattern(passage, slot):
        yield spot, STRONG
    for rank, kind in enumerate(kinds):
        if kind == "digits":
            for spot in passage.spots("number"):
                written = passage.text[spot.start : spot.end]
                yield Spot(written, spot.start, spot.end), 0.2
        elif kind == "place":
            roles = {*slot.words} & (FROM_WORDS | TO_WORDS)
            for m in _PLACE.finditer(passage.text):
                if roles or m[0].split()[0].lower() not in ("from", "to", "of"):
                    yield Spot(m[1], m.start(1), m.end(1)), -0.5
                    for more in _MORE.finditer(passage.text, m.end()):
                        if not re.fullmatch(
                            r"(?:(?:,| and| or) [^\s,.;:?!]+)*",
                            passage.text[m.end() : more.start()],
                        ):
                            break
                        yield Spot(more[1], more.start(1), more.end(1)), -0.5
        elif kind == "name":
            bonus = 0.5 if rank == 0 else 0.3
            for spot in passage.spots("name"):
                yield spot, bonus
        else:
            # What only one kind of value fits is sure wherever it stands.
            sure = kind not in ("quoted", "name", "code", "ticker")
            for spot in passage.spots(kind):
                # "Baker Street, London": the word itself stands near what comes after it.
                extra = 2.0 if kind == "street" else 0.0
                yield spot, (STRONG + extra if sure and rank == 0 else 1.0) - 0.5 * rank
    if {*slot.words} & _THINGS:
        for spot in passage.spots("number"):
            if thing := _COUNTED.match(passage.text, spot.end):
                yield Spot(thing[1], thing.start(1), thing.end(1)), 0.6
    if not kinds:
        yield from _beside(passage, slot)
        for spot in passage.spots("quoted"):
            yield spot, 1.0
        if not slot.is_free:
            for spot in passage.spots("name"):
                yield spot, 0.4
            for m in _TOPIC.finditer(passage.text):
                yield Spot(m[1].strip(), m.start(1), m.end(1)), 0.3
    elif {"quoted", "name"} & {*kinds}:
        yield from _beside(passage, slot)


def _beside(passage: Passage, slot: Slot) -> Iterable[tuple[Spot, float]]:
    """What stands right after the argument's name: "title: Dune", "the genre is jazz"."""
    words = [w for w in slot.words if w]
    if not words:
        return
    name = r"[ _-]".join(map(re.escape, words))
    for m in re.finditer(rf"\b{name}s?(?: ?[:=] ?| is | of )", passage.text, re.IGNORECASE):
        exact = m[0].rstrip()[-1:] in ":="
        rest = passage.text[m.end() : m.end() + 300]
        pattern = r"[\"'“]?([^\n,;\"'”]+)" if exact else r"[\"'“]([^\"'”]+)|" + _PHRASE
        if told := re.match(pattern, rest, re.IGNORECASE):
            group = next(i for i in range(1, (told.lastindex or 1) + 1) if told[i])
            value = told[group].strip().rstrip(".")
            start = m.end() + told.start(group)
            yield Spot(value, start, start + len(value)), STRONG + 1


def _pattern(passage: Passage, slot: Slot) -> Iterable[Spot]:
    """Words that satisfy the schema's pattern, when it has one."""
    if isinstance(slot.spec.get("pattern"), str):
        for m in re.finditer(r"[^\s,;!?\"“”]+", passage.text[:4000]):
            word = m[0].rstrip(".:)").lstrip("(#")
            if word and conforms(word, slot.spec):
                yield Spot(word, m.start(), m.end())


def _nearness(passage: Passage, slot: Slot, spot: Spot) -> float:
    """How much the words around a value speak of the argument."""
    before = passage.before(spot.start, 4)
    near = [w for w in before if w not in _LINKS][:2]
    after = passage.after(spot.end, 2)
    score = 0.0
    for word in slot.words:
        weight = 1.0 if word in VAGUE_WORDS else 4.0
        follows = any(akin(word, a) for a in after[:1])
        # "5 results" is said of numbers; what stands after a name mostly speaks of the next one.
        if any(akin(word, b) for b in near[:1]) or (follows and not isinstance(spot.value, str)):
            score += weight
        elif any(akin(word, w) for w in [*near[1:], *after]):
            score += weight / 2
    if slot.about & {stem(w) for w in [*near[:1], *after[:1]]}:
        score += 1.5
    roles = {*slot.words, *(["from"] if slot.about & {"from", "sourc"} else [])}
    roles |= {"to"} if slot.about & {"target", "into"} else set()
    if before[:1] and before[0] in ("with", "invite", "inviting") and {*slot.words} & _GUESTS:
        score += STRONG
    if before[:1] == ["to"] and {*slot.words} & _BUYERS:
        score += 1.5
    if before[:1] and before[0] in ("in", "at", "near") and "place" in slot.kinds:
        score += 1
    wanted = bool(roles & FROM_WORDS) - bool(roles & TO_WORDS)
    if before[:1] and wanted:
        heard = (before[0] in FROM_WORDS) - (before[0] in TO_WORDS)
        score += STRONG if heard == wanted else -4 if heard else 0
    if wanted and slot.kinds[:1] == ["currency"]:  # the currency of the amount is the one it is in
        near_number = any(-1 <= spot.start - n.end <= 1 or -1 <= n.start - spot.end <= 1
                          for n in passage.spots("number"))  # fmt: skip
        score += (2 if wanted > 0 else -2) if near_number else 0
    return score


def listed_with(passage: Passage, found: list[tuple[Any, Spot, float]], first: Any) -> list[Any]:
    """The values that are listed with the first one: "12, 13 and 14"."""
    run: list[Any] = []
    end = None
    for value, spot, _ in found:
        between = passage.text[end : spot.start] if end is not None else ""
        if end is None and value != first:
            continue
        if end is not None and not re.fullmatch(
            r"(?:[,;] ?(?:and|or)?|,? ?(?:and|or|&|und|et)) ?(?:in|for|of|at|from)? ?(?:order )?#?",
            between,
        ):
            break
        run.append(value)
        end = spot.end
    return run
