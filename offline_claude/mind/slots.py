"""Slots: what an argument's name, description and schema say about the value it wants."""

from __future__ import annotations

import re
from dataclasses import dataclass

from offline_claude.mind.json_schema import Schema
from offline_claude.mind.words import exactly, name_words, stem, stems

_KIND_OF_WORD = {
    word: kinds
    for words, *kinds in (
        ("email mail emails recipient recipients cc bcc", "email"),
        ("url uri link website webpage href homepage urls", "url"),
        ("timezone tz zone", "zone"),
        ("datetime timestamp", "moment", "date"),
        ("date day deadline due birthday dob birth checkin checkout dates", "date", "day"),
        ("time hour start end begin", "time", "date"),
        ("when", "moment", "date", "when", "time"),
        ("street", "street", "name", "place"),
        ("zip zipcode postcode postal", "postcode"),
        ("path file filename filepath directory folder dir paths files", "path", "quoted"),
        ("phone telephone mobile tel", "phone"),
        ("currency currencies", "currency"),
        ("ticker symbol tickers symbols", "ticker", "name"),
        ("expression equation formula calculation", "sum", "quoted"),
        ("language lang translate", "language"),
        ("id ids number no code key ref reference sku isbn identifier", "code", "quoted", "digits"),
        ("city location place country destination origin town region address area locations "
         "cities places venue state capital", "name", "place"),
        ("person name customer author user username assignee owner attendee attendees guest "
         "guests participant participants contact employee company vendor organization "
         "organisation supplier brand artist people names client sender team member members",
         "quoted", "name"),
    )
    for word in words.split()
}  # fmt: skip

_FREE = exactly(
    "query question text message topic search keywords content prompt input body description note "
    "notes comment reason instruction instructions details task request sentence paragraph q "
    "document memory"
)

_FORMATS = {
    "email": ["email"],
    "uri": ["url"],
    "url": ["url"],
    "date": ["date"],
    "date-time": ["moment"],
    "time": ["time"],
}

FROM_WORDS = exactly(
    "from source origin sender base start departure checkin begin since after min von de"
)

TO_WORDS = exactly(
    "to target destination recipient end until arrival checkout before max into nach"
)

VAGUE_WORDS = {
    "id",
    "number",
    "name",
    "value",
    "max",
    "min",
    "n",
    "no",
    "a",
    "b",
    "x",
    "y",
    "to",
    "from",
}


@dataclass(frozen=True)
class Slot:
    """An argument that a value is looked for.

    Attributes:
        name: The property's name.
        spec: Its plain schema.
        context: Words of what it belongs to, such as the tool's name.
    """

    name: str
    spec: Schema
    context: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """The words of its name."""
        return name_words(self.name)

    @property
    def about(self) -> set[str]:
        """Stems of its description."""
        return stems(str(self.spec.get("description") or "")[:400])

    @property
    def kinds(self) -> list[str]:
        """Which kinds of values fit it, best first; none for one that may be any text."""
        if (form := str(self.spec.get("format"))) in _FORMATS:
            return _FORMATS[form]
        if self.is_free:
            return []
        vague = {*self.words} <= FROM_WORDS | TO_WORDS | VAGUE_WORDS
        context = self.context[::-1] if vague else ()
        for word in [*reversed(self.words), *context, *_hints(self)]:
            for known, kinds in _KIND_OF_WORD.items():
                if stem(word) == stem(known):
                    return list(kinds)
        return []

    @property
    def is_free(self) -> bool:
        """Whether it takes any words of the user's, such as a query."""
        return bool({*self.words} & _FREE)


def _hints(slot: Slot) -> list[str]:
    """Words of a description that tell what is wanted, when the name doesn't."""
    told = re.findall(r"[a-z]+", str(slot.spec.get("description") or "").lower()[:160])
    vague = {"id", "no", "number", "key", "code", "name", "day", "time", "user", "state", "people"}
    return [w for w in told if w not in vague]
