"""Replies that are odd on purpose: what a model and the API do now and then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from offline_claude.faults import ReplyKind
from offline_claude.prompt_cache import UNCACHED, CacheUse
from offline_claude.reply import Reply, Thought, build_reply, new_id
from offline_claude.request import Sent
from offline_claude.schemas import instance_error

Schema = Mapping[str, Any]

REFUSED = "The offline Claude was told to refuse this: a fault for a lesson, no policy."

SEARCHES = "I will search the web first."

_WRONG_VALUES = ("not valid", ["not valid"], {"not": 1}, True)
"""Tried in this order: no parser reads this text as a number, or a list as text."""


def build_odd_reply(
    kind: ReplyKind, sent: Sent, thought: Thought, cache: CacheUse = UNCACHED
) -> Reply:
    """Build a reply like `build_reply`, but odd in one way."""
    return _KINDS[kind](sent, thought, cache)


def _malformed_input(sent: Sent, thought: Thought, cache: CacheUse) -> Reply:
    (name, arguments), *others = thought.calls
    schemas = {tool["name"]: tool["input_schema"] for _, tool in sent.own_tools}
    calls = [(name, break_schema(arguments, schemas.get(name, {}))), *others]
    return build_reply(sent, replace(thought, calls=calls), cache)


def _unknown_tool(sent: Sent, thought: Thought, cache: CacheUse) -> Reply:
    (name, arguments), *others = thought.calls
    offered = {tool["name"] for _, tool in sent.own_tools}
    unknown = f"{name[:100]}_v2"
    while unknown in offered:
        unknown += "_v2"
    return build_reply(sent, replace(thought, calls=[(unknown, arguments), *others]), cache)


def _refusal(sent: Sent, thought: Thought, cache: CacheUse) -> Reply:
    """The classifier steps in after a few words, but before any tool is asked for."""
    half = Thought(thought.text[: len(thought.text) // 2], reasoning=thought.reasoning)
    details = {"type": "refusal", "category": None, "explanation": REFUSED}
    return _ended(build_reply(sent, half, cache), "refusal", stop_details=details)


def _pause_turn(sent: Sent, thought: Thought, cache: CacheUse) -> Reply:
    """A pause comes while server tools are at work: the turn resumes when it is sent back."""
    text = thought.text if thought.calls else SEARCHES
    reply = build_reply(sent, Thought(text, reasoning=thought.reasoning), cache)
    reply = _ended(reply, "pause_turn")
    direct = {"caller": {"type": "direct"}}
    search = {
        "type": "server_tool_use",
        "id": new_id("srvtoolu"),
        "name": "web_search",
        "input": {"query": "the offline Claude pauses here"},
        **direct,
    }
    found = {
        "type": "web_search_tool_result",
        "tool_use_id": search["id"],
        "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"},
        **direct,
    }
    used = {"server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0}}
    content, usage = [*reply.content, search, found], {**reply.usage, **used}
    return replace(reply, message={**reply.message, "content": content, "usage": usage})


def _max_tokens(sent: Sent, thought: Thought, cache: CacheUse) -> Reply:
    whole = build_reply(sent, thought, cache)
    half = whole.usage["output_tokens"] // 2 or 1
    return _ended(build_reply(sent, thought, cache, max_tokens=half), "max_tokens")


def _model_context_window_exceeded(sent: Sent, thought: Thought, cache: CacheUse) -> Reply:
    return _ended(_max_tokens(sent, thought, cache), "model_context_window_exceeded")


def _empty(sent: Sent, _: Thought, cache: CacheUse) -> Reply:
    reply = build_reply(sent, Thought(""), cache)
    # The API counts the tokens that mark the end of an empty reply.
    usage = {**reply.usage, "output_tokens": 2}
    return replace(reply, message={**reply.message, "usage": usage})


_KINDS: dict[ReplyKind, Callable[[Sent, Thought, CacheUse], Reply]] = {
    "malformed_input": _malformed_input,
    "unknown_tool": _unknown_tool,
    "refusal": _refusal,
    "pause_turn": _pause_turn,
    "max_tokens": _max_tokens,
    "model_context_window_exceeded": _model_context_window_exceeded,
    "empty": _empty,
}


def _ended(reply: Reply, stop_reason: str, **more: Any) -> Reply:
    ending = {"stop_reason": stop_reason, "stop_sequence": None, **more}
    return replace(reply, message={**reply.message, **ending})


def break_schema(arguments: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Turn arguments into ones that the tool's own schema refuses.

    Args:
        arguments: Arguments that fit.
        schema: The tool's input schema.

    Returns:
        The same, but one has a wrong type, and of several required ones the last is missing.
    """
    properties: Mapping[str, Any] = schema.get("properties") or {}
    required = [name for name in schema.get("required") or [] if name in properties]
    broken = dict(arguments)
    if len(required) > 1:
        broken.pop(required.pop(), None)
    for name in [*required, *(n for n in properties if n not in required)]:
        wrong = _wrong_value(properties[name], schema)
        if wrong is not None:
            return {**broken, name: wrong}
    return {**broken, "no_such_argument": True}


def _wrong_value(part: Any, schema: Schema) -> Any:
    """A value that a property's schema refuses; None when it takes all of ours."""
    if not isinstance(part, dict):
        return None
    part = {"$defs": schema.get("$defs") or {}, **part}
    return next((value for value in _WRONG_VALUES if instance_error(value, part)), None)
