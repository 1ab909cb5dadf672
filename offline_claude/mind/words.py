"""Words: what a text is about, whatever the form in which it says so."""

from __future__ import annotations

import re
from functools import lru_cache

MOST_CHARACTERS = 20_000
"""As much of a text as is read for words and values: a question has never been longer."""

_WORD = re.compile(r"[^\W\d_]+")
_ENDINGS = ("ments", "ment", "ings", "ing", "ies", "ied", "ed", "es", "s", "e")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BREAK = re.compile(
    r"(?<=[.!?])\s+|\s*[\n;]\s*|,\s+(?:and |then |und |et )?|\s+(?:and|then|und|et|plus also)\s+",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:don't|don’t|do not|does not|never|without|instead of|rather than|not)\s+"
    r"(?:to |please |yet |the |an? |it |any )*([^\W\d_]+)",
    re.IGNORECASE,
)
_RULED_OUT = re.compile(
    r"\b(?:don't|don’t|do not|never|without|instead of|rather than)\s"
    r"((?:(?! but | just )[^,.;:!?\n]){1,80})",
    re.IGNORECASE,
)

# Words that learners use for one another, one group a line; the first names the group. German and
# French words stand with their English ones.
_SAME = """
weather forecast temperature rain raining rainy snow snowing sunny umbrella wetter météo hot cold
add plus sum addition
multiply product multiplication
subtract minus difference
divide divided quotient
calculator calculate compute arithmetic math mathematics calculation evaluate expression rechne
convert exchange conversion umrechnen rate
currency currencies euro euros dollar dollars pounds yen eur usd gbp jpy chf
stock share shares ticker
time clock uhrzeit spät heure uhr
search google websuche suche cherche
web internet online
ticket issue bug
meeting appointment termin
book reserve reservation schedule booking
cancel cancellation storniere annule abort
delete remove erase lösche supprime
create open file raise add new make erstelle crée
update change modify edit correct ändere move
send mail email forward schicke envoie
list show all which zeige liste
order orders bestellung bestellungen commande
invoice bill rechnung facture
price cost costs expensive preis prix
translate translation übersetze traduis
customer client user account kunde
remember note save memo store
read open show display cat contents
run execute
status state progress
joke funny witz
refund reimburse reimbursement
discount percent rebate coupon
location located where place
table tables
restaurant restaurants dinner eat
play music song
flight flights fly
hotel hotels stay room
distance far
length long
database sql query
"""


def stems(text: str) -> set[str]:
    """Reduce text to word stems, so that "shipping" meets "shipped".

    Args:
        text: Any text; underscores separate words.

    Returns:
        Lower-case stems.
    """
    return {stem(w) for w in _WORD.findall(text[:MOST_CHARACTERS].lower())}


@lru_cache(4096)
def stem(word: str) -> str:
    """Reduce one word to its stem.

    Args:
        word: A word in lower case.

    Returns:
        The word without its ending.
    """
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


GROUPS: dict[str, set[str]] = {}
for _line in _SAME.strip().splitlines():
    for _word in _line.split():
        GROUPS.setdefault(stem(_word), set()).add("~" + _line.split()[0])
"""The groups of words that a stem belongs to, each by its first word."""


def meanings(words: set[str]) -> set[str]:
    """Add to stems what else they may mean, so that "plus" meets "add".

    Args:
        words: Stems.

    Returns:
        The stems, and the names of the groups of words they belong to.
    """
    return words.union(*(GROUPS.get(word, ()) for word in words))


def name_words(name: str) -> list[str]:
    """Split a tool's or an argument's name into words.

    Args:
        name: Such as "get_weather", "maxResults" or "due-date".

    Returns:
        Its words in lower case.
    """
    return _WORD.findall(_CAMEL.sub(" ", name[:200]).replace("_", " ").lower())


def plain_name(name: str) -> str:
    """Leave out what a client puts before a tool's name: the server or plugin it comes from.

    Args:
        name: Such as "mcp__shop__find_order", "Shop-find_order" or "shop.find_order".

    Returns:
        Such as "find_order"; a name that is only hyphenated stays as it is.
    """
    last = re.split(r"__|[.:/]", name.rstrip("_.:/"))[-1]
    prefix, _, rest = last.rpartition("-")
    return rest if prefix and "_" in rest else last


def akin(one: str, other: str) -> bool:
    """Tell whether two words belong together: "assign" and "assignee", "tag" and "tags".

    Args:
        one: A word in lower case.
        other: Another.

    Returns:
        True when the stems are the same, or begin with the same five letters.
    """
    return stem(one) == stem(other) or (len(one) >= 5 and len(other) >= 5 and one[:5] == other[:5])


def negated(text: str) -> set[str]:
    """Find what a text says not to do.

    Args:
        text: Such as "don't cancel it".

    Returns:
        The stems that follow a "not".
    """
    return {stem(w.lower()) for w in _NEGATED.findall(text[:MOST_CHARACTERS])}


def ruled_out(text: str) -> set[str]:
    """Find the words of what a text says not to do, up to where it goes on with something else.

    Args:
        text: Such as "don't open a ticket, tell me the weather".

    Returns:
        The stems from each "not" to the next comma, full stop or "but".
    """
    found = _RULED_OUT.findall(text[:MOST_CHARACTERS])
    return set().union(*map(stems, found)) if found else set()


def fragments(text: str) -> list[str]:
    """Split a question where it may turn to something else: sentences, commas, "and".

    Args:
        text: The question.

    Returns:
        Its parts, none of them empty.
    """
    return [p for p in _BREAK.split(text[:MOST_CHARACTERS]) if p and p.strip()]


def collapse(text: str) -> str:
    """Make white space single, so that no pattern has to weigh how to share it out.

    Args:
        text: Any text.

    Returns:
        The beginning of it, with one space or line break at a time.
    """
    lines = text[:MOST_CHARACTERS].split("\n")
    return "\n".join(" ".join(line.split()) for line in lines if line.strip())


FILLER_WORDS = stems(
    "a about an and any are at be book books can could do does for from get has have how i in is "
    "it its long many me my of on or our please policy policies handbook rule rules say says tell "
    "that the their there this to us we what when which who will with would you your if order "
    "shop stock not was were am has had but so they them use tool using return s t"
) - stems("return")
"""Words that don't tell what a question is about."""

WEAK_WORDS = FILLER_WORDS | stems(
    "customer item list search look lookup find fetch show read check number id name user data "
    "send make create set update run new all one"
)
"""Words that say too little to choose a tool by."""

SHOP_WORDS = stems("order book books shop stock policy handbook rule")
"""Of these, the words that tell something outside the bookshop."""

WEAK_GROUPS = {
    "~create",
    "~list",
    "~read",
    "~search",
    "~update",
    "~send",
    "~where",
    "~location",
} | {"~customer"}
"""Groups of words that say too little to choose a tool by."""

LOOK_UPS = ("find", "get_", "list_", "look", "show", "read_", "search", "fetch", "check_", "track")
"""How the names of tools begin that only look things up."""


def exactly(text: str) -> frozenset[str]:
    """Read a list of words that are meant as they are, not as stems.

    Args:
        text: Words with spaces between them.

    Returns:
        The words.
    """
    return frozenset(text.split())
