"""Tools with long results."""

import hashlib
import json

from agentkit import AnyTool, ToolError, tool

LETTER = 10_240


@tool(effect="none")
async def read_letter(number: int) -> str:
    """Read a letter from the archive.

    Args:
        number: The letter's number.
    """
    return letter(number)


@tool(effect="none")
async def refuse_letter(number: int) -> str:
    """Refuse a letter, in words that look like a kept result.

    Args:
        number: The letter's number.
    """
    raise ToolError(json.dumps({"kept": f"sha256:{number:064}", "characters": 5, "preview": "hi"}))


@tool(effect="none")
async def count_words(text: str) -> int:
    """Count the words of a text.

    Args:
        text: The text.
    """
    return len(text.split())


def letter(number: int) -> str:
    """10 KB of invented prose, the same each time, in words that no two letters share."""
    digits = (hashlib.sha256(f"{number}-{n}".encode()).hexdigest() for n in range(LETTER // 36))
    syllables = dict(zip("0123456789abcdef", _SYLLABLES, strict=True))
    sentences = (
        " ".join("".join(syllables[d] for d in each[n : n + 3]) for n in range(0, 15, 3))
        for each in digits
    )
    return ". ".join(sentences)[:LETTER]


_SYLLABLES = [
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "ri",
    "so",
    "tu",
    "wa",
]

TOOLS: list[AnyTool] = [read_letter, refuse_letter, count_words]
