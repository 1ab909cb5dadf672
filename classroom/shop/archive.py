"""The shop's archive: long letters, as tools return them in real life."""

from __future__ import annotations

import hashlib
import re

from agentkit.tools import tool

LETTER_CHARACTERS = 20_480

_SYLLABLES = re.findall("..", "bacedifoguhajekilomunaperisotuwa")


@tool(effect="none")
async def read_letter(number: int) -> str:
    """Read a letter from the archive; it has 20 KB.

    Args:
        number: The letter's number.
    """
    return letter(number)


def letter(number: int) -> str:
    """Write a letter in an invented language: the same each time, and no two have much in common.

    Args:
        number: The letter's number.
    """
    sentences = []
    for n in range(LETTER_CHARACTERS // 36):
        digits = hashlib.sha256(f"{number}-{n}".encode()).digest()
        words = (_SYLLABLES[d % 16] + _SYLLABLES[d // 16] for d in digits[:8])
        sentences.append(" ".join(words).capitalize())
    return ". ".join(sentences)[:LETTER_CHARACTERS]
