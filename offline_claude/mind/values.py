"""Values in a text: one table of kinds, with the argument words that want each, and its look."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import available_timezones

from offline_claude.mind.words import (
    KIND_WORDS,
    SIGNS,
    collapse,
    name_words,
    pattern,
    stem,
    word_list,
)

SURE = 3.0  # the score from which a text speaks of an argument itself, not only of its kind
_NOT_NAMES = word_list("not_names")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_COUNTS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


class Spot(NamedTuple):
    """A value, where in the text it is, and how sure it is that it is meant."""

    value: Any
    start: int = -1
    end: int = -1
    score: float = 0.0


def _date(m: re.Match[str]) -> str | None:
    year, month, day = (next(v for k, v in m.groupdict().items() if v and k[0] == letter)
                        for letter in "ymd")  # fmt: skip
    number = int(month) if month.isdigit() else _MONTHS.index(month.lower()[:3]) + 1
    return f"{year}-{number:02}-{int(day):02}" if number <= 12 and int(day) <= 31 else None


def _time(m: re.Match[str]) -> str:
    hour, half = int(m["h"] or m["h2"]), (m["half"] or m["half2"] or "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    return f"{hour:02}:{m['min'] or '00'}"


def _number(m: re.Match[str]) -> float:
    written = m[0].lower()
    if written in _COUNTS:
        return _COUNTS.index(written) + 2
    thousands = re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", written)
    value = float(written.replace(",", "" if thousands else "."))
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _sum(m: re.Match[str]) -> str | None:
    told = m[0].rstrip(". ")
    if re.fullmatch(r"[\d-]+|\d+/\d+/\d+", told):  # neither 2-3 nor a date
        return None
    for words, sign in SIGNS.items():
        told = re.sub(words, f" {sign} ", told, flags=re.IGNORECASE)
    return " ".join(told.split()) + ")" * (told.count("(") - told.count(")"))


def _name(m: re.Match[str]) -> str | None:
    words = m[0].removesuffix("'s").removesuffix("’s").split(" ")
    first = m.start() == 0 or m.string[m.start() - 2 : m.start()] in (". ", "! ", "? ", "; ")
    while words and words[0].lower() in _NOT_NAMES:
        words, first = words[1:], False
    name = " ".join(words)
    # A lone first word is a name if something is said of it: "Ada lives here".
    told = re.match(r" (?:\(|(?:\w+s|\w+ed|and)\b)", m.string[m.end() :])
    lone = first and len(words) == 1 and not told
    return None if lone or len(name) < 2 else name


@cache
def _zones() -> dict[str, str]:
    zones = sorted((z for z in available_timezones() if not z.startswith("Etc")), reverse=True)
    return {z.rsplit("/", 1)[-1].replace("_", " ").lower(): z for z in zones if "/" in z}


def _zone(m: re.Match[str]) -> str | None:
    return m[0] if re.fullmatch(r"\w+/\w+|UTC|GMT|CES?T", m[0]) else _zones().get(m[0].lower())


_WRITERS: dict[str, Callable[[re.Match[str]], Any]] = {
    "zone": _zone,
    "time": _time,
    "date": _date,
    "currency": lambda m: str(m["code"] or m.lastgroup).upper(),
    "sum": _sum,
    "name": _name,
    "number": _number,
}
"""Functions that write a value down, if not as it is; None means that it isn't of its kind."""

_SCORES = {"day": 2.5, "street": 5, "ticker": 1, "code": 1, "quoted": 1, "name": 0.5, "place": -0.5}
"""Scores of kinds whose values aren't surely meant wherever they appear."""

_FORMATS = {"email": "email", "uri": "url", "date": "date", "time": "time", "date-time": "moment"}


def kinds_for(words: list[str], form: str = "") -> list[str]:
    """List the kinds that suit an argument: by its format, else by the first word that has any."""
    if form in _FORMATS:
        return [_FORMATS[form]]
    found = ([k for k, wanted in KIND_WORDS.items() if stem(w) in wanted] for w in words)
    return next(filter(None, found), [])


def quoted(text: str) -> list[str]:
    """Find the texts in quotation marks."""
    return [m[m.lastindex or 0] for m in pattern("quoted").finditer(text)]


class Passage:
    """A text whose values can be looked for by kind."""

    def __init__(self, text: str) -> None:
        """Read the beginning of a text."""
        self.text = collapse(text)
        self._found: dict[str, list[Spot]] = {}

    def spots(self, kind: str) -> list[Spot]:
        """Find the values of a kind, in order."""
        if kind not in self._found and kind == "moment":
            self._found[kind] = self._moments()
        elif kind not in self._found:
            text, write = self.text, _WRITERS.get(kind) or (lambda m: str(m[m.lastindex or 0]))
            score = _SCORES.get(kind, 0.0 if kind == "number" else SURE)
            found: list[Spot] = []
            if kind == "number":  # not those within an address, a date, a time or a code
                others = ("email", "url", "date", "time", "code")
                for s in (spot for other in others for spot in self.spots(other)):
                    text = text[: s.start] + "\x00" * (s.end - s.start) + text[s.end :]
            for m in pattern(kind).finditer(text):
                if len(found) < 200 and (value := write(m)) is not None:
                    start = max(m.start(), m.string.find(str(value), m.start(), m.end()))
                    found.append(Spot(value, start, m.end(), score))
            self._found[kind] = found
        return self._found[kind]

    def _moments(self) -> list[Spot]:
        """Find dates, each with the time of day that stands beside it."""
        found = []
        for day in self.spots("date"):
            near = [t for t in self.spots("time") if max(t.start - day.end, day.start - t.end) <= 4]
            time = near[0] if near else Spot("00:00", day.start, day.end)
            start, end = min(day.start, time.start), max(day.end, time.end)
            found.append(Spot(f"{day.value}T{time.value}:00Z", start, end, SURE))
        return found

    def before(self, place: int, count: int = 4) -> list[str]:
        """List the words before a place within its sentence, the nearest first."""
        left = re.split(r"[.!?;\n] ", self.text[max(0, place - 80) : place])[-1]
        return name_words(left)[::-1][:count]

    def after(self, place: int, count: int = 2) -> list[str]:
        """List the words after a place, up to the next comma or full stop."""
        return name_words(re.split(r"[.,!?;:\n]", self.text[place : place + 60])[0])[:count]
