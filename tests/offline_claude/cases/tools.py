"""The tools on offer, and the choice among them."""

from __future__ import annotations

from tests.offline_claude.cases.parts import (
    BLOCKED,
    FOUND,
    LIMITED,
    MCP,
    MCP_BETA,
    NODE,
    STRICT,
    TOOLSET,
    WEB,
    WORD,
    refused,
    tool,
)
from tests.support.offline_server import HI, SHOP, result, use, user

CASES = [
    refused(
        "tools_are_named",
        "tools.0.custom.name: String should have at least 1 character",
        **tool(name=""),
    ),
    refused(
        "tools_are_named",
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
        **tool(name="find order"),
    ),
    refused(
        "tools_are_named",
        (
            "tools.0.custom.input_schema.properties: Property keys should match pattern "
            "'^[a-zA-Z0-9_.-]{1,64}$'"
        ),
        **tool(input_schema={"type": "object", "properties": {"a b": {}}}),
    ),
    refused("tool_names_are_unique", "tools: Tool names must be unique.", tools=[SHOP[0], SHOP[0]]),
    refused(
        "tool_schemas_are_schemas",
        "tools.0.custom.input_schema.required: Input should be a valid array",
        **tool(input_schema={"type": "object", "required": "yes"}),
    ),
    refused(
        "tool_schemas_are_schemas",
        (
            "tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft "
            "2020-12 (https://json-schema.org/draft/2020-12). Learn more about tool use at "
            "https://docs.claude.com/en/docs/tool-use."
        ),
        **tool(input_schema={"type": "object", "properties": {"a": {"type": "text"}}}),
    ),
    refused(
        "tool_schemas_are_schemas",
        (
            "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at "
            "the top level"
        ),
        **tool(input_schema={"type": "object", "anyOf": [{"required": ["a"]}]}),
    ),
    refused("strict_tools_are_strict", f"tools.0.custom: {BLOCKED[0]}", **tool(strict=True)),
    refused(
        "strict_tools_are_strict",
        f"tools.0.custom: {BLOCKED[1]}",
        **tool(
            strict=True,
            input_schema={**STRICT, "properties": {"n": {"type": "integer", "minimum": 1}}},
        ),
    ),
    refused(
        "strict_tools_are_strict",
        f"tools.0.custom: {BLOCKED[2]}",
        **tool(strict=True, input_schema={**NODE, "$defs": {"node": NODE}}),
    ),
    refused(
        "strict_tools_are_strict",
        "tools.0.custom: For 'number' type, property 'minimum' is not supported",
        **tool(strict=True, input_schema={**STRICT, "properties": {"n": LIMITED}}),
    ),
    refused(
        "strict_tools_are_strict",
        "tools.0.custom: Invalid schema: Enum value 1 does not match declared type 'string'",
        **tool(strict=True, input_schema={**STRICT, "properties": {"n": {"enum": [1]} | WORD}}),
    ),
    refused(
        "strict_tools_are_strict",
        "tools.0.custom: Invalid schema: Reference '#/$defs/n' can't be resolved",
        **tool(strict=True, input_schema={**STRICT, "properties": {"n": {"$ref": "#/$defs/n"}}}),
    ),
    refused(
        "strict_tools_are_strict",
        (
            "tools.0.custom: Invalid schema: Circular reference detected in schema definitions: "
            "root -> root. Self-referencing or mutually-referencing definitions are not supported."
        ),
        **tool(strict=True, input_schema={**STRICT, "properties": {"n": {"$ref": "#"}}}),
    ),
    refused(
        "strict_tools_are_strict",
        (
            "Schemas contains too many optional parameters (25), which would make grammar "
            "compilation inefficient. Reduce the number of optional parameters in your tool "
            "schemas (limit: 24)."
        ),
        **tool(
            strict=True,
            input_schema={**STRICT, "properties": {f"p{n}": WORD for n in range(25)}},
        ),
    ),
    refused(
        "strict_tools_are_strict",
        (
            "Too many strict tools (21). The maximum number of strict tools supported is 20. Try "
            "reducing the number of tools marked as strict."
        ),
        tools=[{"name": f"t{n}", "strict": True, "input_schema": STRICT} for n in range(21)],
    ),
    refused(
        "examples_fit_their_schema",
        "tools.0.custom.input_examples.0: 'one' is not of type 'integer'",
        **tool(input_examples=[{"order_id": "one"}]),
    ),
    refused(
        "examples_fit_their_schema",
        "tools.0.custom.input_examples.0: the schema has a reference that can't be resolved",
        **tool(
            input_schema={
                "type": "object",
                "properties": {"a": {"$ref": "http://127.0.0.1:9"}},
            },
            input_examples=[{"a": 1}],
        ),
    ),
    refused(
        "deferred_tools_wait",
        "At least one tool must have defer_loading=false. All tools cannot be deferred.",
        **tool(defer_loading=True),
    ),
    refused(
        "deferred_tools_wait",
        (
            "Tool 'find_order' cannot have both defer_loading=true and cache_control set. Tools "
            "with defer_loading cannot use prompt caching."
        ),
        **tool(defer_loading=True, cache_control={"type": "ephemeral"}),
    ),
    refused(
        "tool_choice_has_tools",
        "tool_choice.any may only be specified while providing tools",
        tool_choice={"type": "any"},
    ),
    refused(
        "tool_choice_has_tools",
        "Tool 'nope' not found in provided tools",
        tools=SHOP,
        tool_choice={"type": "tool", "name": "nope"},
    ),
    refused(
        "tool_choice_has_tools",
        "Tool 'nope' not found in provided tools",
        tool_choice={"type": "tool", "name": "nope"},
    ),
    refused(
        "references_are_to_tools",
        "Tool reference 'gone' has no corresponding tool definition",
        messages=[HI, use("a"), user(result("a", content=[FOUND]))],
        tools=SHOP,
    ),
    refused(
        "searches_are_bounded",
        "tools.0.web_search_20250305.max_uses: Input should be greater than 0",
        tools=[{**WEB, "max_uses": 0}],
    ),
    refused(
        "searches_are_bounded",
        (
            "tools.0.web_search_20250305: Only one of `allowed_domains` and `blocked_domains` may "
            "be specified"
        ),
        tools=[{**WEB, "allowed_domains": ["a.org"], "blocked_domains": ["b.org"]}],
    ),
    refused(
        "mcp_servers_have_toolsets",
        (
            "MCP server 'b' is referenced by an `mcp_toolset` in `tools` but not defined in "
            "`mcp_servers`."
        ),
        mcp_servers=[MCP],
        tools=[{**TOOLSET, "mcp_server_name": "b"}],
        beta=MCP_BETA,
    ),
    refused(
        "mcp_servers_have_toolsets",
        "MCP server 'b' is defined but not referenced by any `mcp_toolset` in `tools`.",
        mcp_servers=[MCP, {**MCP, "name": "b"}],
        tools=[TOOLSET],
        beta=MCP_BETA,
    ),
]
