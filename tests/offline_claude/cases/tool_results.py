"""Tool calls and their results."""

from __future__ import annotations

from tests.offline_claude.cases.parts import (
    OPEN_CALL,
    PNG,
    SEARCH,
    SEARCHED,
    TEXT,
    image,
    refused,
    said,
)
from tests.support.offline_server import HI, result, use, user

CASES = [
    refused(
        "server_tools_are_answered",
        (
            "messages.1.content.0: unexpected `tool_use_id` found in `web_search_tool_result` "
            "blocks: srvtoolu_1. Each `web_search_tool_result` block must have a corresponding "
            "`server_tool_use` block before it."
        ),
        messages=[HI, said(SEARCHED), HI],
    ),
    refused(
        "server_tools_are_answered",
        (
            "messages.1: `web_search` tool use with id `srvtoolu_1` was found without a "
            "corresponding `web_search_tool_result` block"
        ),
        messages=[HI, said(SEARCH, TEXT), HI],
    ),
    refused(
        "ids_are_plain",
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        messages=[HI, use("a b"), user(result("a b"))],
    ),
    refused(
        "ids_are_plain",
        (
            "messages.2.content.0.tool_result.tool_use_id: String should match pattern "
            "'^[a-zA-Z0-9_-]+$'"
        ),
        messages=[HI, use("a"), user(result(""))],
    ),
    refused(
        "ids_are_plain",
        "messages.1.content.0.tool_use.name: String should have at most 200 characters",
        messages=[HI, use("a", name="x" * 201), user(result("a"))],
    ),
    refused(
        "ids_are_plain",
        "messages.1.content.0.tool_use.name: String should have at least 1 character",
        messages=[HI, use("a", name=""), user(result("a"))],
    ),
    refused(
        "call_ids_are_unique",
        "messages.3.content.0: `tool_use` ids must be unique",
        messages=[HI, use("a"), user(result("a")), use("a"), user(result("a"))],
    ),
    refused("calls_are_answered", OPEN_CALL, messages=[HI, use("a")]),
    refused("calls_are_answered", OPEN_CALL, messages=[HI, use("a"), user("Go on")]),
    refused("calls_are_answered", OPEN_CALL, messages=[HI, use("a"), user(TEXT, result("a"))]),
    refused(
        "calls_are_answered",
        OPEN_CALL.replace(": a.", ": a, b."),
        messages=[HI, said(*use("a")["content"], *use("b")["content"]), HI],
    ),
    refused(
        "results_were_asked_for",
        (
            "messages.2.content.1: unexpected `tool_use_id` found in `tool_result` blocks: b. Each "
            "`tool_result` block must have a corresponding `tool_use` block in the previous "
            "message."
        ),
        messages=[HI, use("a"), user(result("a"), result("b"))],
    ),
    refused(
        "results_were_asked_for",
        (
            "messages.2.content.1: each tool_use must have a single result. Found multiple "
            "`tool_result` blocks with id: a"
        ),
        messages=[HI, use("a"), user(result("a"), result("a"))],
    ),
    refused(
        "errors_are_explained",
        "messages.2.content.0.tool_result: content cannot be empty if `is_error` is true",
        messages=[HI, use("a"), user(result("a", content="", is_error=True))],
    ),
    refused(
        "errors_are_explained",
        ('messages.2.content.0.tool_result: all content must be type "text" if `is_error` is true'),
        messages=[HI, use("a"), user(result("a", content=[image(PNG)], is_error=True))],
    ),
]
