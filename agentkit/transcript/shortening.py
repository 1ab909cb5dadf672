"""What is too long for a request, cut to fit and visibly so; the chain keeps all of it.

Texts are cut first, then the arguments of calls. Thinking, and blocks that agentkit doesn't know,
go as they are: the API wants them back unchanged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from agentkit.messages import canonical_json, printable
from agentkit.transcript.chain import CHARACTERS_PER_TOKEN, Entry, size_of

_TEXTS, _ARGUMENTS, _ARGUMENTS_AS_JSON = range(3)
"""What is cut: texts, then the texts in arguments as well, then arguments as a whole."""

_NOTE = 60
"""About as many characters as the note at a cut has: to cut less than that gains nothing."""


def shortened(messages: Sequence[Entry], tokens: int) -> list[Entry]:
    """Cut texts and arguments until messages fit into so many tokens, if that is enough."""
    return _first_that_fits(_cut_further(messages, tokens), tokens)


def squeezed(messages: Sequence[Entry], tokens: int) -> list[Entry]:
    """Shorten whole exchanges, and if need be leave out media, then calls with their results."""
    short = shortened(messages, tokens)
    if _fits(short, tokens):
        return short
    small = _first_that_fits(_left_out_further(short), tokens)
    # Too much thinking: then leaving out calls doesn't help, and the agent would make them again.
    return small if _fits(small, tokens) else short


def shortened_text(text: str, tokens: int) -> str:
    """Cut a text to fit into so many tokens, as it is and as a line of JSON."""
    return str(shortened_line({"content": text}, tokens)["content"])


def shortened_line(message: Entry, tokens: int) -> Entry:
    """Cut a message to fit into so many tokens as a line of JSON, whose escapes count too."""
    content = message["content"]
    # Too many blocks: then as one text, which can be cut; and one of escapes alone is left out.
    for version in (content, canonical_json(content), "[Not shown.]"):
        short = {**message, "content": version}
        for share in (1, 2, 4, 8):
            (short,) = shortened([short], tokens // share)
            if line_size(short) <= tokens:
                return short
    return short


def as_line(value: object) -> str:
    """Write JSON data as a line in which no tag can begin, and no invisible character hides."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return printable(text).replace("<", "\\u003c")


def line_size(value: object) -> int:
    """Estimate the tokens of a line of JSON as a text of a message."""
    return size_of({"content": as_line(value)})


def framed(kind: str, lines: Sequence[object]) -> str:
    """Write JSON data, a value a line, between tags that bear the lines' own hash.

    No line can forge the end: that would take a `<`, and a text that contains its own hash.
    """
    text = "\n".join(map(as_line, lines))
    tag = f"{kind}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return f"<{tag}>\n{text}\n</{tag}>"


def _first_that_fits(versions: Iterator[list[Entry]], tokens: int) -> list[Entry]:
    smallest: list[Entry] = []
    for version in versions:
        smallest = version
        if _fits(version, tokens):
            break
    return smallest


def _fits(messages: Sequence[Entry], tokens: int) -> bool:
    return sum(map(size_of, messages)) <= tokens


def _cut_further(messages: Sequence[Entry], tokens: int) -> Iterator[list[Entry]]:
    yield list(messages)
    for how, least in ((_TEXTS, 200), (_ARGUMENTS, 20), (_ARGUMENTS_AS_JSON, 20)):
        most = max(CHARACTERS_PER_TOKEN * tokens, least)
        while most >= least:
            yield [{**each, "content": _cut(each["content"], most, how)} for each in messages]
            most = most * 3 // 4


def _left_out_further(messages: Sequence[Entry]) -> Iterator[list[Entry]]:
    bare = [{**each, "content": _without_media(each["content"])} for each in messages]
    yield bare
    ids = [block["id"] for each in bare for block in _blocks(each, "tool_use")]
    left_out = 0
    while left_out < len(ids):
        left_out += (len(ids) - left_out + 1) // 2
        yield [_without_calls(each, set(ids[:left_out])) for each in bare]


def _cut(content: Any, most: int, how: int) -> Any:
    if isinstance(content, str):
        return _cut_text(content, most)
    return [_cut_block(block, most, how) for block in content]


def _cut_block(block: Entry, most: int, how: int) -> Entry:
    kind = block.get("type")
    if kind == "text" and len(block["text"]) > most + _NOTE:
        # Its citations go: they may cite what is cut off.
        return {"type": "text", "text": _cut_text(block["text"], most)}
    if kind == "tool_result" and block.get("content"):
        return {**block, "content": _cut(block["content"], most, how)}
    if kind == "tool_use" and how != _TEXTS:
        arguments = _cut_value(block["input"], most)
        text = canonical_json(arguments)
        if how == _ARGUMENTS_AS_JSON and len(text) > most + _NOTE:  # a long list, for one
            arguments = {"cut": _cut_text(text, most)}
        return {**block, "input": arguments}
    return block


def _cut_value(value: Any, most: int) -> Any:
    if isinstance(value, str):
        return _cut_text(value, most)
    if isinstance(value, dict):
        return {name: _cut_value(each, most) for name, each in value.items()}
    return [_cut_value(each, most) for each in value] if isinstance(value, list) else value


def _cut_text(text: str, most: int) -> str:
    left = len(text) - most
    if left <= _NOTE:
        return text
    # Its end as well: an answer that was cut off is continued from there.
    end = most // 4
    note = f" […{left:,} characters, kept elsewhere…] "
    return text[: most - end] + note + text[len(text) - end :]


def _without_media(content: Any) -> Any:
    if isinstance(content, str):
        return content
    blocks = []
    for block in content:
        if block.get("type") in ("image", "document"):
            block = {"type": "text", "text": f"[An attached {block['type']} is left out here.]"}
        elif isinstance(block.get("content"), list):
            block = {**block, "content": _without_media(block["content"])}
        blocks.append(block)
    return blocks


def _blocks(message: Entry, kind: str) -> list[Entry]:
    content = message["content"]
    return [] if isinstance(content, str) else [b for b in content if b.get("type") == kind]


def _without_calls(message: Entry, ids: set[str]) -> Entry:
    if isinstance(message["content"], str):
        return message
    left = [b for b in message["content"] if not ids & {b.get("id"), b.get("tool_use_id")}]
    many = len(message["content"]) - len(left)
    if many:
        calls = "calls of tools" if message["role"] == "assistant" else "results"
        left.append({"type": "text", "text": f"[{many} {calls} are left out here.]"})
        if message["role"] == "assistant":
            # The API wants calls last; thinking first.
            left.sort(key=lambda block: block.get("type") == "tool_use")
    return {**message, "content": left}
