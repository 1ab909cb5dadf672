"""Filling: a tool's arguments, or any object of a JSON schema, from a text and known values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from offline_claude.mind.json_schema import DEEPEST, Spec
from offline_claude.mind.values import SURE, Passage, Spot, kinds_for, quoted
from offline_claude.mind.words import (
    CHOICES,
    NUMBERS,
    akin,
    name_words,
    pattern,
    stem,
    stems,
    word_list,
)

_FREE, _FROM, _TO, _VAGUE, _LINKS = map(word_list, ("free", "from", "to", "vague", "links"))
_QUERIES = {"query", "q", "keywords", "search", "topic"}
_NOT = {"no", "not", "without", "don", "never", "isn"}
_UNITS = {"second": 1, "minut": 60, "hour": 3600, "day": 86400, "week": 604800}


class MissingArgument(Exception):
    """The question doesn't say what a required argument should be."""

    def __init__(self, name: str, choices: Sequence[Any] = ()) -> None:
        super().__init__(name)
        self.name, self.choices = name, choices


class _Argument(NamedTuple):
    """A property that a value is looked for, and the kinds of values that suit it."""

    name: str
    spec: Spec
    needed: bool
    kinds: list[str]

    @property
    def words(self) -> list[str]:
        return name_words(self.name)

    @property
    def is_number(self) -> bool:
        return self.spec.kind in ("integer", "number")

    @property
    def is_free(self) -> bool:
        return bool({*self.words} & _FREE)


def fill(
    spec: Spec,
    text: str,
    known: Mapping[str, Any] | None = None,
    *,
    about: str = "",
    before: Mapping[str, Any] | None = None,
    forced: bool = False,
    whole: bool = False,
) -> dict[str, Any]:
    """Fill in a tool's arguments: the required ones, and optional ones that the question mentions.

    Args:
        spec: The tool's input schema.
        text: The question.
        known: Values by argument name, such as the order being talked about.
        about: The tool's name.
        before: The arguments of the last call, if the question goes back to that.
        forced: Whether to fill what nothing tells with the emptiest value.
        whole: Whether to fill all that the text speaks of, and only that, as in an extraction.

    Raises:
        MissingArgument: A required one can't be found, and the call isn't forced.
    """
    strict = not (forced or whole)
    filler = _Filler(Passage(text), known or {}, before or {}, about, whole, strict)
    found = filler.object(spec)
    return spec.complete(found) if forced else found


def fill_each(
    spec: Spec, text: str, known: Mapping[str, Any], about: str, before: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Fill in arguments once for each thing listed, as in "the weather in Paris and Oslo"."""
    one = fill(spec, text, known, about=about, before=before)
    filler = _Filler(Passage(text), known, before, about)
    arguments = [a for a in filler.arguments(spec) if a.name in one]
    for a in arguments:
        alike = [o for o in arguments if o.kinds == a.kinds and o.is_number == a.is_number]
        listable = alike == [a] and a.needed and (a.kinds or a.is_number) and not a.spec.choices
        if listable and len(several := filler.listed(a, one[a.name])) > 1:
            return [{**one, a.name: value} for value in several]
    return [one]


@dataclass
class _Filler:
    """Fills objects from one text; a place of the text that was used isn't used again."""

    passage: Passage
    known: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""
    whole: bool = False
    strict: bool = True
    row: bool = False
    taken: list[Spot] = field(default_factory=list)
    objects_left: int = 100

    def arguments(self, spec: Spec) -> list[_Argument]:
        """Read an object's properties."""
        found = []
        for name, inner in spec.properties.items():
            words = name_words(name)
            told = re.findall(r"[a-z]+", inner.about.lower()[:160])
            context = name_words(self.about)[::-1] if {*words} <= _FROM | _TO | _VAGUE else []
            hints = [w for w in told if w not in _VAGUE | _LINKS]
            kinds = kinds_for([*words[::-1], *context, *hints], str(inner.plain.get("format")))
            open_to_all = bool({*words} & _FREE) or inner.kind in ("integer", "number")
            needed = name in spec.required
            found.append(_Argument(name, inner, needed, [] if open_to_all else kinds))
        return found

    def object(self, spec: Spec, depth: int = 0) -> dict[str, Any]:
        """Find a value for each property: the surest first, then lists and inner objects."""
        arguments = self.arguments(spec)
        found: dict[str, Any] = {}
        self.objects_left -= 1
        spots = [(a, s) for a in arguments for s in self._spots(a)]
        for argument, spot in sorted(spots, key=lambda each: -each[1].score):
            least = -0.9 if argument.needed else SURE
            if self.whole:
                least = (0.0 if self.row else 1.01) if argument.is_number else 0.25
            if spot.score < least:
                continue
            value = argument.spec.fitted(spot.value)
            taken = any(s.start < spot.end and spot.start < s.end for s in self.taken)
            if argument.name not in found and not taken and argument.spec.conforms(value):
                found[argument.name] = value
                self.taken.append(spot)
        for argument in [a for a in arguments if a.name not in found]:
            value = self._rest(argument, depth)
            if value is not None and (self.whole or argument.spec.conforms(value)):
                found[argument.name] = value
            elif argument.needed and self.strict and not argument.spec.conforms(None):
                raise MissingArgument(argument.name, argument.spec.choices)
        return {a.name: found[a.name] for a in arguments if a.name in found}

    def _rest(self, argument: _Argument, depth: int) -> Any:
        """Find what isn't one place of the text: a list, an object, the user's own words."""
        spec, wanted = argument.spec, argument.needed or self.whole
        if "const" in spec.plain:
            return spec.plain["const"] if wanted else None
        if spec.kind == "array":
            return self._array(argument, wanted)
        if spec.kind == "object" and wanted and depth < DEEPEST and self.objects_left > 0:
            return self.object(spec, depth + 1) or None
        if spec.kind == "string" and argument.is_free and not spec.choices and wanted:
            return _own_words(self.passage.text, {*argument.words})
        return False if spec.kind == "boolean" and argument.needed and not self.whole else None

    def _spots(self, argument: _Argument) -> Iterator[Spot]:
        """Every value that an argument could have, with how sure that is."""
        spec = argument.spec
        if "const" in spec.plain or spec.kind not in ("string", "integer", "number", "boolean"):
            return
        if spec.choices:
            found = self._choices(argument)
        elif spec.kind == "boolean":
            found = self._yes_or_no(argument)
        else:
            found = self._numbers(argument) if argument.is_number else self._texts(argument)
        for spot in found:
            yield spot._replace(score=spot.score + self._nearness(argument, spot))
        if not (argument.needed or self.whole):
            return
        # A value of just the right kind in the question is newer than what is known already.
        sure = 0.39 if argument.kinds and not spec.choices else 2.9
        keys = (argument.name, "_".join(argument.words), *argument.words[-1:])
        values = [*map(self.known.get, keys), self.before.get(argument.name)]
        for n, value in enumerate([*values, spec.plain.get("default")]):
            if isinstance(value, str | int | float):
                same = [s for s in self.passage.spots("number") if s.value == value]
                yield [*same, Spot(0)][0]._replace(value=value, score=sure - n / 100)

    def _choices(self, argument: _Argument) -> Iterator[Spot]:
        """The values of an enum that the text says, in these or in other words."""
        for choice in argument.spec.choices:
            words = re.escape(str(choice)).replace("_", "[ _-]")
            if str(choice).isdecimal():  # also in words, as in "four stars"
                said = (s for s in self.passage.spots("number") if str(s.value) == str(choice))
                yield from (s._replace(value=choice, score=SURE) for s in said)
                continue
            near = r"(?:°|\b(?:in|unit|degrees|as) )" if len(str(choice)) == 1 else r"\b"
            at = re.search(rf"{near}{words}\b", self.passage.text, re.IGNORECASE)
            meant = CHOICES.get(str(choice).lower(), stems(str(choice)))
            degrees = f"°{str(choice)[:1]}".lower() in self.passage.text.lower()
            if at:
                yield Spot(choice, at.start(), at.end(), SURE + 1)
            elif degrees or meant & stems(self.passage.text):
                yield Spot(choice, score=SURE)

    def _yes_or_no(self, argument: _Argument) -> Iterator[Spot]:
        word = stem(argument.words[-1]) if argument.words else "?"
        if m := re.search(rf"\b{re.escape(word)}\w{{0,4}}\b", self.passage.text, re.IGNORECASE):
            told = re.match(r"\s*(?:[:=]|is)\s*(yes|true)?", self.passage.text[m.end() :])
            no = _NOT & {*self.passage.before(m.start(), 3)}
            yield Spot(bool(told[1]) if told else not no, score=SURE)

    def _numbers(self, argument: _Argument) -> Iterator[Spot]:
        words, text = stems(argument.name), self.passage.text
        own = next((_UNITS[w] for w in words if w in _UNITS), None)
        for value, start, end, _ in self.passage.spots("number"):
            around = f"{text[max(0, start - 10) : start]}#{text[end : end + 10]}"
            hints = [hint for hint in NUMBERS if re.search(hint[1], around, re.IGNORECASE)]
            score = sum(good if words & meant else bad for meant, _, good, bad in hints)
            unit = _UNITS.get(stem([*self.passage.after(end), ""][0]))
            yield Spot(value * unit / own if unit and own else value, start, end, score)

    def _texts(self, argument: _Argument) -> Iterator[Spot]:
        text, words, phrase = self.passage.text, {*argument.words}, pattern("phrase").pattern
        if argument.spec.plain.get("pattern"):
            for m in re.finditer(r"[^\s,;!?\"“”]{1,100}", text[:2000]):
                if argument.spec.conforms(word := m[0].strip("(#).:")):
                    yield Spot(word, m.start(), m.end(), SURE)
        for rank, kind in enumerate(argument.kinds):
            for spot in self.passage.spots(kind):
                # In an extraction, a name alone is rather somebody's than a place's.
                bare = self.whole and kind == "name" and "place" in argument.kinds
                yield spot._replace(score=spot.score - 0.2 * rank - 0.25 * bare)
        for role, meant in (("from", _FROM), ("to", _TO)):
            if "name" in argument.kinds and words & meant:
                for m in re.finditer(rf"\b{role} {phrase}", text, re.IGNORECASE):
                    yield Spot(m[1], m.start(1), m.end(1), -0.5)
        if self.row and not argument.is_free:  # what is counted: "2 lamps, 5 candles"
            for m in re.finditer(rf"\b\d+ {phrase}", text):
                yield Spot(m[1], m.start(1), m.end(1), 0.3)
        if not argument.is_free and words:  # what follows the name: "title: Dune", "genre is jazz"
            name = r"[ _-]".join(map(re.escape, argument.words))
            rest = r"[\"'“]?([^\n,;\"'”]+?(?=\. |[\n,;\"'”]|$))"
            beside = rf"\b{name}s?(?: ?[:=] ?{rest}| (?:is|of) {phrase})"
            for m in re.finditer(beside, text, re.IGNORECASE):
                group = m.lastindex or 1
                yield Spot(m[group].strip().rstrip("."), m.start(group), m.end(group), SURE + 1)
        if not argument.kinds:
            yield from self.passage.spots("quoted")
            if not argument.is_free:
                yield from (s._replace(score=0.4) for s in self.passage.spots("name"))
                for m in pattern("topic").finditer(text):
                    yield Spot(m[1].strip(), m.start(1), m.end(1), 0.3)

    def _nearness(self, argument: _Argument, spot: Spot) -> float:
        """Score how much the words around a value speak of the argument."""
        if spot.start < 0:
            return 0.0
        before, after = self.passage.before(spot.start), self.passage.after(spot.end)
        near, score = [w for w in before if w not in _LINKS][:2], 0.0
        for word in argument.words:
            weight = 1.0 if word in _VAGUE else 4.0
            # "5 results" is said of numbers; a word after a name mostly speaks of what comes next.
            follows = any(akin(word, a) for a in after[:1]) and not isinstance(spot.value, str)
            if follows or any(akin(word, b) for b in near[:1]):
                score += weight
            elif any(akin(word, w) for w in [*near[1:], *after]):
                score += weight / 2
        score += 1.5 if stems(argument.spec.about) & stems(" ".join([*near[:1], *after[:1]])) else 0
        words, preposition = {*argument.words}, {*before[:1]}
        score += 1 if preposition & {"in", "at", "near"} and "place" in argument.kinds else 0
        if wanted := bool(words & _FROM) - bool(words & _TO):
            heard = bool(preposition & _FROM) - bool(preposition & _TO)
            score += SURE if heard == wanted else -4 if heard else 0
            ends = [(spot.start - n.end, n.start - spot.end) for n in self.passage.spots("number")]
            beside = any(abs(gap) <= 1 for gaps in ends for gap in gaps)
            score += 2 * wanted if beside else 0  # "250 USD" is what is converted from
        return score

    def listed(self, argument: _Argument, first: Any = None) -> list[Any]:
        """The values that are listed with the first one: "12, 13 and 14"."""
        run, end, places = list[Any](), 0, "place" in argument.kinds
        text, one_more = self.passage.text, pattern("one_more")
        for spot in sorted(self._spots(argument), key=lambda s: (s.start, -s.score)):
            value = argument.spec.fitted(spot.value)
            if spot.start < end or spot.start < 0 or not argument.spec.conforms(value):
                continue
            if run and not pattern("listed").fullmatch(text[end : spot.start]):
                break
            if run or first in (None, value):
                run, end = [*run, value], spot.end
                while places and (m := one_more.match(text, end)):
                    run, end = [*run, m[1]], m.end()
        return list(dict.fromkeys(run))

    def _array(self, argument: _Argument, wanted: bool) -> list[Any] | None:
        items = argument.spec.items
        inner, values = argument._replace(spec=items, needed=True), list[Any]()
        if isinstance(given := self.known.get(argument.name), list):
            values = given
        elif items.choices:
            values = [s.value for s in self._choices(inner)]
        elif items.kind == "object":
            values = self._objects(items) if wanted else []
        elif inner.is_number:
            free = [s for s in self._numbers(inner) if s.score > -1 and s not in self.taken]
            values = [items.fitted(s.value) for s in free] if wanted else []
        else:
            values = self._told(inner) or (self.listed(inner) if wanted and inner.kinds else [])
        return [v for n, v in enumerate(values) if v not in values[:n]] or None

    def _told(self, argument: _Argument) -> list[str]:
        """The texts after a list's name, or after "with" where people are meant."""
        names = "|".join(re.escape(stem(w)) for w in argument.words) or "(?!)"
        people = "with|invite" if "name" in argument.kinds else "(?!)"
        lead = rf"\b(?:(?:{names})\w{{0,4}}(?: ?[:=]| are| is| as| of|)|{people}) "
        if not (m := re.search(rf"{lead}([^.;:!?\n]+)", self.passage.text, re.IGNORECASE)):
            return []
        told = re.split(r" (?:for|on|in|at|from|to|with|by|due|tomorrow|today) ", m[1])[0]
        return [p.strip(" \"'“”") for p in re.split(r",? and |, ?", told) if p.strip()]

    def _objects(self, items: Spec) -> list[Any]:
        """The objects of a list: one for each line, sentence or part that tells all it needs."""
        best: list[Any] = []
        text = self.passage.text
        for s in self.taken:  # what has its place isn't said again
            text = text[: s.start] + " " * (s.end - s.start) + text[s.end :]
        for split in (r"\n+", r"[;\n]|(?<=[.!?]) ", r",? and |[,;\n] ?|(?<=[.!?]) "):
            left, told = self.objects_left // 4, []  # a recursive schema has no end
            for part in re.split(split, text)[:50] if left else ():
                row = _Filler(Passage(part), whole=True, strict=False, row=True, objects_left=left)
                found = row.object(items) if part.strip() else {}
                told += [found] if found and found.keys() >= {*items.required} else []
            best = told if sum(map(len, told)) > sum(map(len, best)) else best
        return best


def _own_words(text: str, words: set[str]) -> str | None:
    """The user's own words, without the request around them."""
    if told := quoted(text):
        return told[0]
    if not words & _QUERIES:
        said = pattern("saying").search(text)
        return said[1].strip() if said else text.strip() or None
    shorter = pattern("search").sub("", text, count=1).strip()
    return shorter.rstrip("?.!") if shorter != text else text.strip() or None
