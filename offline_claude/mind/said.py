"""What a text says about a choice: which of several words it means, yes or no, how it feels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from offline_claude.mind.json_schema import Schema
from offline_claude.mind.values import Passage
from offline_claude.mind.words import name_words, negated, stem, stems

_GOOD = stems(
    "love loved great good excellent amazing fantastic wonderful happy best perfect perfectly "
    "awesome enjoy enjoyed recommend pleased delighted superb brilliant nice glad thrilled "
    "helpful friendly fast beautiful impressed satisfied thanks thank outstanding"
)
_BAD = stems(
    "hate hated bad terrible awful horrible worst poor broken disappointed disappointing angry "
    "sad useless slow rude never refund waste annoying frustrated frustrating damaged wrong fails "
    "failed unhappy disgusting boring regret unacceptable late missing defective"
)
# What people say for the usual choices; the first word of a line names the choice.
_MEANT = {
    line.split()[0]: stems(line)
    for line in (
        "high urgent urgently asap critical important immediately emergency blocking severe",
        "urgent asap immediately emergency critical",
        "critical urgent asap emergency outage down severe",
        "low minor trivial whenever eventually nice-to-have cosmetic",
        "medium normal moderate",
        "normal medium usual",
        "celsius centigrade metric",
        "metric celsius kilometres kilometers kilograms",
        "imperial fahrenheit miles pounds feet",
        "billing invoice charge charged payment refund paid card subscription",
        "technical error crash bug crashes login broken install works fails password",
        "shipping delivery parcel package arrived courier tracking shipment deliver",
        "bug error crash broken crashes fails",
        "question how what why when wonder",
        "complaint angry unacceptable disappointed terrible",
        "spam winner prize lottery click viagra won congratulations free",
        "ascending asc increasing oldest lowest",
        "descending desc decreasing newest latest highest",
        "open unresolved active pending",
        "closed resolved done finished",
        "celsius °c",
        "fahrenheit °f",
    )
}


def said_choices(passage: Passage, choices: Sequence[Any], spec: Schema | None = None) -> list[Any]:
    """Find which of an enum's values a text means.

    Args:
        passage: The text.
        choices: The enum's values.
        spec: The argument's schema, whose description may explain the values.

    Returns:
        The values, those said in so many words first; none when the text says none.
    """
    words = stems(passage.text) - negated(passage.text)
    texts = [c for c in choices if isinstance(c, str) and stems(c)]
    # A single letter counts when it stands alone, or when the description says what it is for.
    exact = [c for c in texts if len(c) > 1 and stems(c.replace("_", " ")) <= words]
    if exact:
        return sorted(exact, key=lambda c: -len(stems(c)))
    described = str((spec or {}).get("description") or "")
    for choice in texts:
        for meaning in re.findall(
            rf"\b{re.escape(choice)}\b['\"]?\s*(?:=|:|for|means|is|\()\s*(\w+)", described[:1000]
        ):
            if stem(meaning.lower()) in words:
                return [choice]
        if len(choice) == 1 and re.search(
            rf"(?:°|\b(?:in|unit|degrees|as) ){re.escape(choice)}\b", passage.text
        ):
            return [choice]
    units = {"c": "celsius", "f": "fahrenheit", "k": "kelvin"}
    for choice in texts:
        if stem(units.get(choice.lower(), "-")) in words:
            return [choice]
    for choice in texts:
        if re.search(rf"°{re.escape(choice[0])}\b", passage.text, re.IGNORECASE):
            return [choice]
    lower = {c.lower(): c for c in texts}
    if {"positive", "negative"} <= {*lower}:
        mood = feeling(passage)
        return [lower[mood]] if mood in lower else []
    meant = [c for c in texts if _MEANT.get(c.lower().split("_")[0].split(" ")[0], set()) & words]
    if meant:
        return meant
    numbers = [s.value for s in passage.spots("number")]
    return [c for c in choices if not isinstance(c, str | bool) and c in numbers]


def said_boolean(passage: Passage, name: str) -> bool | None:
    """Find whether a text says yes or no to something.

    Args:
        passage: The text.
        name: The argument's name.

    Returns:
        None when the text doesn't speak of it.
    """
    ignored = {
        "is",
        "has",
        "include",
        "should",
        "with",
        "enable",
        "enabled",
        "use",
        "are",
        "in",
        "flag",
    }
    words = [w for w in name_words(name) if w not in ignored] or name_words(name)
    for word in words[::-1]:
        stemmed = re.escape(stem(word))
        if m := re.search(rf"\b{stemmed}\w{{0,4}}\b", passage.text, re.IGNORECASE):
            yes_no = re.match(
                r"\s*(?:[:=]|is)\s*(yes|no|true|false)\b", passage.text[m.end() :], re.IGNORECASE
            )
            if yes_no:
                return yes_no[1].lower() in ("yes", "true")
            before = passage.before(m.start(), 3)
            return not {"no", "not", "without", "don", "never", "isn", "non"} & {*before}
    if word_sets := [_MEANT[w] for w in words if w in _MEANT]:
        return any(s & stems(passage.text) for s in word_sets) or None
    return None


def feeling(passage: Passage) -> str:
    """Tell a text's mood by its words.

    Args:
        passage: The text.

    Returns:
        "positive", "negative", "mixed" or "neutral".
    """
    good, bad = feelings(passage)
    if good and bad and good == bad:
        return "mixed"
    return "positive" if good > bad else "negative" if bad > good else "neutral"


def feelings(passage: Passage) -> tuple[int, int]:
    """Count the words that praise and those that complain.

    Args:
        passage: The text.

    Returns:
        How many of each; a negated word counts for the other side.
    """
    words, undone = stems(passage.text), negated(passage.text)
    good, bad = words & _GOOD, words & _BAD
    return len(good - undone) + len(bad & undone), len(bad - undone) + len(good & undone)
