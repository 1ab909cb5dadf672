"""The rules of the Messages API: what it refuses, with its own status, type and wording.

A test double that accepts what the API rejects teaches bugs. Rules about the conversation
itself are in `message_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from agentkit.classroom.offline.errors import ApiError, invalid
from agentkit.classroom.offline.message_rules import (
    check_conversation,
    check_message_shapes,
    check_text_blocks,
)
from agentkit.classroom.offline.models import MODEL_IDS, max_output_tokens, supports_prefill
from agentkit.classroom.offline.request import MessagesRequest, estimate_tokens, read_messages

Body = dict[str, Any]

_SHARED_FIELDS = {
    *("model", "messages", "system", "tools", "tool_choice", "thinking", "cache_control"),
    *("output_config", "output_format", "context_management", "mcp_servers", "speed"),
}
_MESSAGE_FIELDS = _SHARED_FIELDS | {
    *("max_tokens", "stream", "stop_sequences", "metadata", "service_tier", "container"),
    *("diagnostics", "inference_geo", "temperature", "top_p", "top_k", "fallbacks"),
}
_TOOL_FIELDS = {
    *("type", "name", "description", "input_schema", "cache_control", "strict"),
    *("defer_loading", "allowed_callers", "input_examples", "eager_input_streaming"),
}
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_DATED_TOOL = re.compile(r"\w+_\d{8}")


def check(body: object) -> MessagesRequest:
    """Hold a `POST /v1/messages` body against every rule.

    Args:
        body: The parsed JSON.

    Returns:
        The request, normalized.

    Raises:
        ApiError: The first rule it breaks.
    """
    fields = _as_object(body)
    for rule in MESSAGE_RULES:
        rule(fields)
    choice = fields.get("tool_choice") or {"type": "auto"}
    return MessagesRequest(
        model=fields["model"],
        max_tokens=fields["max_tokens"],
        messages=read_messages(fields),
        tools=[t for t in fields.get("tools") or [] if "input_schema" in t],
        tool_choice=choice["type"],
        forced_tool=choice.get("name"),
        parallel=not choice.get("disable_parallel_tool_use", False),
        stop_sequences=fields.get("stop_sequences") or [],
        stream=bool(fields.get("stream")),
        input_tokens=input_tokens(fields),
    )


def check_count(body: object) -> int:
    """Hold a `POST /v1/messages/count_tokens` body against the rules that apply to it.

    Args:
        body: The parsed JSON.

    Returns:
        The estimated number of input tokens.

    Raises:
        ApiError: The first rule it breaks.
    """
    fields = _as_object(body)
    for rule in COUNT_RULES:
        rule(fields)
    return input_tokens(fields)


def input_tokens(body: Body) -> int:
    """Estimate the input of a request: system prompt, tools and messages.

    Args:
        body: A checked body.

    Returns:
        The number that `count_tokens` and `usage` both show.
    """
    return sum(estimate_tokens(body[k]) for k in ("system", "tools", "messages") if body.get(k))


def _as_object(body: object) -> Body:
    if not isinstance(body, dict):
        raise invalid("Input should be a valid dictionary or object")
    return body


def no_thread(body: Body) -> None:
    """Message threads are not kept here; the SDK then sends the whole conversation."""
    if body.get("thread") is not None:
        raise ApiError(
            400,
            "thread: This server keeps no message threads. Send the full conversation "
            "without `thread`.",
            details={"error_code": "thread_unsupported_request"},
        )


def known_fields(body: Body) -> None:
    """Only the API's own parameters."""
    _only(body, _MESSAGE_FIELDS | {"thread"}, "")


def known_count_fields(body: Body) -> None:
    """Counting takes fewer parameters than creating: no `max_tokens`, for one."""
    _only(body, _SHARED_FIELDS | {"thread"}, "")


def model_is_text(body: Body) -> None:
    """`model` is required."""
    if not isinstance(_required(body, "model"), str):
        raise invalid("model: Input should be a valid string")


def max_tokens_is_count(body: Body) -> None:
    """`max_tokens` is required; 0 warms the prompt cache and writes nothing."""
    value = _required(body, "max_tokens")
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid("max_tokens: Input should be a valid integer")
    if value < 0:
        raise invalid("max_tokens: Input should be greater than or equal to 0")


def stream_is_boolean(body: Body) -> None:
    """`stream` is true or false."""
    if not isinstance(body.get("stream", False), bool):
        raise invalid("stream: Input should be a valid boolean")


def stop_sequences_have_text(body: Body) -> None:
    """Stop sequences are texts with something in them."""
    value = body.get("stop_sequences")
    if value is None:
        return
    if not isinstance(value, list):
        raise invalid("stop_sequences: Input should be a valid array")
    for i, text in enumerate(value):
        if not isinstance(text, str):
            raise invalid(f"stop_sequences.{i}: Input should be a valid string")
        if not text.strip():
            raise invalid("stop_sequences: each stop sequence must contain non-whitespace")


def system_has_text(body: Body) -> None:
    """The system prompt is text, or text blocks with something in them."""
    system = body.get("system")
    if system is None or isinstance(system, str):
        return
    if not isinstance(system, list):
        raise invalid("system: Input should be a valid string or list")
    for i, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text":
            raise invalid(f"system.{i}: Input should be a text block")
        if not isinstance(_required(block, "text", f"system.{i}."), str):
            raise invalid(f"system.{i}.text: Input should be a valid string")
    check_text_blocks(system, "system")


def tools_are_described(body: Body) -> None:
    """Each client tool has a name that fits the pattern and an input schema for an object."""
    tools = body.get("tools")
    if tools is None:
        return
    if not isinstance(tools, list):
        raise invalid("tools: Input should be a valid list")
    for n, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise invalid(f"tools.{n}: Input should be a valid dictionary")
        kind = tool.get("type") or "custom"
        if kind == "custom":
            _client_tool(tool, f"tools.{n}.custom")
        elif not _DATED_TOOL.fullmatch(str(kind)):
            raise invalid(
                f"tools.{n}: Input tag '{kind}' found using 'type' does not match any of the "
                "expected tags: 'custom' and the API's dated tools"
            )


def _client_tool(tool: Body, where: str) -> None:
    name = _required(tool, "name", f"{where}.")
    if not isinstance(name, str):
        raise invalid(f"{where}.name: Input should be a valid string")
    if not _TOOL_NAME.fullmatch(name):
        raise invalid(f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if not isinstance(tool.get("description") or "", str):
        raise invalid(f"{where}.description: Input should be a valid string")
    schema = _required(tool, "input_schema", f"{where}.")
    if not isinstance(schema, dict):
        raise invalid(f"{where}.input_schema: Input should be a valid dictionary")
    if _required(schema, "type", f"{where}.input_schema.") != "object":
        raise invalid(f"{where}.input_schema.type: Input should be 'object'")
    if not isinstance(schema.get("properties") or {}, dict):
        raise invalid(f"{where}.input_schema.properties: Input should be a valid dictionary")
    _only(tool, _TOOL_FIELDS, f"{where}.")


def tool_names_are_unique(body: Body) -> None:
    """No two tools share a name."""
    names = [t["name"] for t in body.get("tools") or [] if "name" in t]
    if len(names) != len(set(names)):
        raise invalid("tools: Tool names must be unique.")


def tool_choice_fits(body: Body) -> None:
    """`tool_choice` is one of four kinds, and names a tool that is there."""
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not isinstance(choice, dict) or "type" not in choice:
        raise invalid("tool_choice: Unable to extract tag using discriminator 'type'")
    kind = choice["type"]
    if kind not in ("auto", "any", "tool", "none"):
        raise invalid(
            f"tool_choice: Input tag '{kind}' found using 'type' does not match any of the "
            "expected tags: 'auto', 'any', 'tool', 'none'"
        )
    allowed = {"type"} | ({"disable_parallel_tool_use"} if kind != "none" else set())
    if kind == "tool":
        _required(choice, "name", "tool_choice.tool.")
        allowed.add("name")
    _only(choice, allowed, f"tool_choice.{kind}.")
    if not body.get("tools"):
        raise invalid("tool_choice: tool_choice may only be specified while providing tools.")
    if kind == "tool" and choice["name"] not in [t.get("name") for t in body["tools"]]:
        raise invalid(f"tool_choice: Tool '{choice['name']}' not found in provided tools")


def model_exists(body: Body) -> None:
    """An unknown model is "not found"."""
    if body["model"] not in MODEL_IDS:
        raise ApiError(404, f"model: {body['model']}")


def max_tokens_within_cap(body: Body) -> None:
    """Each model has a most that it writes."""
    cap = max_output_tokens(body["model"])
    if body["max_tokens"] > cap:
        raise invalid(
            f"max_tokens: {body['max_tokens']} > {cap}, which is the maximum allowed number of "
            f"output tokens for {body['model']}"
        )


def ends_with_user(body: Body) -> None:
    """Newer models don't continue the assistant's words."""
    messages = read_messages(body)
    if messages[-1].role == "assistant" and not supports_prefill(body["model"]):
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        )


def _required(fields: Body, name: str, where: str = "") -> Any:
    if name not in fields:
        raise invalid(f"{where}{name}: Field required")
    return fields[name]


def _only(fields: Body, known: set[str], where: str) -> None:
    for name in fields:
        if name not in known:
            raise invalid(f"{where}{name}: Extra inputs are not permitted")


Rule = Callable[[Body], None]

_SHAPE: tuple[Rule, ...] = (check_message_shapes, system_has_text, tools_are_described)
_MEANING: tuple[Rule, ...] = (
    *(tool_names_are_unique, tool_choice_fits, model_exists, check_conversation),
)

MESSAGE_RULES: tuple[Rule, ...] = (
    *(no_thread, known_fields, model_is_text, max_tokens_is_count),
    *(stream_is_boolean, stop_sequences_have_text, *_SHAPE, *_MEANING),
    *(max_tokens_within_cap, ends_with_user),
)
"""Shapes first, then meaning: the order in which the API notices."""

COUNT_RULES: tuple[Rule, ...] = (no_thread, known_count_fields, model_is_text, *_SHAPE, *_MEANING)
