"""Replies that are odd on purpose: what a model and the API really do now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from offline_claude.faults import ReplyKind
from offline_claude.reply import Reply, Thought, build_reply, new_id
from offline_claude.request import MessagesRequest

Schema = Mapping[str, Any]

REFUSED = "The offline Claude was told to refuse this: a fault for a lesson, no policy."

SEARCHES = "I will search the web first."


def build_odd_reply(kind: ReplyKind, request: MessagesRequest, thought: Thought) -> Reply:
    """Build a reply as `build_reply` does, but odd in one way.

    Args:
        kind: In which way.
        request: The request.
        thought: What the brain wants to say.

    Returns:
        The reply.
    """
    return _KINDS[kind](request, thought)


def _malformed_input(request: MessagesRequest, thought: Thought) -> Reply:
    (name, arguments), *others = thought.calls
    schema: Schema = next((t["input_schema"] for t in request.tools if t["name"] == name), {})
    calls = [(name, break_schema(arguments, schema)), *others]
    return build_reply(request, replace(thought, calls=calls))


def _unknown_tool(request: MessagesRequest, thought: Thought) -> Reply:
    (name, arguments), *others = thought.calls
    offered = {tool["name"] for tool in request.tools}
    unknown = f"{name[:100]}_v2"
    while unknown in offered:
        unknown += "_v2"
    return build_reply(request, replace(thought, calls=[(unknown, arguments), *others]))


def _refusal(request: MessagesRequest, thought: Thought) -> Reply:
    """The classifier steps in when some words are out, but before any tool is asked for."""
    said = Thought(_first_half(thought.text), reasoning=thought.reasoning)
    details = {"type": "refusal", "category": None, "explanation": REFUSED}
    return _ended(build_reply(request, said), "refusal", stop_details=details)


def _pause_turn(request: MessagesRequest, thought: Thought) -> Reply:
    """A pause comes while server tools are at work: the turn goes on when it is sent back."""
    text = thought.text if thought.calls else SEARCHES
    said = Thought(text, reasoning=thought.reasoning)
    reply = _ended(build_reply(request, said), "pause_turn")
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
    message = {
        **reply.message,
        "content": [*reply.content, search, found],
        "usage": {**reply.message["usage"], **used},
    }
    return replace(reply, message=message)


def _max_tokens(request: MessagesRequest, thought: Thought) -> Reply:
    whole = build_reply(request, thought)
    half = replace(request, max_tokens=whole.output_tokens // 2 or 1)
    return _ended(build_reply(half, thought), "max_tokens")


def _model_context_window_exceeded(request: MessagesRequest, thought: Thought) -> Reply:
    return _ended(_max_tokens(request, thought), "model_context_window_exceeded")


def _empty(request: MessagesRequest, _: Thought) -> Reply:
    reply = build_reply(request, Thought(""))
    # The API counts the tokens that mark the end of an empty reply.
    usage = {**reply.message["usage"], "output_tokens": 2}
    return replace(reply, message={**reply.message, "usage": usage})


_KINDS: dict[ReplyKind, Callable[[MessagesRequest, Thought], Reply]] = {
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


def _first_half(text: str) -> str:
    return text[: len(text) // 2]


def break_schema(arguments: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Turn arguments into some that a tool's own schema refuses.

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


def _wrong_value(spec: Any, schema: Schema) -> Any:
    """A value of a type that a property doesn't take; None when it takes all of them."""
    allowed = set(_types(spec, schema.get("$defs") or {}))
    if not allowed:
        return None
    wrong = {"string": "not valid", "array": ["not valid"], "boolean": True, "object": {"not": 1}}
    # Only a string stands for a number, and only a list for a string, that no parser coerces.
    order = ("array", "object") if "string" in allowed else ("string", "array", "object", "boolean")
    return next((wrong[kind] for kind in order if kind not in allowed), None)


def _types(spec: Any, definitions: Schema, depth: int = 8) -> Iterator[str]:
    if not isinstance(spec, dict) or not depth:
        return
    if "$ref" in spec:
        target = definitions.get(str(spec["$ref"]).rsplit("/", 1)[-1])
        yield from _types(target, definitions, depth - 1)
    for inner in (*(spec.get("anyOf") or ()), *(spec.get("oneOf") or ())):
        yield from _types(inner, definitions, depth - 1)
    kinds = spec.get("type", [])
    yield from [kinds] if isinstance(kinds, str) else kinds
    if "enum" in spec and "type" not in spec:
        yield "string"
