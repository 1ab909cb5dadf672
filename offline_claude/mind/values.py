"""Values in a text: one table of kinds, with the argument words that want each, and its look."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import available_timezones

from offline_claude.mind.words import KIND_WORDS, collapse, name_words, stem, word_list

SURE = 3.0
"""The score from which a text speaks of an argument itself, not only of its kind."""

_NOT_NAMES = word_list("not_names")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_COUNTS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_MONTH = rf"(?:{'|'.join(_MONTHS)})[a-z]{{0,6}}\.?"
_DATE = (
    r"\b(?:(?P<y>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)(?=\D|$)"
    r"|(?P<d2>\d{1,2})\.(?P<m2>\d{1,2})\.(?P<y2>\d{4})\b"
    rf"|(?P<d3>\d{{1,2}})(?:st|nd|rd|th|\.)? (?:of )?(?P<m3>{_MONTH}),? (?P<y3>\d{{4}})\b"
    rf"|(?P<m4>{_MONTH}) (?P<d4>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y4>\d{{4}})\b)"
)
_TIME = (
    r"(?<![\d:])(?:(?P<h>[01]?\d|2[0-3]):(?P<min>[0-5]\d)(?: ?(?P<half>[ap])\.?m\b)?"
    r"|(?P<h2>1[0-2]|0?[1-9]) ?(?P<half2>[ap])\.?m\b)"
)
_DAY = (
    r"\b(?:today|tonight|tomorrow|yesterday|(?:next |last |this )?(?:monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday|weekend)|(?:next|last|this) (?:week|month|year))\b"
)
NAME = r"\b(?!I\b)[A-ZÀ-Þ][\w'’-]*(?:\s+(?:(?:de|van|von|of|the) )?[A-ZÀ-Þ][\w'’-]*)*"
_STOP = (
    r"and|for|in|with|on|at|to|by|from|of|please|is|are|as|using|that|which|who|tomorrow|today|now"
    r"|tonight|right|like|then|this|next|or|but|has|have|your|you|me|us"
)
_WORD = rf"(?!(?:{_STOP})\b)[^\s,.;:?!]+"
PHRASE = rf"(?:the |an? |my |our )?({_WORD}(?: {_WORD}){{0,5}})"
_TERM = r"[(-]{0,4}\d[\d.]*(?:\) ?){0,4}"
_SIGNS = {
    "multiplied by|times|×": "*",
    "divided by|÷": "/",
    "plus": "+",
    "minus": "-",
    "(?:%|percent) of": "/ 100 *",
}
_OPERATOR = rf" ?(?:\*\*|[-+*/%]|{'|'.join(_SIGNS)}) ?"
_MONEY = (
    r"\b(?P<code>EUR|USD|GBP|JPY|CHF|INR|CAD|AUD|CNY|SEK|NOK|DKK|PLN|BRL|ZAR)\b"
    r"|(?P<EUR>€|\beuros?\b)|(?P<USD>\$|\bdollars?\b)|(?P<GBP>£|\bpounds?\b)|(?P<JPY>¥|\byen\b)"
)
_PATH = (
    r"(?<![\w/.@:~-])(?:(?:~|\.{1,2})?/[\w./-]*\w|(?:[\w-]+/)+[\w.-]*\w|[\w-]+\.[a-z]\w{0,4})"
    r"(?![\w@/])"
)
_QUOTED = r"[\"“„«]([^\"“”„«»]+)[\"”“»]|(?<!\w)'([^']+)'(?!\w)|`([^`]+)`"
_NUMBER = (
    r"(?<![\w.,/])-?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?)(?![\d@]|[.,]\d|[A-Za-z]\w{3})"
    rf"|\b(?:{'|'.join(_COUNTS)})\b"
)


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
    for words, sign in _SIGNS.items():
        told = re.sub(words, f" {sign} ", told, flags=re.IGNORECASE)
    return " ".join(told.split()) + ")" * (told.count("(") - told.count(")"))


def _currency(m: re.Match[str]) -> str:
    return m["code"].upper() if m["code"] else str(m.lastgroup)


def _name(m: re.Match[str]) -> str | None:
    words = m[0].removesuffix("'s").removesuffix("’s").split(" ")
    first = m.start() == 0 or m.string[m.start() - 2 : m.start()] in (". ", "! ", "? ", "; ")
    while words and words[0].lower() in _NOT_NAMES:
        words, first = words[1:], False
    name = " ".join(words)
    # A lone first word is a name if something is said of it: "Ada lives here".
    lone = first and len(words) == 1 and not re.match(r" (?:\w+s|\w+ed|and)\b", m.string[m.end() :])
    return None if lone or len(name) < 2 else name


@cache
def _zones() -> dict[str, str]:
    zones = sorted((z for z in available_timezones() if not z.startswith("Etc")), reverse=True)
    return {z.rsplit("/", 1)[-1].replace("_", " ").lower(): z for z in zones if "/" in z}


def _zone(m: re.Match[str]) -> str | None:
    return m[0] if re.fullmatch(r"\w+/\w+|UTC|GMT|CES?T", m[0]) else _zones().get(m[0].lower())


def _as_written(m: re.Match[str]) -> str:
    return str(m[m.lastindex or 0])


_Kind = tuple[str, Callable[[re.Match[str]], Any], float]
KINDS: dict[str, _Kind] = {
    "email": (r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+", _as_written, SURE),
    "url": (r"\b(?:https?|ftp)://[^\s<>\"“”]*[\w/]", _as_written, SURE),
    "zone": (rf"(?-i:\b[A-Z]\w+/[A-Z]\w+\b|{NAME})", _zone, SURE),
    "when": (rf"{_DAY}(?: at (?:[\d:]+ ?(?:[ap]\.?m)?|noon|midnight))?", _as_written, SURE),
    "time": (_TIME, _time, SURE),
    "date": (_DATE, _date, SURE),
    "day": (_DAY, _as_written, 2.5),
    "street": (r"\b\d{1,5}[a-z]? (?:(?-i:[A-Z])[\w'.-]{1,30} ?){1,4}", _as_written, 5.0),
    "postcode": (r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b|(?<![\w.,-])\d{5}\b", _as_written, SURE),
    "path": (_PATH, _as_written, SURE),
    "phone": (r"(?<![\w-])\+?\(?\d[\d() -]{6,18}\d(?![\w-])", _as_written, SURE),
    "currency": (_MONEY, _currency, SURE),
    "ticker": (r"(?-i:\b[A-Z]{2,5}\b)", _as_written, 1.0),
    "sum": (rf"(?<![\w.)]){_TERM}(?:{_OPERATOR}{_TERM})+", _sum, SURE),
    "language": (rf"\b(?:{'|'.join(word_list('languages'))})\b", _as_written, SURE),
    "code": (r"(?<![\w@./-])(?=[a-z])(?=[\w-]{0,40}\d)[\w-]{2,60}\b", _as_written, 1.0),
    "quoted": (_QUOTED, _as_written, 1.0),
    "name": (f"(?-i:{NAME})", _name, 0.5),
    "place": (rf"\b(?:in|at|near|for|around) {PHRASE}", _as_written, -0.5),
    "number": (_NUMBER, _number, 0.0),
}
"""How each kind looks, how it is written down (None: it isn't one), how sure that it is meant."""

_PATTERNS = {kind: re.compile(look, re.IGNORECASE) for kind, (look, *_) in KINDS.items()}
_FORMATS = {"email": "email", "uri": "url", "date": "date", "time": "time"}


def kinds_for(words: list[str], form: str = "") -> list[str]:
    """List the kinds that suit an argument: by its format, else by the first word that has any."""
    if form in _FORMATS:
        return [_FORMATS[form]]
    found = ([k for k in KINDS if stem(w) in KIND_WORDS[k]] for w in words)
    return next(filter(None, found), [])


def quoted(text: str) -> list[str]:
    """Find what stands in quotation marks."""
    return [m[m.lastindex or 0] for m in _PATTERNS["quoted"].finditer(text)]


class Passage:
    """A text whose values can be looked for by kind."""

    def __init__(self, text: str) -> None:
        """Read the beginning of a text."""
        self.text = collapse(text)
        self._found: dict[str, list[Spot]] = {}

    def spots(self, kind: str) -> list[Spot]:
        """Find the values of a kind, in order."""
        if kind not in self._found:
            text, (_, write, score) = self.text, KINDS[kind]
            found: list[Spot] = []
            if kind == "number":  # not those within an address, a date, a time or a code
                for s in (
                    s for k in ("email", "url", "date", "time", "code") for s in self.spots(k)
                ):
                    text = text[: s.start] + "\x00" * (s.end - s.start) + text[s.end :]
            for m in _PATTERNS[kind].finditer(text):
                if len(found) < 200 and (value := write(m)) is not None:
                    start = max(m.start(), m.string.find(str(value), m.start(), m.end()))
                    found.append(Spot(value, start, m.end(), score))
            self._found[kind] = found
        return self._found[kind]

    def before(self, place: int, count: int = 4) -> list[str]:
        """List the words before a place within its sentence, the nearest first."""
        left = re.split(r"[.!?;\n] ", self.text[max(0, place - 80) : place])[-1]
        return name_words(left)[::-1][:count]

    def after(self, place: int, count: int = 2) -> list[str]:
        """List the words after a place, up to the next comma or full stop."""
        return name_words(re.split(r"[.,!?;:\n]", self.text[place : place + 60])[0])[:count]
