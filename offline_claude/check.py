"""From a parsed body to a request that can be answered: structure first, then the rules."""

from __future__ import annotations

from typing import Any

from offline_claude.citations import citable
from offline_claude.prompt_cache import marked_prefixes
from offline_claude.request import MessagesRequest, read_messages, text_of
from offline_claude.rules import COUNT_RULES, MESSAGE_RULES
from offline_claude.shapes import check_shape
from offline_claude.turns import Sent


def check_messages(body: object, *, version: str, beta: bool) -> MessagesRequest:
    """Hold the body of a `POST /v1/messages` against structure and rules.

    Args:
        body: The parsed JSON.
        version: The `anthropic-version` header.
        beta: Whether the request asks for betas.

    Returns:
        The request, normalized.

    Raises:
        ApiError: The first thing that is wrong with it.
    """
    sent = Sent(check_shape(body, "messages", beta=beta), version)
    for rule in MESSAGE_RULES:
        rule(sent)
    fields, choice = sent.body, sent.tool_choice
    return MessagesRequest(
        model=fields["model"],
        max_tokens=fields["max_tokens"],
        messages=read_messages(fields),
        system=_system(fields),
        tools=[tool for tool in sent.tools if "input_schema" in tool],
        tool_choice=choice["type"],
        forced_tool=choice.get("name"),
        parallel=not choice.get("disable_parallel_tool_use", False),
        stop_sequences=fields.get("stop_sequences") or [],
        stream=bool(fields.get("stream")),
        thinking=sent.display,
        output_schema=sent.output_schema,
        input_tokens=sent.input_tokens,
        citable=citable(sent),
        prefixes=marked_prefixes(sent),
    )


def check_count_tokens(body: object, *, version: str, beta: bool) -> int:
    """Hold the body of a `POST /v1/messages/count_tokens` against what applies to it.

    Args:
        body: The parsed JSON.
        version: The `anthropic-version` header.
        beta: Whether the request asks for betas.

    Returns:
        The estimated number of input tokens.

    Raises:
        ApiError: The first thing that is wrong with it.
    """
    sent = Sent(check_shape(body, "count_tokens", beta=beta), version)
    for rule in COUNT_RULES:
        rule(sent)
    return sent.input_tokens


def _system(fields: dict[str, Any]) -> str:
    messages = [m["content"] for m in fields["messages"] if m["role"] == "system"]
    return "\n".join(filter(None, map(text_of, [fields.get("system"), *messages])))
