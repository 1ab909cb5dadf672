"""Values: what in a text could be an argument, each with its kind and its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice
from typing import Any
from zoneinfo import available_timezones

from offline_claude.mind.patterns import (
    CAPITALISED,
    CAPITALS,
    CODE,
    COUNT,
    COUNTS,
    DATE,
    EMAIL,
    MONEY,
    MONEY_CODES,
    MONTHS,
    NAME,
    NOT_A_NAME,
    NUMBER,
    OPERATORS,
    PATH,
    PLAIN,
    QUOTED,
    SUM,
    TIME,
    ZONE,
)
from offline_claude.mind.words import GROUPS, collapse, name_words, stem

_MOST_SPOTS = 300


@dataclass(frozen=True)
class Spot:
    """A value, and where in the text it stands.

    Attributes:
        value: The value.
        start: The index of its first character.
        end: The index after its last.
    """

    value: Any
    start: int
    end: int


class Passage:
    """A text whose values can be looked for by kind."""

    def __init__(self, text: str) -> None:
        """Read a text.

        Args:
            text: What somebody wrote; only the beginning of a very long one is read.
        """
        self.text = collapse(text)
        self._found: dict[str, list[Spot]] = {}

    def spots(self, kind: str) -> list[Spot]:
        """Find the values of a kind.

        Args:
            kind: One of `KINDS`.

        Returns:
            The values, in order.
        """
        if kind not in self._found:
            self._found[kind] = list(islice(KINDS[kind](self), _MOST_SPOTS))
        return self._found[kind]

    def before(self, place: int, count: int = 3) -> list[str]:
        """Read the words before a place, within its sentence.

        Args:
            place: An index.
            count: How many words.

        Returns:
            Words in lower case, the nearest first.
        """
        left = re.split(r"[.!?;\n] ", self.text[max(0, place - 80) : place])[-1]
        return name_words(left)[::-1][:count]

    def after(self, place: int, count: int = 2) -> list[str]:
        """Read the words after a place, up to the next comma or full stop.

        Args:
            place: An index.
            count: How many words.

        Returns:
            Words in lower case, the nearest first.
        """
        right = re.split(r"[.,!?;:\n]", self.text[place : place + 60])[0]
        return name_words(right)[:count]

    @cached_property
    def unnumbered(self) -> str:
        """The text with blanks where digits belong to something that isn't a number."""
        spots = [s for kind in ("email", "url", "date", "time", "code") for s in self.spots(kind)]
        spots += [s for s in self.spots("phone") if str(s.value)[0] in "+0("]
        letters = list(self.text)
        for spot in spots:
            letters[spot.start : spot.end] = "\x00" * (spot.end - spot.start)
        return "".join(letters)


def whole_number(value: float) -> float:
    """Write a number as an integer where it is one.

    Args:
        value: A number.

    Returns:
        The same number.
    """
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else value


def quoted(text: str) -> list[str]:
    """Find what stands in quotation marks.

    Args:
        text: The question.

    Returns:
        The quoted texts, in order.
    """
    return [a or b or c for a, b, c in QUOTED.findall(text)]


def names(text: str) -> list[str]:
    """Find capitalised names that don't just start a sentence.

    Args:
        text: The question.

    Returns:
        The names, in order, each once.
    """
    return list(dict.fromkeys(NAME.findall(collapse(text))))


def _all(pattern: re.Pattern[str]) -> Callable[[Passage], Iterator[Spot]]:
    def find(passage: Passage) -> Iterator[Spot]:
        for m in pattern.finditer(passage.text):
            yield Spot(m[0], m.start(), m.end())

    return find


def _quotes(passage: Passage) -> Iterator[Spot]:
    for m in QUOTED.finditer(passage.text):
        yield Spot(m[1] or m[2] or m[3], m.start(), m.end())


def _paths(passage: Passage) -> Iterator[Spot]:
    for spot in _all(PATH)(passage):
        if not any(u.start <= spot.start < u.end for u in passage.spots("url")):
            yield spot


def _numbers(passage: Passage) -> Iterator[Spot]:
    found = []
    for m in NUMBER.finditer(passage.unnumbered):
        written = m[0]
        thousands = re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", written)
        value = float(written.replace(",", "") if thousands else written.replace(",", "."))
        found.append(Spot(whole_number(value), m.start(), m.end()))
    for m in COUNT.finditer(passage.text):
        found.append(Spot(COUNTS.index(m[0].lower()), m.start(), m.end()))
    yield from sorted(found, key=lambda spot: spot.start)


def _dates(passage: Passage) -> Iterator[Spot]:
    for m in DATE.finditer(passage.text):
        part = {k[0]: v for k, v in m.groupdict().items() if v}
        month = part["m"].lower()[:3]
        number = int(month) if month.isdigit() else MONTHS.index(month) + 1
        if 1 <= number <= 12 and 1 <= int(part["d"]) <= 31:
            yield Spot(f"{part['y']}-{number:02}-{int(part['d']):02}", m.start(), m.end())


def _times(passage: Passage) -> Iterator[Spot]:
    for m in TIME.finditer(passage.text):
        hour = int(m["h"] or m["h2"])
        half = (m["half"] or m["half2"] or "").lower()
        if half and hour <= 12:
            hour = hour % 12 + (12 if half == "p" else 0)
        yield Spot(f"{hour:02}:{m['m'] or '00'}", m.start(), m.end())


def _moments(passage: Passage) -> Iterator[Spot]:
    """A date with the time that stands near it."""
    times = passage.spots("time")
    for n, day in enumerate(passage.spots("date")):
        clock = times[min(n, len(times) - 1)].value if times else "00:00"
        yield Spot(f"{day.value}T{clock}:00Z", day.start, day.end)


def _codes(passage: Passage) -> Iterator[Spot]:
    """Things like INV-17 or ab12cd, and not 3pm."""
    for m in CODE.finditer(passage.text):
        if not re.fullmatch(r"[A-Za-z]+", m[0]):
            yield Spot(m[0], m.start(), m.end())


def _currencies(passage: Passage) -> Iterator[Spot]:
    for m in MONEY.finditer(passage.text):
        named = next((MONEY_CODES[i] for i in range(1, 7) if m.group(i + 1)), "")
        yield Spot(m[1].upper() if m[1] else named, m.start(), m.end())


def _tickers(passage: Passage) -> Iterator[Spot]:
    for m in CAPITALS.finditer(passage.text):
        if m[0] not in ("I", "A", "OK", "US", "UK", "EU", "JSON", "API", "USD", "EUR", "GBP"):
            yield Spot(m[0], m.start(), m.end())


def _names(passage: Passage) -> Iterator[Spot]:
    """Capitalised words, without those that only begin a sentence."""
    for m in CAPITALISED.finditer(passage.text):
        start, words = m.start(), m[0].split(" ")
        while words and words[0].lower().rstrip("'s") in NOT_A_NAME | {""}:
            start += len(words.pop(0)) + 1
        while words and words[-1].lower() in NOT_A_NAME:
            words.pop()
        name = " ".join(words).removesuffix("'s").removesuffix("’s").strip()
        begins = start == 0 or passage.text[max(0, start - 2) : start] in (". ", "! ", "? ")
        next_word = (passage.after(start + len(name), 1) or [""])[0]
        # A lone word at the beginning is a name when something is told of it: "Ada lives here".
        told = next_word.endswith(("s", "ed")) or next_word == "and"
        common = name.istitle() and stem(name.lower()) in GROUPS  # German writes nouns so
        if len(name) > 1 and not common and (not begins or " " in name or told):
            yield Spot(name, start, start + len(name))


@cache
def _zones() -> dict[str, str]:
    """IANA time zones by their city, in lower case."""
    zones = sorted(z for z in available_timezones() if "/" in z and not z.startswith("Etc"))
    return {z.rsplit("/", 1)[-1].replace("_", " ").lower(): z for z in reversed(zones)}


def _timezones(passage: Passage) -> Iterator[Spot]:
    yield from _all(ZONE)(passage)
    for spot in passage.spots("name"):
        city = str(spot.value).split(",")[0].lower()
        if city in _zones():
            yield Spot(_zones()[city], spot.start, spot.end)


def _sums(passage: Passage) -> Iterator[Spot]:
    """Arithmetic, also when it is told in words."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", passage.text)
    for words, sign in OPERATORS:
        text = re.sub(words, f" {sign} " if "\\" not in sign else sign, text, flags=re.IGNORECASE)
    text = " ".join(text.split())
    for m in SUM.finditer(text):
        if not re.fullmatch(r"[\d-]+|\d+/\d+/\d+", told := m[0].rstrip(".")):  # not 2-3, not a date
            told += ")" * (told.count("(") - told.count(")"))
            at = min(m.start(), len(passage.text))
            yield Spot(told, at, at)


KINDS: dict[str, Callable[[Passage], Iterator[Spot]]] = {
    **{kind: _all(pattern) for kind, pattern in PLAIN.items()},
    "email": _all(EMAIL),
    "path": _paths,
    "date": _dates,
    "time": _times,
    "moment": _moments,
    "code": _codes,
    "number": _numbers,
    "currency": _currencies,
    "ticker": _tickers,
    "zone": _timezones,
    "sum": _sums,
    "name": _names,
    "quoted": _quotes,
}

"""How to find the values of each kind."""
