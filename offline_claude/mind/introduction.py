"""What the offline Claude says of itself: what it is, what it can do, and what it can't."""

from __future__ import annotations

import re
import textwrap

from offline_claude.mind.case import Case
from offline_claude.mind.conversation import SHOP_TOOLS
from offline_claude.mind.order_words import order_numbers
from offline_claude.mind.words import collapse

IDENTITY = (
    "I am the offline Claude, a deterministic stand-in that speaks the Messages API, not a model. "
    "I follow rules written down in this repository, so that lessons need no API key."
)
GREETING = (
    "Hello! I am the offline Claude, deterministic rules that speak the Messages API, not a model."
)
_WHO = re.compile(
    r"\b(who|what) (exactly )?are you\b|\bare you (really |an? |the |actually )*(real|claude|model"
    r"|ai|bot|human|llm|gpt|chatgpt|gemini|llama|person|machine|robot|language|openai|conscious)"
    r"|\b(your|ur) name\b|\b(what|which) (\w+ )?(model|llm|version|ai)\b.{0,30}\b(are|is|am|do) "
    r"(you|this|i)\b|\bwho (made|built|created|trained) you\b|\bintroduce yourself\b"
    r"|\btell me about yourself\b|\bwelches modell\b|\bwer bist du\b|\bbist du (eine?|claude|gpt)\b"
    r"|\bqui (es-tu|êtes-vous)\b|\bquel modèle\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"\s*(?:hi|hello|hey|hallo|good (?:morning|afternoon|evening|day)|guten (?:tag|morgen|abend)"
    r"|bonjour|salut|greetings|ping|howdy|moin)(?:[ ,]+(?:there|claude|again|world|everyone|all|you"
    r"|how are you(?: doing)?(?: today)?))*[\s!.,?]*(?:how are you(?: doing)?(?: today)?[?!. ]*)?$",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"\s*(?:(?:ok(?:ay)?|great|perfect|super)[,.! ]+)?(?:thanks?(?: you)?|thx|cheers|danke|merci"
    r"|bye|goodbye)(?: (?:a lot|so much|very much|you|schön|beaucoup))*[\s!.]*$",
    re.IGNORECASE,
)
_ABLE = re.compile(
    r"\bwhat (?:can|could) you (?:do|help)|\b(?:what|which) tools\b|\bwhat are you able to\b"
    r"|\bhow can you help\b|\bwas kannst du\b",
    re.IGNORECASE,
)


def introduction(case: Case) -> str:
    """Answer what is asked about the offline Claude itself.

    Args:
        case: The case.

    Returns:
        Who it is, a greeting, or what it can do; empty when the question is about other things.
    """
    question = collapse(case.focus[:2000])
    if _WHO.search(question):
        return IDENTITY
    if _GREETING.fullmatch(question):
        return f"{GREETING} {_ability(case)}"
    if _THANKS.fullmatch(question):
        return "You are welcome."
    if _ABLE.search(question) and not order_numbers(question) and len(question.split()) <= 12:
        return f"{IDENTITY} {_ability(case)}"
    return ""


def cannot_help(case: Case) -> str:
    """Say that nothing here fits the question.

    Args:
        case: The case.

    Returns:
        What is missing, and what could be asked instead.
    """
    question = textwrap.shorten(case.focus[:2000], 400, placeholder="…")
    if not case.tools:
        about = f" to “{question}”" if question else ""
        return (
            f"I have no answer{about}: I am the offline Claude, rules instead of a model, and this "
            "request offers me no tools. Without them I can do sums, quote what is written here, "
            "and fill in JSON."
        )
    offered = ", ".join(case.tools)
    offered = textwrap.shorten(offered, 500, placeholder="…")
    hint = (
        " Ask me about an order, a shipment or the handbook." if SHOP_TOOLS & {*case.tools} else ""
    )
    return (
        f"I am the offline Claude, not a model, and I see no tool among {offered} that fits "
        f"“{question}”.{hint}"
    )


def _ability(case: Case) -> str:
    if case.tools:
        offered = textwrap.shorten(", ".join(case.tools), 500, placeholder="…")
        return f"I can choose and use the tools of this request: {offered}. I can't write freely."
    return (
        "I can use tools and fill in JSON, but this request offers no tools, and I can't write "
        "freely."
    )
