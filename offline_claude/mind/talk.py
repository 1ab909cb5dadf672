"""Talk: what can be answered without a tool and without a model, by repeating and by counting."""

from __future__ import annotations

import re

from offline_claude.mind.arithmetic import worked_out
from offline_claude.mind.case import Case
from offline_claude.mind.introduction import GREETING
from offline_claude.mind.patterns import COUNTS
from offline_claude.mind.recall import recalled
from offline_claude.mind.values import Passage, quoted
from offline_claude.mind.words import collapse, name_words, plain_name, stems

_POLITE = r"\s*(?:(?:please|just|now|simply|only|can you|could you|would you|then)[, ]+){0,4}"
_ECHO = re.compile(
    rf"{_POLITE}(?P<verb>say|repeat(?: after me| this| the following)?|echo"
    r"|(?:reply|respond|answer)(?: to (?:me|(?:this|the|my)(?: message)?))?(?: with)?"
    r"|(?:output|print|return|write|type)"
    r"(?= *(?:exactly|only|just|the (?:exact )?words?|[\"“'`:])))"
    r"(?P<rest>.+)",
    re.IGNORECASE | re.DOTALL,
)
_LEAD = re.compile(
    r"[\s:,]*(?:(?:with|exactly|only|just|back|the (?:single |exact |one |following )?"
    r"(?:words?|numbers?|text|phrase|sentence|string|message)|this(?= ?:)|after me)\b[\s:,]*){0,5}",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"[\s,.;–-]*(?:(?:and|or|but) (?:absolutely )?nothing (?:else|more)|and (?:stop|that's it)"
    r"|in (?:one|a single|a|exactly \w+) (?:short )?(?:word|sentence|line)s?"
    r"|with(?:out)? (?:any(?:thing)? )?(?:\w+ )?(?:text|punctuation|else|words?)|please|only"
    r"|exactly|to me|back)\s*[.!]*\s*$",
    re.IGNORECASE,
)
_WRITES = {"output", "print", "return", "write", "type"}
_NOT_SAID = re.compile(
    r"^(?:something|anything|in|if|how|what|why|to|it|that|me|him|her|them|us|message)\b|\?$",
    re.IGNORECASE,
)
_GREETS = re.compile(r"\s*(?:hi|hello|hey|hallo|bonjour|good morning)\b[^?]{0,40}$", re.IGNORECASE)
_SHORTEST_REPLIES = re.compile(
    r"(?:hi|hello|hey|ok(?:ay)?|yes|no|ping|pong|test|done|ready|true|false|ack)\b.*", re.I | re.S
)
_COUNT = re.compile(
    rf"\bcount (?:(?:up|down) )?(?:from (?P<first>\d+|{'|'.join(COUNTS)}) )?(?:up |down )?to "
    rf"(?P<last>\d+|{'|'.join(COUNTS)})\b",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"\bwhat(?:'s| is|’s)? (?:the |is )?(?:current |today['’]s )?(?:date|day|time|year|month)\b"
    r"(?: (?:is it|is today|today|now|it is|right now))*[\s?.!]*$|\btoday's date\b",
    re.IGNORECASE,
)
_CREATIVE = re.compile(
    r"\b(?P<verb>summari[sz]e|translate|rewrite|rephrase|paraphrase|proofread|shorten|tl;?dr)\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:my name is|call me|i am called|ich heiße|je m'appelle) ([^\W\d_][\w'’-]*)", re.I
)
_MOST_COUNTED = 1000
_USER_WROTE = re.compile(r"^user: (?!\[)(.{1,80})", re.MULTILINE)
"""A line of a conversation that is told in words."""

_MOST_QUOTES = 12


def said_again(case: Case) -> str:
    """Say what the user asks to be said, or count.

    Args:
        case: The case.

    Returns:
        The words; empty when nothing is to be repeated.
    """
    text = collapse(case.focus[:4000])
    if counted := _counted(text):
        return counted
    if not (m := _ECHO.fullmatch(text)) or _names_a_tool(case, text):
        return ""
    rest = m["rest"]
    lead = _LEAD.match(rest)
    given = rest[lead.end() if lead else 0 :].strip()
    for _ in range(4):
        given = _TAIL.sub("", given).strip()
    marked = quoted(given)
    if marked and given.startswith(tuple("\"“”„«»'`")):
        return marked[0] if len(given) <= len(marked[0]) + 3 else ""
    given = given.strip("\"“”'`*").strip()
    says = m["verb"].lower().startswith(("say", "repeat", "echo"))
    if m["verb"].lower() in _WRITES and re.search(r" (?:to|into|in|on) ", given):
        return ""
    sure = bool(lead and lead[0].strip(" ,") and not says) or m["verb"].lower().startswith("rep")
    if len(given.split()) <= 3 and "repeat" not in m["verb"].lower():
        given = given.rstrip(".")
    if not given or _NOT_SAID.search(given) or ("\n" in given and not sure):
        return ""
    if says or (sure and len(given.split()) <= 12) or _SHORTEST_REPLIES.fullmatch(given):
        longest = 2000 if "repeat" in m["verb"].lower() or ":" in rest[:30] else 200
        hello = re.match(r"(?:hi|hello|hey)\b", given)
        given = re.sub(r"^(hi|hello|hey) to ", r"\1, ", given, flags=re.IGNORECASE)
        first = given[0].upper() if hello else given[0]
        return "" if len(given) > longest else f"{first}{given[1:]}"
    return ""


def small_talk(case: Case) -> str:
    """Answer what needs no tool: a sum, the date, a name, what a text beside the question says.

    Args:
        case: A case that no tool fits.

    Returns:
        The answer; empty when there is nothing to say by rule.
    """
    text = collapse(case.focus[:4000])
    if not text.strip():
        return _about_nothing(case)
    if len(text) < 300 and (value := worked_out(Passage(text))):
        return value
    if found := recalled(case, text):
        return found
    if _CLOCK.search(text[:300]):
        return "I can't know the date or the time: I have no clock, and nothing here tells it."
    if m := _CREATIVE.search(text[:300]):
        return _not_rewritten(case, text, m["verb"].lower())
    if m := _NAMED.search(text):
        return f"Hello, {m[1]}! I will quote what you wrote when you ask me about it."
    if _GREETS.match(text):
        return GREETING
    if not case.tools and _is_statement(text):
        return f"You wrote: “{text[:300]}”. Ask me about it later, and I will quote it."
    return ""


def _names_a_tool(case: Case, text: str) -> bool:
    """Whether a tool does just what the words say: then it isn't for them to be said again."""
    said = stems(text)
    names = [stems(" ".join(name_words(plain_name(n)))) for n in case.own]
    return any(name and name <= said for name in names)


def _counted(text: str) -> str:
    if not (m := _COUNT.search(text[:300])):
        return ""
    first, last = _number(m["first"] or "1"), _number(m["last"])
    if abs(last - first) >= _MOST_COUNTED:
        return ""
    step = 1 if last >= first else -1
    return ", ".join(map(str, range(first, last + step, step)))


def _number(text: str) -> int:
    return COUNTS.index(text.lower()) if text.lower() in COUNTS else int(text[:9])


def _about_nothing(case: Case) -> str:
    if case.unseen or not case.notices:
        return ""
    return "I have read the notices you sent. They ask for nothing, so I do nothing."


def _not_rewritten(case: Case, text: str, verb: str) -> str:
    """Say that it takes a model to write anew, and quote how the text begins or who asked what."""
    if asked := _USER_WROTE.findall(case.focus):
        quotes = "; ".join(f"“{each.strip()}”" for each in asked[-_MOST_QUOTES:])
        return f"I can't {verb} as a model would; I quote. The user wrote: {quotes}."
    begins = case.texts[-1] if case.texts else text.partition(":")[2] or text.partition("\n")[2]
    first = re.match(r".{1,300}?(?:[.!?](?=\s|$)|$)", collapse(begins.strip()), re.DOTALL)
    told = f" It begins: “{first[0].strip()}”" if first and first[0].strip() else ""
    return (
        f"I can't {verb} a text: I am the offline Claude, rules that quote and fill in, not a "
        f"model.{told}"
    )


def _is_statement(text: str) -> bool:
    """Whether a text tells something and asks for nothing."""
    tells = re.match(r"(?:i|i'm|i’m|my|we|our|note|remember|the) \w", text, re.IGNORECASE)
    return bool(tells) and "?" not in text and len(text) < 600
