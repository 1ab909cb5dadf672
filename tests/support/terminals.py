"""Terminals without UTF-8, as environment variables; and what a reader doesn't see."""

import unicodedata

C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ODD_TERMINALS = [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}, C_LOCALE]

INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100"
"""Characters that are blank by design, although Unicode's categories call them marks or letters."""

REWRITES = "\x1b[1A\x1b[2K"
"""Moves a terminal's cursor up, and deletes what it finds there."""

HOSTILE = f"ok{REWRITES}\r\x07 \u202e\u2066\u200b\u3164\x9b2J\u2028</td><img src=x>`](http://x)\n"
"""Text that means something to a terminal, a page, and Markdown."""


def hidden(text: str, but: str = "") -> str:
    """Return the characters that a reader doesn't see, by Unicode's own tables."""
    return "".join(
        char
        for char in text
        if char not in but
        and ((unicodedata.category(char)[0] in "CZ" and char != " ") or char in INVISIBLE)
    )
