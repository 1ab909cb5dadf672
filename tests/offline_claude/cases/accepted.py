"""Odd requests that the API accepts."""

from __future__ import annotations

from tests.offline_claude.cases.parts import (
    BUDGET,
    CACHED,
    CITED,
    FOUND,
    HIT,
    MCP,
    MCP_BETA,
    OLD,
    PDF,
    PNG,
    SEARCH,
    SEARCHED,
    STRICT,
    TEXT,
    TOOLSET,
    accepted,
    answer,
    image,
    said,
    system,
    tool,
)
from tests.support.offline_server import HI, SHOP, result, use, user

CASES = [
    accepted("null for what isn't given", metadata=None, stop_sequences=None, cache_control=None),
    accepted("no system prompt to speak of", system=""),
    accepted("an empty list of system blocks and of tools", system=[], tools=[]),
    accepted("a marker for the cache", system=[CACHED], messages=[user(CACHED)]),
    accepted("sampling on an older model", temperature=0, model=OLD, version="2023-06-01"),
    accepted("a default temperature anywhere", temperature=1, version="2023-06-01"),
    accepted("a budget on an older model", thinking=BUDGET, max_tokens=2000, model=OLD),
    accepted("instructions in mid-conversation", messages=[HI, system("Be brief"), said(TEXT), HI]),
    accepted(
        "instructions after a tool of the API",
        messages=[HI, said(SEARCH, SEARCHED), system("Be brief")],
    ),
    accepted(
        "instructions that only direct",
        messages=[HI, {**system(""), "content": [], "output_config": {"effort": "low"}}],
        beta="mid-conversation-output-config-2026-07-01",
    ),
    accepted(
        "a high effort without thinking",
        model="claude-sonnet-5",
        thinking={"type": "disabled"},
        output_config={"effort": "xhigh"},
    ),
    accepted(
        "a pattern that takes long",
        **tool(
            input_schema={"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}},
            input_examples=[{"a": "a" * 40 + "b"}],
        ),
    ),
    accepted(
        "definitions that use each other again and again",
        **answer(
            {
                **STRICT,
                "$defs": {
                    f"d{n}": {
                        **STRICT,
                        "properties": {k: {"$ref": f"#/$defs/d{n + 1}"} for k in "ab"},
                    }
                    for n in range(40)
                }
                | {"d40": STRICT},
            }
        ),
    ),
    accepted(
        "no thinking where it may be cleared",
        thinking=BUDGET,
        max_tokens=2000,
        model=OLD,
        messages=[HI, use("a"), user(result("a"))],
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        beta="context-management-2025-06-27",
    ),
    accepted("a document and an image", messages=[user(PDF, image(PNG), TEXT)]),
    accepted("one of several messages of the user is empty", messages=[HI, user(""), HI]),
    accepted("an empty last message of the assistant", messages=[HI, said()]),
    accepted(
        "a tool call that nulls what it doesn't have",
        messages=[HI, use("a", caller=None), user(result("a"))],
    ),
    accepted(
        "a result without content",
        messages=[HI, use("a"), user({"type": "tool_result", "tool_use_id": "a"})],
    ),
    accepted(
        "schemas with more than the SDK's type names",
        **tool(input_schema={**STRICT, "$schema": "http://json-schema.org/draft-07/schema#"}),
    ),
    accepted("unknown betas", beta="something-2031-01-01,else"),
    accepted(
        "a server and its tools",
        mcp_servers=[MCP],
        tools=[TOOLSET],
        beta=MCP_BETA,
        messages=[HI, use("a"), user(result("a", content=[FOUND]))],
    ),
    accepted(
        "a server as it was before there were sets of tools", mcp_servers=[MCP], beta=MCP_BETA
    ),
    accepted(
        "a tool that was searched for and found",
        tools=SHOP,
        messages=[
            HI,
            use("a"),
            user(result("a", content=[{**FOUND, "tool_name": "find_order"}])),
        ],
    ),
    accepted(
        "search results and a document, of which some are cited",
        messages=[user({**HIT, **CITED}, {**HIT, **CITED}, PDF)],
    ),
    accepted(
        "a document without a title", messages=[user({**PDF, "title": None, "context": None})]
    ),
    accepted("fields of betas", mcp_servers=[], beta="mcp-client-2025-11-20"),
    accepted(
        "the older name of structured output",
        output_format={"type": "json_schema", "schema": STRICT},
        beta="structured-outputs-2025-11-13",
    ),
]
