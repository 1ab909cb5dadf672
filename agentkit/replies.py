"""The door for replies: each is put together, checked, and made fit to be sent back.

It stands inside the Activity, before a reply is recorded. So Workflow code may believe what a
recorded reply says, and the next request can hold it:

| part | what is recorded |
| --- | --- |
| a call's id | plain, short, and new in this conversation |
| a call's name | valid; what isn't becomes the name of no tool, so that Claude reads which exist |
| a call's input | an object, not nested too deeply; else one whose only key says what it must be |
| text | valid UTF-8; blank blocks are dropped |
| stop reason | "tool_use" if there are calls to run, "empty" without calls and words |
| usage, model | numbers from 0 up; the model that was asked |
| other blocks and fields | verbatim |

What isn't a message, or isn't JSON, is a `malformed_reply`.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from agentkit import claude_errors
from agentkit.messages import CUT_SHORT, MOST_NESTED, ClaudeReply, Usage, is_deeper

_TOO_DEEP = {f"input_must_not_be_nested_more_than_{MOST_NESTED}_levels_deep": True}
"""Recorded in place of an input that is. No tool has such an argument, so that Claude reads this
as invalid arguments."""

_PLAIN = re.compile("[a-zA-Z0-9_-]{1,128}")
"""An id or a name that every server takes back."""

_NEEDED = {"text": "text", "thinking": "thinking", "redacted_thinking": "data"}
"""The field that a block can't be without, by the block's type."""

_OPTIONAL: dict[str, Callable[[Any], bool]] = {
    "citations": lambda given: isinstance(given, list) and all(map(_is_typed, given)),
    "caller": lambda given: _is_typed(given),
}
"""Fields that are left out where they aren't what they should be."""

_OF_USERS = ("tool_result", "image", "document", "search_result")
"""Types of blocks that the API takes from users only."""


class _Unfit(ValueError):
    """What no repair makes fit; the message names the place, and quotes none of Claude's words."""


_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""The errors of reading data that isn't what it should be."""


async def collect(events: AsyncIterable[Any]) -> dict[str, Any] | None:
    """Put the events of a stream together, every block and field as the server sent it.

    Returns:
        The message; None if the stream ended before it was whole.

    Raises:
        ApplicationError: An event isn't one of the API's, or a call's input isn't JSON.
    """
    try:
        return await _collect(events)
    except _UNREADABLE:
        raise claude_errors.malformed("its events, or a tool's input, aren't valid JSON") from None


async def _collect(events: AsyncIterable[Any]) -> dict[str, Any] | None:
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    pieces: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    whole = False
    async for event in events:
        match event["type"]:
            case "message_start":
                message = event["message"]
                blocks = dict(enumerate(message.get("content") or []))
                pieces.clear()
            case "content_block_start":
                if event["index"] in blocks:
                    raise _Unfit("two blocks have the same index")
                blocks[event["index"]] = event["content_block"]
            case "content_block_delta":
                block = blocks[event["index"]]
                for name, value in event["delta"].items():
                    if name == "citation":
                        block["citations"] = [*(block.get("citations") or []), value]
                    elif isinstance(value, str) and name != "type":
                        pieces[event["index"], name].append(value)
                    elif value is not None and name != "type":
                        block[name] = value
            case "message_delta":
                message |= _given(event["delta"])
                message["usage"] = _given(message.get("usage")) | _given(event.get("usage"))
            case "message_stop":
                whole = True
    if not whole or not message.get("stop_reason"):
        return None
    is_cut, last = message["stop_reason"] in CUT_SHORT, next(reversed(blocks), None)
    for (index, name), texts in pieces.items():
        block, text = blocks[index], "".join(texts)
        if name != "partial_json":
            block[name] = (block.get(name) or "") + text
        elif text.strip():
            try:
                block["input"] = json.loads(text)
            except RecursionError:
                block["input"] = _TOO_DEEP
            except ValueError:
                if not is_cut or index != last:
                    raise
    return {**message, "content": list(blocks.values())}


def _given(fields: Any) -> dict[str, Any]:
    """Leave out what is null: it takes nothing back that an earlier event said."""
    fields = fields if isinstance(fields, dict) else {}
    return {name: value for name, value in fields.items() if value is not None}


def admit(
    raw: Any,
    messages: Sequence[Mapping[str, Any]],
    *,
    model: str = "",
    tools: Iterable[Mapping[str, Any]] = (),
) -> ClaudeReply:
    """Check a message, and make it fit to be sent back; the same message gives the same reply.

    Args:
        raw: The message, as `collect` returns it.
        messages: The messages that it answers.
        model: The model that was asked.
        tools: The schemas of the tools on offer.

    Raises:
        ApplicationError: It isn't whole (`connection_cut`), or no message (`malformed_reply`).
    """
    try:
        reason = raw["stop_reason"]
        if reason is None or reason == "":
            raise claude_errors.cut_off()
        reason = _text(reason, "stop_reason")
        content = _fit_blocks(raw.get("content"), reason, messages, tools)
        details, named = _valid(raw.get("stop_details")), raw.get("model")
        return ClaudeReply(
            content=content,  # type: ignore[arg-type]
            stop_reason=_consistent(reason, content),
            usage=_usage(raw.get("usage")),
            model=_text(named, "model") if named and isinstance(named, str) else model,
            stop_details=details if isinstance(details, dict) else None,
            turn=len(messages),
        )
    except _Unfit as err:
        raise claude_errors.malformed(str(err)) from None
    except _UNREADABLE:
        raise claude_errors.malformed("it isn't a message") from None


def _fit_blocks(
    blocks: Any,
    reason: str,
    messages: Sequence[Mapping[str, Any]],
    tools: Iterable[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    if not isinstance(blocks, list | None):
        raise _Unfit("content isn't a list")
    content: list[dict[str, Any]] = []
    blocks = blocks or []
    ids = set(_ids_of(messages))
    names = {tool.get("name") for tool in tools}
    for number, sent in enumerate(blocks):
        is_half = reason in CUT_SHORT and number == len(blocks) - 1
        block = _fit_block(sent, f"content[{number}]", is_half)
        if block is None:
            continue
        if block["type"] == "tool_use":
            block["id"] = _free_id(block.get("id"), f"{len(messages)}_{len(content)}", ids)
            block["name"] = _valid_name(block.get("name"), names)
            ids.add(block["id"])
        content.append(block)
    return content


def _fit_block(sent: Any, where: str, is_half: bool) -> dict[str, Any] | None:
    """Check a block, all but a call's id and name; None if it has nothing to send back."""
    if not isinstance(sent, dict):
        raise _Unfit(f"{where} isn't an object")
    if sent.get("type") == "tool_use" and is_deeper(sent.get("input"), MOST_NESTED - 1):
        sent = {**sent, "input": _TOO_DEEP}
    block: dict[str, Any] = _valid(sent)
    kind = _text(block.get("type"), f"{where}.type")
    if kind in _OF_USERS:
        raise _Unfit(f"{where} is a {kind}, which only users send")
    if needed := _NEEDED.get(kind):
        words = _text(block.get(needed), f"{where}.{needed}")
        if kind == "text" and not words.strip():
            return None
    if kind == "thinking" and not isinstance(block.get("signature"), str):
        block["signature"] = ""
    if kind == "thinking" and is_half and not block["signature"]:
        return None  # the API takes no thinking back that was cut before its signature
    for name, is_fit in _OPTIONAL.items():
        if block.get(name) is not None and not is_fit(block[name]):
            del block[name]
    if kind == "tool_use" and not isinstance(block.get("input"), dict):
        given = block.get("input")
        block["input"] = {} if given is None else {"input_must_be_an_object": given}
    return block


def _is_typed(given: object) -> bool:
    return isinstance(given, dict) and isinstance(given.get("type"), str)


def _ids_of(messages: Sequence[Mapping[str, Any]]) -> Iterable[object]:
    for message in messages:
        content = message["content"]
        for block in content if isinstance(content, list) else []:
            if block.get("type") == "tool_use":
                yield block["id"]


def _free_id(given: object, place: str, taken: set[object]) -> str:
    if isinstance(given, str) and _PLAIN.fullmatch(given) and given not in taken:
        return given
    made = (f"toolu_{place}" + (f"_{n}" if n else "") for n in count())
    return next(each for each in made if each not in taken)


def _valid_name(given: object, names: set[object]) -> str:
    if isinstance(given, str) and _PLAIN.fullmatch(given):
        return given
    text = given if isinstance(given, str) else ""
    made = ("not_a_tool_" + re.sub("[^a-zA-Z0-9_-]", "_", text)[:80]).rstrip("_")
    while made in names:
        made += "_"
    return made


def _consistent(reason: str, content: list[dict[str, Any]]) -> str:
    """Make the stop reason say what the content says, as loops may believe either."""
    kinds = {block["type"] for block in content}
    if "tool_use" in kinds and reason not in CUT_SHORT:
        return "tool_use"
    if "text" not in kinds and reason in ("tool_use", "end_turn", "stop_sequence"):
        return "empty"
    return "end_turn" if reason == "tool_use" else reason


def _usage(given: Any) -> Usage:
    counts = dict.fromkeys(Usage.__dataclass_fields__, 0)
    for name in counts:
        tokens = given.get(name) if isinstance(given, dict) else None
        if isinstance(tokens, int | float) and 0 <= tokens < math.inf:
            counts[name] = int(tokens)
    return Usage(**counts)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _Unfit(f"{where} isn't text")
    return _whole_characters(value)


def _valid(value: Any, room: int = MOST_NESTED) -> Any:
    """Copy data as JSON that every reader takes: finite numbers, whole characters, not too deep."""
    if isinstance(value, str):
        return _whole_characters(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise _Unfit("a number isn't finite")
    if isinstance(value, dict | list) and not room:
        raise _Unfit(f"it is nested more than {MOST_NESTED} levels deep")
    if isinstance(value, dict):
        return {_text(name, "a key"): _valid(each, room - 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_valid(each, room - 1) for each in value]
    return value


def _whole_characters(text: str) -> str:
    """Join halves of surrogate pairs, as pieces of a stream have them, and replace single ones."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
