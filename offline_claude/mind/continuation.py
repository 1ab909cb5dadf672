"""Continuation: the rest of a reply whose first words are there, written or cut off before."""

from __future__ import annotations

import json
import re

from offline_claude.mind.case import Case
from offline_claude.mind.structured import extracted
from offline_claude.mind.words import exactly, name_words
from offline_claude.request import Message

_WORDS = r"[\"'`]?\w+[\"'`]?(?:(?:, ?(?:and )?| and )[\"'`]?\w+[\"'`]?){0,12}"
_ASKED_KEYS = (
    re.compile(rf"\b(?:keys?|fields?|properties)\b:? ?({_WORDS})", re.IGNORECASE),
    re.compile(rf"\b(?:with|containing|extract)(?: (?:a|an|the))? ({_WORDS})", re.IGNORECASE),
)
_SCHEMA_KEY = re.compile(r"[\"'](\w{1,40})[\"']\s*:")
_NUMERIC = exactly(
    "age year count quantity price amount total number rating score percent size length duration"
)
_GO_ON = re.compile(
    r"\W*(?:(?:you|(?:your|the) (?:(?:last|previous) )?"
    r"(?:answer|reply|response|message|output|text))"
    r" (?:was|were|got|has been|have been) (?:cut(?: off| short)?|interrupted|truncated)\W+)?"
    r"(?:(?:ok(?:ay)?|please|now|just|yes|and|can you|could you)\W+)*"
    r"(?:continue|go on|keep (?:going|writing)|carry on|resume|finish)\b"
    r"(?:\W+(?:exactly|right|precisely|from|where|there|at|the|you|your|were|was|it|left|stopped"
    r"|ends|ended|off|cut|got|interrupted|point|last|previous|same|message|response|answer|reply|text|word|words"
    r"|sentence|output|writing|generating|with|without|and|but|do|don't|not|no|any|repeat|repeating"
    r"|nothing|what|already|have|has|been|said|wrote|written|anything|preamble|please|of|to|that))*\W*",
    re.IGNORECASE,
)
_LONGEST_REQUEST = 200
NOTHING_MORE = "I have nothing to add to that."


def without_interruptions(messages: list[Message]) -> list[Message]:
    """Read a reply that was cut off, "Continue", and the rest of it as the one reply they are.

    Args:
        messages: The conversation.

    Returns:
        The conversation, in which a user who only wants more of the same says nothing. It ends
        with the assistant where a reply is to be continued.
    """
    joined: list[Message] = []
    for message in messages:
        before = joined[-1] if joined else None
        if before and before.role == "assistant" and _only_goes_on(message, before):
            continue
        if before and before.role == message.role == "assistant":
            joined[-1] = _joined(before, message)
        else:
            joined.append(message)
    return joined


def _only_goes_on(message: Message, before: Message) -> bool:
    text = message.text
    if message.role != "user" or len(text) > _LONGEST_REQUEST or before.of_type("tool_use"):
        return False
    # "Go on" after "Shall I?" is an answer.
    asked = before.text.rstrip().endswith("?")
    plain = len(message.of_type("text")) == len(message.blocks)
    return plain and not asked and bool(_GO_ON.fullmatch(text))


def _joined(first: Message, more: Message) -> Message:
    """Two parts of one reply; a text that goes on is one text."""
    head, tail = first.blocks, more.blocks
    if head and tail and head[-1].get("type") == tail[0].get("type") == "text":
        whole = {"type": "text", "text": f"{head[-1].get('text', '')}{tail[0].get('text', '')}"}
        return Message(first.role, [*head[:-1], whole, *tail[1:]])
    return Message(first.role, [*head, *tail])


def given_words(messages: list[Message]) -> str:
    """Read the words that the next ones follow directly.

    Args:
        messages: A conversation that ends with the assistant.

    Returns:
        Its last text; empty when something else stands after it, such as a server tool's result.
    """
    last = messages[-1].blocks[-1:]
    return str(last[0].get("text", "")) if last else ""


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
    if reply.startswith(given):
        return reply[len(given) :]
    if reply.startswith(given.rstrip()):
        return reply[len(given.rstrip()) :]
    return reply if given.endswith((" ", "\n")) or not given else f" {reply}"


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
