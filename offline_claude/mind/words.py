"""Words: stems, synonyms, and a full-text index of short texts."""

from __future__ import annotations

import re
import sqlite3
import tomllib
import weakref
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

MOST_CHARACTERS = 20_000  # as much of a text as is read for words and values
_HERE = Path(__file__).parent
_DATA: dict[str, Any] = tomllib.loads((_HERE / "synonyms.toml").read_text("utf-8"))
_PHRASES: dict[str, Any] = tomllib.loads((_HERE / "phrases.toml").read_text("utf-8"))
_WORD = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ENDINGS = ("ments", "ment", "ings", "ing", "ies", "ied", "ed", "es", "s", "e")


def word_list(name: str) -> frozenset[str]:
    """Read a list of words from `synonyms.toml`."""
    return frozenset(_DATA[name].split())


@cache
def pattern(name: str) -> re.Pattern[str]:
    """Read a pattern from `phrases.toml`; upper and lower case are the same."""
    return re.compile(_written(name), re.IGNORECASE)


def _written(name: str) -> str:
    if isinstance(alternatives := _PHRASES[name], list):
        return rf"\b(?:{'|'.join(alternatives)})"
    joined = "".join(line.strip() for line in _PHRASES[name].split("\n"))
    return re.sub(r"@(\w+)@", lambda m: _written(m[1]), joined)


@lru_cache(4096)
def stem(word: str) -> str:
    """Cut the ending off a word in lower case: "shipping" and "shipped" become "ship"."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def stems(text: str) -> set[str]:
    """List the stems of a text's words; underscores separate words."""
    return {stem(w) for w in _WORD.findall(text[:MOST_CHARACTERS].lower())}


FILLER, SHOP_WORDS = stems(_DATA["filler"]), stems(_DATA["shop"])
WEAK = FILLER | stems(_DATA["weak"])
TROUBLES, SIGNS, STEPS = (_DATA[name] for name in ("troubles", "signs", "steps"))
KIND_WORDS = {kind: stems(words) for kind, words in _DATA["kinds"].items()}
NUMBERS = [(stems(words), *more) for words, *more in _DATA["numbers"]]
CHOICES = {name: stems(f"{name} {words}") for name, words in _DATA["choices"].items()}


def _groups(lines: list[str]) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for line in lines:
        for word in line.split():
            groups.setdefault(stem(word), set()).update(line.split())
    return groups


_SAME, _WEAK_SAME = _groups(_DATA["same"]), _groups(_DATA["weak_same"])


def synonyms(word: str, *, weak: bool = False) -> set[str]:
    """List a word and those that mean the same; with `weak`, only verbs and the like."""
    return {word} | (_WEAK_SAME if weak else _SAME).get(stem(word), set())


def said_words(text: str) -> list[str]:
    """List a question's words in lower case, each once, without those it says not to act on."""
    lower = text[:MOST_CHARACTERS].lower()
    ruled_out = stems(" ".join(pattern("ruled_out").findall(lower)))
    return [w for w in dict.fromkeys(_WORD.findall(lower)) if stem(w) not in ruled_out]


def telling_words(text: str) -> list[str]:
    """List a question's words that tell what it is about."""
    return [w for w in said_words(text) if stem(w) not in FILLER - SHOP_WORDS]


def name_words(name: str) -> list[str]:
    """Split "get_weather", "maxResults" or "due-date" into words in lower case."""
    return _WORD.findall(_CAMEL.sub(" ", name[:200]).replace("_", " ").lower())


def plain_name(name: str) -> str:
    """Drop the server or plugin before a tool's name, as in "mcp__shop__find_order"."""
    last = re.split(r"__|[.:/]|^mcp_[^_]+_", name.rstrip("_.:/"))[-1]
    prefix, _, rest = last.rpartition("-")
    return rest if prefix and "_" in rest else last


def akin(one: str, other: str) -> bool:
    """Tell whether two words belong together, such as "assign" and "assignee"."""
    return stem(one) == stem(other) or (len(one) >= 5 and len(other) >= 5 and one[:5] == other[:5])


def fragments(text: str) -> list[str]:
    """Split a question at sentences, commas and "and", where it may turn to something else."""
    return [p for p in pattern("break").split(text[:MOST_CHARACTERS]) if p and p.strip()]


def collapse(text: str) -> str:
    """Make white space single, so that no pattern has to weigh how to share it out."""
    lines = text[:MOST_CHARACTERS].split("\n")
    return "\n".join(" ".join(line.split()) for line in lines if line.strip())


class Index:
    """Texts in SQLite's full-text search: in memory, English stems, best match first."""

    def __init__(self, columns: str, rows: Iterable[Sequence[str]]) -> None:
        """Index one text for each of the columns, whose names are separated by commas."""
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        weakref.finalize(self, self._db.close)  # Python 3.13 warns of one that isn't closed
        how = "tokenize='porter unicode61'"
        self._db.execute(f"create virtual table texts using fts5({columns}, {how})")
        marks = ", ".join("?" * (columns.count(",") + 1))
        self._db.executemany(f"insert into texts values ({marks})", rows)  # noqa: S608

    def find(self, words: Iterable[str], column: str = "") -> list[int]:
        """Find the positions of the rows that have any of the words, the best first by bm25."""
        wanted = " OR ".join(f'"{w}"' for w in words if _WORD.fullmatch(w) or w.isdecimal())
        if not wanted:
            return []
        match = f"{column} : ({wanted})" if column else wanted
        query = "select rowid - 1 from texts where texts match ? order by bm25(texts), rowid"
        return [row for (row,) in self._db.execute(query, (match,))]
