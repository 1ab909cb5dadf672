"""Continuation: the rest of a reply whose first words are already there."""

from __future__ import annotations

import json
import re

from agentkit.classroom.offline.brain.case import Case
from agentkit.classroom.offline.brain.structured import extracted
from agentkit.classroom.offline.brain.words import exactly, name_words
from agentkit.classroom.offline.request import Message

_WORDS = r"[\"'`]?\w+[\"'`]?(?:(?:, ?(?:and )?| and )[\"'`]?\w+[\"'`]?){0,12}"
_ASKED_KEYS = (
    re.compile(rf"\b(?:keys?|fields?|properties)\b:? ?({_WORDS})", re.IGNORECASE),
    re.compile(rf"\b(?:with|containing|extract)(?: (?:a|an|the))? ({_WORDS})", re.IGNORECASE),
)
_GO_ON = re.compile(
    r"^\W*(?:please )?(?:go on|continue|carry on|keep going)\b"
    r"|\b(?:cut off|cut short|incomplete|not finished)\b.{0,80}\b(?:go on|continue|carry on)\b",
    re.IGNORECASE | re.DOTALL,
)
_SCHEMA_KEY = re.compile(r"[\"'](\w{1,40})[\"']\s*:")
_NUMERIC = exactly(
    "age year count quantity price amount total number rating score percent size length duration"
)


def continued(given: str, reply: str, case: Case) -> str:
    """Go on after the words that a client has put into the reply's mouth.

    Args:
        given: Those words.
        reply: The whole reply, as it would have been.
        case: The case.

    Returns:
        What comes after the given words.
    """
    start = given.lstrip()
    if start[:1] in ("{", "[") or re.search(r"```json\s*[{\[]?[^`]*$", given[-2000:]):
        return _json(re.sub(r"^[^`]*```json\s*", "", start) or "{", case)
    if reply.startswith(given.rstrip()) and given.strip():
        return reply[len(given.rstrip()) :]
    return reply if given.endswith((" ", "\n")) or not given else f" {reply}"


def asks_to_go_on(messages: list[Message]) -> bool:
    """Tell whether a client wants the rest of a reply that was cut.

    Args:
        messages: The conversation.

    Returns:
        True when it ends in words of Claude's without a tool call, and the wish to go on.
    """
    if len(messages) < 3 or messages[-1].role != "user" or messages[-2].role != "assistant":
        return False
    said = messages[-2]
    return bool(
        said.text.strip() and not said.of_type("tool_use") and _GO_ON.search(messages[-1].text)
    )


def _json(start: str, case: Case) -> str:
    """Complete JSON that has been begun."""
    keys = asked_keys(case.reading[:5000])
    schema = {"type": "object", "properties": {k: guessed(k) for k in keys}}
    value = extracted(schema, [case.question], case.known) if keys else {}
    whole = {k: value.get(k, "") for k in keys}
    opened = "[" if start.startswith("[") else ""
    for written in (
        json.dumps(whole, ensure_ascii=False),
        json.dumps(whole, ensure_ascii=False, indent=2),
    ):
        told = opened + written + ("]" if opened else "")
        if told.startswith(start.rstrip()):
            return told[len(start.rstrip()) :]
    return _closed(start, whole)


def guessed(key: str) -> dict[str, str]:
    """Guess the schema of a key that has none: some names are always those of numbers.

    Args:
        key: The key.

    Returns:
        A schema.
    """
    return {"type": "number" if _NUMERIC & {*name_words(key)} else "string"}


def asked_keys(text: str) -> list[str]:
    """Find the keys that a prompt wants its JSON to have.

    Args:
        text: Such as "JSON with the keys name and age".

    Returns:
        The keys, each once; none when the text names none.
    """
    if named := _SCHEMA_KEY.findall(text):
        return list(dict.fromkeys(named))
    for pattern in _ASKED_KEYS:
        if asked := pattern.search(text):
            words = re.findall(r"\w+", asked[1])
            return list(dict.fromkeys(w for w in words if w not in ("and", "the", "JSON", "as")))
    return []


def _closed(start: str, known: dict[str, object]) -> str:
    """The shortest end that makes begun JSON whole."""
    text = start[-20_000:].rstrip()
    stack, quoted, escaped = [], False, False
    for letter in text:
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = letter == "\\", letter != '"'
        elif letter == '"':
            quoted = True
        elif letter in "{[":
            stack.append(letter)
        elif letter in "}]" and stack:
            stack.pop()
    end = '"' if quoted else ""
    tail = text + end
    in_object = stack[-1:] == ["{"]
    if in_object and re.search(r'[{,]\s*"(?:[^"\\]|\\.){0,200}"$', tail):
        end += ': ""'
    elif tail.endswith(":"):
        key = re.findall(r'"([^"]{0,200})"\s*:$', tail)
        end += " " + json.dumps(known.get(key[0], "") if key else "", ensure_ascii=False)
    elif tail.endswith(","):
        end += ' "": ""' if in_object else ' ""'
    return end + "".join("}" if b == "{" else "]" for b in reversed(stack))
