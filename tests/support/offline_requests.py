"""Requests that the API refuses, by the rule that does, and its words; odd ones that it takes."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image

from offline_claude.signature import sign
from tests.support.offline_server import HI, MODEL, SHOP, result, use, user

OLD, OPUS = "claude-sonnet-4-5", "claude-opus-4-6"
TEXT = {"type": "text", "text": "So?"}
CACHED = {**TEXT, "cache_control": {"type": "ephemeral"}}
STRICT: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
NODE = {**STRICT, "properties": {"n": {"$ref": "#/$defs/node"}}}
WORD = {"type": "string"}
LIMITED = {"type": ["number", "null"], "minimum": 1}
PDF = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hi"}}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}
ANYWHERE = "; the directive-only form (content: [] with output_config) is accepted at any position"
OPEN_CALL = (
    "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: a. "
    "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
)
BLOCKED = (
    "For 'object' type, 'additionalProperties' must be explicitly set to false",
    "For 'integer' type, property 'minimum' is not supported",
    "Invalid schema: Circular reference detected in schema definitions: node -> node. "
    "Self-referencing or mutually-referencing definitions are not supported.",
)
THINKING_DOCS = "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"


def picture(kind: str = "PNG", size: tuple[int, int] = (1, 1)) -> bytes:
    file = io.BytesIO()
    Image.new("1" if kind == "PNG" else "L", size).save(file, kind)
    return file.getvalue()


PNG = picture()
LARGE = PNG + b"\0" * 8_000_000
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
FOUND = {"type": "tool_reference", "tool_name": "gone"}
WEB = {"type": "web_search_20250305", "name": "web_search"}
MCP = {"type": "url", "url": "https://a.org", "name": "a"}
TOOLSET = {"type": "mcp_toolset", "mcp_server_name": "a"}
MCP_BETA = "mcp-client-2025-11-20"
HIT = {"type": "search_result", "source": "s", "title": "t", "content": [TEXT]}
CITED = {"citations": {"enabled": True}}
SEARCHED = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"},
}


def image(data: bytes, kind: str = "image/png") -> dict[str, Any]:
    encoded = base64.b64encode(data).decode()
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": kind, "data": encoded},
    }


def said(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def tool(**fields: Any) -> dict[str, Any]:
    return {"tools": [{**SHOP[0], **fields}]}


def answer(schema: dict[str, Any]) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def thought(text: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signature}


Case = tuple[dict[str, Any], str]

RULES: dict[str, list[Case]] = {
    "keeps_no_threads": [
        (
            {"thread": {"type": "create"}, "beta": "message-threads-2026-08-12"},
            "thread: This server keeps no message threads. Send the full conversation without "
            "`thread`.",
        )
    ],
    "model_exists": [
        ({"model": "claude-nope"}, "model: claude-nope"),
        ({"model": ""}, "model: String should have at least 1 character"),
    ],
    "max_tokens_within_cap": [
        ({"max_tokens": -1}, "max_tokens: must be greater than or equal to 0"),
        (
            {"max_tokens": 128001},
            "max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens "
            f"for {MODEL}",
        ),
        (
            {"max_tokens": 64_001, "model": "claude-haiku-4-5"},
            "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for "
            "claude-haiku-4-5-20251001",
        ),
        (
            {"max_tokens": 0, "stream": True},
            "max_tokens: must be greater than 0 when `stream` is set",
        ),
        (
            {"max_tokens": 0, "tools": SHOP, "tool_choice": {"type": "any"}},
            "max_tokens: must be greater than 0 when `tool_choice` is set",
        ),
    ],
    "server_tools_are_answered": [
        (
            {"messages": [HI, said(SEARCHED), HI]},
            "messages.1.content.0: unexpected `tool_use_id` found in `web_search_tool_result` "
            "blocks: srvtoolu_1. Each `web_search_tool_result` block must have a corresponding "
            "`server_tool_use` block before it.",
        ),
        (
            {"messages": [HI, said(SEARCH, TEXT), HI]},
            "messages.1: `web_search` tool use with id `srvtoolu_1` was found without a "
            "corresponding `web_search_tool_result` block",
        ),
    ],
    "stop_sequences_have_text": [
        (
            {"stop_sequences": ["x", " "]},
            "stop_sequences: each stop sequence must contain non-whitespace",
        )
    ],
    "sampling_is_taken": [
        (
            {"top_k": -1, "model": OLD, "version": "2023-06-01"},
            "top_k: Input should be greater than or equal to 0",
        ),
        ({"temperature": 1}, "temperature: Extra inputs are not permitted"),
        ({"top_k": 3, "model": OLD}, "top_k: Extra inputs are not permitted"),
        (
            {"temperature": 2, "model": OLD, "version": "2023-06-01"},
            "temperature: range: 0..1",
        ),
        (
            {"temperature": -1, "model": OLD, "version": "2023-06-01"},
            "`temperature` cannot be set to -1 for this model",
        ),
        (
            {"temperature": 0, "version": "2023-06-01"},
            "`temperature` is deprecated for this model.",
        ),
        (
            {"temperature": 0, "top_p": 0.5, "model": OLD, "version": "2023-06-01"},
            "`temperature` and `top_p` cannot both be specified for this model. Please use only "
            "one.",
        ),
    ],
    "user_id_is_opaque": [
        (
            {"metadata": {"user_id": "x" * 513}},
            "metadata.user_id: String should have at most 512 characters",
        ),
        (
            {"metadata": {"user_id": "ada@example.com"}},
            "metadata.user_id: user_id appears to contain an email address",
        ),
    ],
    "geography_is_known": [
        ({"inference_geo": "mars"}, "inference_geo: must be one of ['global', 'us']")
    ],
    "container_has_its_tool": [
        (
            {"container": "c1"},
            "container: Container identifier can only be provided when using the code execution "
            "tool",
        )
    ],
    "prompt_fits": [
        (
            {"model": OLD, "messages": [user("x" * 900_000)]},
            "prompt is too long: 225008 tokens > 200000 maximum",
        )
    ],
    "tools_are_named": [
        (tool(name=""), "tools.0.custom.name: String should have at least 1 character"),
        (
            tool(name="find order"),
            "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
        ),
        (
            tool(input_schema={"type": "object", "properties": {"a b": {}}}),
            "tools.0.custom.input_schema.properties: Property keys should match pattern "
            "'^[a-zA-Z0-9_.-]{1,64}$'",
        ),
    ],
    "tool_names_are_unique": [({"tools": [SHOP[0], SHOP[0]]}, "tools: Tool names must be unique.")],
    "tool_schemas_are_schemas": [
        (
            tool(input_schema={"type": "object", "required": "yes"}),
            "tools.0.custom.input_schema.required: Input should be a valid array",
        ),
        (
            tool(input_schema={"type": "object", "properties": {"a": {"type": "text"}}}),
            "tools.0.custom.input_schema: JSON schema is invalid. It must match JSON Schema draft "
            "2020-12 (https://json-schema.org/draft/2020-12). Learn more about tool use at "
            "https://docs.claude.com/en/docs/tool-use.",
        ),
        (
            tool(input_schema={"type": "object", "anyOf": [{"required": ["a"]}]}),
            "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at "
            "the top level",
        ),
    ],
    "strict_tools_are_strict": [
        (tool(strict=True), f"tools.0.custom: {BLOCKED[0]}"),
        (
            tool(
                strict=True,
                input_schema={**STRICT, "properties": {"n": {"type": "integer", "minimum": 1}}},
            ),
            f"tools.0.custom: {BLOCKED[1]}",
        ),
        (
            tool(strict=True, input_schema={**NODE, "$defs": {"node": NODE}}),
            f"tools.0.custom: {BLOCKED[2]}",
        ),
        (
            tool(strict=True, input_schema={**STRICT, "properties": {"n": LIMITED}}),
            "tools.0.custom: For 'number' type, property 'minimum' is not supported",
        ),
        (
            tool(strict=True, input_schema={**STRICT, "properties": {"n": {"enum": [1]} | WORD}}),
            "tools.0.custom: Invalid schema: Enum value 1 does not match declared type 'string'",
        ),
        (
            tool(strict=True, input_schema={**STRICT, "properties": {"n": {"$ref": "#/$defs/n"}}}),
            "tools.0.custom: Invalid schema: Reference '#/$defs/n' can't be resolved",
        ),
        (
            tool(strict=True, input_schema={**STRICT, "properties": {"n": {"$ref": "#"}}}),
            "tools.0.custom: Invalid schema: Circular reference detected in schema definitions: "
            "root -> root. Self-referencing or mutually-referencing definitions are not supported.",
        ),
        (
            tool(
                strict=True,
                input_schema={**STRICT, "properties": {f"p{n}": WORD for n in range(25)}},
            ),
            "Schemas contains too many optional parameters (25), which would make grammar "
            "compilation inefficient. Reduce the number of optional parameters in your tool "
            "schemas (limit: 24).",
        ),
        (
            {
                "tools": [
                    {"name": f"t{n}", "strict": True, "input_schema": STRICT} for n in range(21)
                ]
            },
            "Too many strict tools (21). The maximum number of strict tools supported is 20. Try "
            "reducing the number of tools marked as strict.",
        ),
    ],
    "examples_fit_their_schema": [
        (
            tool(input_examples=[{"order_id": "one"}]),
            "tools.0.custom.input_examples.0: 'one' is not of type 'integer'",
        ),
        (
            tool(
                input_schema={
                    "type": "object",
                    "properties": {"a": {"$ref": "http://127.0.0.1:9"}},
                },
                input_examples=[{"a": 1}],
            ),
            "tools.0.custom.input_examples.0: the schema has a reference that can't be resolved",
        ),
    ],
    "deferred_tools_wait": [
        (
            tool(defer_loading=True),
            "At least one tool must have defer_loading=false. All tools cannot be deferred.",
        ),
        (
            tool(defer_loading=True, cache_control={"type": "ephemeral"}),
            "Tool 'find_order' cannot have both defer_loading=true and cache_control set. Tools "
            "with defer_loading cannot use prompt caching.",
        ),
    ],
    "tool_choice_has_tools": [
        (
            {"tool_choice": {"type": "any"}},
            "tool_choice.any may only be specified while providing tools",
        ),
        (
            {"tools": SHOP, "tool_choice": {"type": "tool", "name": "nope"}},
            "Tool 'nope' not found in provided tools",
        ),
        (
            {"tool_choice": {"type": "tool", "name": "nope"}},
            "Tool 'nope' not found in provided tools",
        ),
    ],
    "thinking_suits_the_model": [
        (
            BUDGET,
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" '
            'and "output_config.effort" to control thinking behavior.',
        ),
        (
            {"thinking": {"type": "disabled"}},
            '"thinking.type.disabled" is not supported for this model. Use '
            '"thinking.type.between_tools" for the lowest thinking setting, or '
            '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
        ),
        (
            {"thinking": {"type": "adaptive"}, "model": OLD},
            "adaptive thinking is not supported on this model",
        ),
    ],
    "effort_suits_the_model": [
        (
            {"output_config": {"effort": "low"}, "model": OLD},
            "This model does not support the effort parameter.",
        ),
        (
            {"output_config": {"effort": "xhigh"}, "model": OPUS},
            "This model does not support effort level 'xhigh'. Supported levels: high, low, max, "
            "medium.",
        ),
        (
            {
                "output_config": {"effort": "max"},
                "model": "claude-opus-5",
                "thinking": {"type": "disabled"},
            },
            "output_config.effort 'max' is not supported when thinking is disabled on this model. "
            "Use effort 'high' or below, or enable thinking.",
        ),
        (
            {"output_config": {"effort": "xhigh"}, "thinking": {"type": "between_tools"}},
            "output_config.effort 'xhigh' is not supported when thinking is disabled on this "
            "model. Use effort 'high' or below, or enable thinking.",
        ),
    ],
    "budget_leaves_room": [
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1000}, "model": OLD},
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (
            {**BUDGET, "max_tokens": 1024, "model": OLD},
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our "
            f"documentation at {THINKING_DOCS}#max-tokens-and-context-window-size",
        ),
    ],
    "thinking_goes_with_a_free_choice": [
        (
            {**BUDGET, "model": OLD, "tools": SHOP, "tool_choice": {"type": "any"}},
            "Thinking may not be enabled when tool_choice forces tool use.",
        ),
        (
            {**BUDGET, "model": OLD, "temperature": 0, "version": "2023-06-01"},
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. "
            "Please consult our documentation at "
            "https://platform.claude.com/docs/en/build-with-claude/extended-thinking",
        ),
    ],
    "thinking_starts_the_turn": [
        (
            {**BUDGET, "model": OLD, "messages": [HI, use("a"), user(result("a"))]},
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            "`tool_use`. When `thinking` is enabled, a final `assistant` message must start with a "
            "thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). "
            "We recommend you include thinking blocks from previous turns. To avoid this "
            f"requirement, disable `thinking`. Please consult our documentation at {THINKING_DOCS}",
        )
    ],
    "thinking_is_unchanged": [
        (
            {"messages": [HI, said(thought("Hm", "bm9wZQ=="), TEXT), HI]},
            "messages.1.content.0: Invalid `signature` in `thinking` block",
        ),
        (
            {"messages": [HI, said(thought("Changed", sign("As it was")), TEXT), HI]},
            "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest "
            "assistant message cannot be modified. These blocks must remain as they were in the "
            "original response.",
        ),
        (
            {"messages": [HI, said({"type": "redacted_thinking", "data": "x"}, TEXT), HI]},
            "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
        ),
    ],
    "few_cache_markers": [
        (
            {"messages": [user(CACHED, CACHED, CACHED, CACHED, CACHED)]},
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        )
    ],
    "cache_markers_are_on_text": [
        (
            {"messages": [user({**CACHED, "text": ""})]},
            "messages.0.content.0.text: cache_control cannot be set for empty text blocks",
        )
    ],
    "long_lived_cache_comes_first": [
        (
            {
                "messages": [
                    user(CACHED, {**CACHED, "cache_control": {"type": "ephemeral"} | {"ttl": "1h"}})
                ]
            },
            "messages.0.content.1.text.cache_control.ttl: a ttl='1h' cache_control block must not "
            "come after a ttl='5m' cache_control block. Note that blocks are processed in the "
            "following order: `tools`, `system`, `messages`.",
        ),
        (
            {"messages": [user(CACHED)], "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            "cache_control.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
            "cache_control block. Note that blocks are processed in the following order: `tools`, "
            "`system`, `messages`.",
        ),
    ],
    "there_are_messages": [
        (
            {"messages": [system("Be brief")]},
            "messages.0: use the top-level 'system' parameter for the initial system prompt"
            + ANYWHERE,
        ),
        (
            {
                "messages": [{**system(""), "content": [], "output_config": {"effort": "low"}}],
                "beta": "mid-conversation-output-config-2026-07-01",
            },
            'messages: first message must use the "user" role',
        ),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [use("a")]}, 'messages: first message must use the "user" role'),
        (
            {"messages": [HI] * 100_001},
            "messages: List should have at most 100000 items after validation",
        ),
    ],
    "system_messages_have_their_place": [
        (
            {"messages": [system("Be brief"), HI], "model": "claude-opus-5-5"},
            "messages.0: use the top-level 'system' parameter for the initial system prompt"
            + ANYWHERE,
        ),
        (
            {"messages": [HI, system("Be brief")], "model": OLD},
            "role 'system' is not supported on this model",
        ),
        (
            {"messages": [HI, system("")]},
            "messages.1: system content must contain at least one block",
        ),
        (
            {"messages": [HI, said(TEXT), system("Be brief"), HI]},
            "messages.2: role 'system' must follow a 'user' message or an 'assistant' message "
            "ending in a server tool result" + ANYWHERE,
        ),
        (
            {"messages": [HI, system("Be brief"), HI]},
            "messages.1: role 'system' must precede an 'assistant' message or end the array"
            + ANYWHERE,
        ),
        (
            {"messages": [HI, system(" ")]},
            "messages.1: system text blocks must contain non-whitespace text",
        ),
    ],
    "messages_have_content": [
        ({"messages": [user("")]}, "messages.0: user messages must have non-empty content"),
        (
            {"messages": [HI, said(), HI]},
            "messages.1: all messages must have non-empty content except for the optional final "
            "assistant message",
        ),
    ],
    "texts_have_text": [
        (
            {"messages": [user({"type": "text", "text": ""})]},
            "messages: text content blocks must be non-empty",
        ),
        (
            {"messages": [user({"type": "text", "text": " "})]},
            "messages: text content blocks must contain non-whitespace text",
        ),
        (
            {"messages": [user("\n")]},
            "messages: text content blocks must contain non-whitespace text",
        ),
        (
            {"system": [{"type": "text", "text": ""}]},
            "system: text content blocks must be non-empty",
        ),
    ],
    "blocks_stand_in_their_role": [
        (
            {"messages": [HI, said(HIT), HI]},
            "messages.1.content: 'search_result' blocks are not permitted within assistant turns.",
        ),
        (
            {"messages": [HI, said(result("a")), HI]},
            "messages.1: `tool_result` blocks can only be in `user` messages",
        ),
        (
            {"messages": [{**use("a"), "role": "user"}]},
            "messages.0: `tool_use` blocks can only be in `assistant` messages",
        ),
        (
            {"messages": [user(thought("Hm", sign("Hm")))]},
            "messages.0.content: thinking blocks may only be in `assistant` messages",
        ),
        (
            {"messages": [HI, said(image(PNG)), HI]},
            "messages.1.content: 'image' blocks are not permitted within assistant turns.",
        ),
        (
            {"messages": [HI, said(PDF), HI]},
            "messages.1.content: 'document' blocks are not permitted within assistant turns.",
        ),
        (
            {"messages": [user(SEARCHED)]},
            "messages.0: `web_search_tool_result` blocks can only be in `assistant` messages",
        ),
    ],
    "ids_are_plain": [
        (
            {"messages": [HI, use("a b"), user(result("a b"))]},
            "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        ),
        (
            {"messages": [HI, use("a"), user(result(""))]},
            "messages.2.content.0.tool_result.tool_use_id: String should match pattern "
            "'^[a-zA-Z0-9_-]+$'",
        ),
        (
            {"messages": [HI, use("a", name="x" * 201), user(result("a"))]},
            "messages.1.content.0.tool_use.name: String should have at most 200 characters",
        ),
        (
            {"messages": [HI, use("a", name=""), user(result("a"))]},
            "messages.1.content.0.tool_use.name: String should have at least 1 character",
        ),
    ],
    "call_ids_are_unique": [
        (
            {"messages": [HI, use("a"), user(result("a")), use("a"), user(result("a"))]},
            "messages.3.content.0: `tool_use` ids must be unique",
        )
    ],
    "calls_are_answered": [
        ({"messages": [HI, use("a")]}, OPEN_CALL),
        ({"messages": [HI, use("a"), user("Go on")]}, OPEN_CALL),
        ({"messages": [HI, use("a"), user(TEXT, result("a"))]}, OPEN_CALL),
        (
            {"messages": [HI, said(*use("a")["content"], *use("b")["content"]), HI]},
            OPEN_CALL.replace(": a.", ": a, b."),
        ),
    ],
    "results_were_asked_for": [
        (
            {"messages": [HI, use("a"), user(result("a"), result("b"))]},
            "messages.2.content.1: unexpected `tool_use_id` found in `tool_result` blocks: b. Each "
            "`tool_result` block must have a corresponding `tool_use` block in the previous "
            "message.",
        ),
        (
            {"messages": [HI, use("a"), user(result("a"), result("a"))]},
            "messages.2.content.1: each tool_use must have a single result. Found multiple "
            "`tool_result` blocks with id: a",
        ),
    ],
    "errors_are_explained": [
        (
            {"messages": [HI, use("a"), user(result("a", content="", is_error=True))]},
            "messages.2.content.0.tool_result: content cannot be empty if `is_error` is true",
        ),
        (
            {"messages": [HI, use("a"), user(result("a", content=[image(PNG)], is_error=True))]},
            'messages.2.content.0.tool_result: all content must be type "text" if `is_error` is '
            "true",
        ),
    ],
    "ends_with_the_user": [
        (
            {"messages": [HI, {"role": "assistant", "content": "Well"}]},
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message.",
        ),
        (
            {"messages": [HI, {"role": "assistant", "content": "Well "}], "model": OLD},
            "messages: final assistant content cannot end with trailing whitespace",
        ),
    ],
    "references_are_to_tools": [
        (
            {"messages": [HI, use("a"), user(result("a", content=[FOUND]))], "tools": SHOP},
            "Tool reference 'gone' has no corresponding tool definition",
        ),
    ],
    "searches_are_bounded": [
        (
            {"tools": [{**WEB, "max_uses": 0}]},
            "tools.0.web_search_20250305.max_uses: Input should be greater than 0",
        ),
        (
            {"tools": [{**WEB, "allowed_domains": ["a.org"], "blocked_domains": ["b.org"]}]},
            "tools.0.web_search_20250305: Only one of `allowed_domains` and `blocked_domains` may "
            "be specified",
        ),
    ],
    "mcp_servers_have_toolsets": [
        (
            {
                "mcp_servers": [MCP],
                "tools": [{**TOOLSET, "mcp_server_name": "b"}],
                "beta": MCP_BETA,
            },
            "MCP server 'b' is referenced by an `mcp_toolset` in `tools` but not defined in "
            "`mcp_servers`.",
        ),
        (
            {
                "mcp_servers": [MCP, {**MCP, "name": "b"}],
                "tools": [TOOLSET],
                "beta": MCP_BETA,
            },
            "MCP server 'b' is defined but not referenced by any `mcp_toolset` in `tools`.",
        ),
    ],
    "urls_are_secure": [
        (
            {"messages": [user({"type": kind, "source": {"type": "url", "url": "http://a.org"}})]},
            "Only HTTPS URLs are supported.",
        )
        for kind in ("image", "document")
    ],
    "images_are_images": [
        (
            {"messages": [user({**image(b""), "source": {**image(b"")["source"], "data": "%"}})]},
            "messages.0.content.0.image.source.base64.data: Invalid base64 data",
        ),
        ({"messages": [user(image(b"no image at all"))]}, "Could not process image"),
        (
            {"messages": [user(image(PNG, "image/jpeg"))]},
            "messages.0.content.0.image.source.base64: The image was specified using the "
            "image/jpeg media type, but the image appears to be a image/png image",
        ),
        (
            {"messages": [user(image(LARGE))]},
            "messages.0.content.0.image.source.base64: image exceeds 10 MB maximum: "
            f"{len(base64.b64encode(LARGE))} bytes > 10485760 bytes",
        ),
        (
            {"messages": [user(image(b""))]},
            "messages.0.content.0.image.source.base64: image cannot be empty",
        ),
        ({"messages": [user(image(PNG[:20]))]}, "Could not process image"),
        (
            {"messages": [user(*[image(picture("JPEG", (2001, 1)), "image/jpeg")] * 21)]},
            "messages.0.content.0.image.source.base64.data: At least one of the image dimensions "
            "exceed max allowed size for many-image requests: 2000 pixels",
        ),
        (
            {
                "messages": [
                    user({**PDF, "source": {"type": "content", "content": [image(b"no image")]}})
                ]
            },
            "Could not process image",
        ),
        (
            {"messages": [user(image(picture(size=(8001, 1))))]},
            "messages.0.content.0.image.source.base64.data: At least one of the image dimensions "
            "exceed max allowed size: 8000 pixels",
        ),
        (
            {
                "messages": [
                    user({"type": "image", "source": {"type": "url", "url": "http://example.com"}})
                ]
            },
            "Only HTTPS URLs are supported.",
        ),
    ],
    "media_are_few": [
        (
            {"messages": [user(*[image(PNG)] * 101)], "model": OLD},
            "too many images and documents: 101 + 0 > 100",
        )
    ],
    "documents_are_documents": [
        (
            {"messages": [user({**PDF, "title": ""})]},
            "messages.0.content.0.document.title: String should have at least 1 character",
        ),
        (
            {"messages": [user({**PDF, "title": "t" * 501})]},
            "messages.0.content.0.document.title: String should have at most 500 characters",
        ),
        (
            {"messages": [user({**PDF, "context": ""})]},
            "messages.0.content.0.document.context: String should have at least 1 character",
        ),
        (
            {"messages": [user({**HIT, **CITED}, HIT)]},
            "messages: citations must be enabled on all search results or none",
        ),
        (
            {
                "messages": [
                    user(
                        {
                            "type": "document",
                            "source": {
                                "type": "base64",
                                "media_type": "application/pdf",
                                "data": "bm8=",
                            },
                        }
                    )
                ]
            },
            "messages.0.content.0.pdf.source.base64.data: The PDF specified was not valid.",
        ),
        (
            {"messages": [user(PDF, {**PDF, "citations": {"enabled": True}})]},
            "messages: citations must be enabled on all documents or none",
        ),
    ],
    "files_are_known": [
        (
            {
                "messages": [
                    user({"type": "image", "source": {"type": "file", "file_id": "file_1"}})
                ]
            },
            "File not found: file_1",
        )
    ],
    "citations_stay_with_the_assistant": [
        (
            {
                "messages": [
                    user(
                        {
                            **TEXT,
                            "citations": [
                                {
                                    "type": "char_location",
                                    "cited_text": "x",
                                    "document_index": 0,
                                    "document_title": None,
                                    "start_char_index": 0,
                                    "end_char_index": 1,
                                }
                            ],
                        }
                    )
                ]
            },
            "messages.0.content.0.text.citations: Extra inputs are not permitted",
        )
    ],
    "output_schema_is_strict": [
        (answer({"type": "object"}), f"output_config.format.schema: {BLOCKED[0]}"),
        (
            answer({"type": "object", "additionalProperties": True}),
            "output_config.format.schema: For 'object' type, 'additionalProperties: true' is not "
            "supported.",
        ),
        (
            answer({"type": "array", "items": {"type": "string"}, "minItems": 2}),
            "output_config.format.schema: For 'array' type, 'minItems' values other than 0 or 1 "
            "are not supported (got: 2)",
        ),
        (
            answer({}),
            "output_config.format.schema: Invalid schema: Schema must have a 'type', 'anyOf', "
            "'oneOf', or 'allOf' field",
        ),
        (
            {
                **answer(STRICT),
                "model": OLD,
                "messages": [HI, {"role": "assistant", "content": "{"}],
            },
            "output_config.format: cannot be used with a prefilled assistant message",
        ),
    ],
}

SHAPES: list[Case] = [
    ({"model": None}, "model: Field required"),
    ({"model": 7}, "model: Input should be a valid string"),
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
    ({"colour": "red"}, "colour: Extra inputs are not permitted"),
    ({"mcp_servers": []}, "mcp_servers: Extra inputs are not permitted"),
    ({"betas": []}, "betas: Extra inputs are not permitted"),
    ({"stream": "yes"}, "stream: Input should be a valid boolean"),
    ({"stop_sequences": "x"}, "stop_sequences: Input should be a valid array"),
    ({"system": 7}, "system: Input should be a valid array"),
    ({"system": [image(PNG)]}, "system.0.type: Input should be 'text'"),
    ({"system": [7]}, "system.0: Input does not match the expected shape."),
    (
        {"messages": [HI, {"role": "system", "content": [image(PNG)]}]},
        "messages.1: role 'system' supports text, tool_addition, and tool_removal blocks only",
    ),
    ({"service_tier": "x"}, "service_tier: Input should be 'auto' or 'standard_only'"),
    ({"metadata": 7}, "metadata: Input does not match the expected shape."),
    ({"messages": None}, "messages: Field required"),
    ({"messages": "Hello"}, "messages: Input should be a valid array"),
    ({"messages": [7]}, "messages.0: Input should be an object"),
    ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ({"messages": [{"content": "x"}]}, "messages.0.role: Field required"),
    ({"messages": [{**HI, "name": "x"}]}, "messages.0.name: Extra inputs are not permitted"),
    (
        {"messages": [{"role": "tool", "content": "x"}]},
        'messages: Unexpected role "tool". Allowed roles are "user" or "assistant"',
    ),
    ({"messages": [user(7)]}, "messages.0.content.0: Input should be an object"),
    ({"messages": [user({})]}, "messages.0.content.0.type: Field required"),
    ({"messages": [user({"type": "text"})]}, "messages.0.content.0.text.text: Field required"),
    (
        {"messages": [HI, use("a", input="{}"), user(result("a"))]},
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    (
        {"messages": [HI, use("a"), user({"type": "tool_result"})]},
        "messages.2.content.0.tool_result.tool_use_id: Field required",
    ),
    (
        {"messages": [user({**TEXT, "cache_control": {"type": "ephemeral", "ttl": "2h"}})]},
        "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
    ),
    (
        {"messages": [user(image(PNG, "image/bmp"))]},
        "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', "
        "'image/png', 'image/gif' or 'image/webp'",
    ),
    ({"tools": {}}, "tools: Input should be a valid array"),
    ({"tools": [{"name": "x"}]}, "tools.0.custom.input_schema: Field required"),
    (tool(input_schema={}), "tools.0.custom.input_schema.type: Field required"),
    (
        tool(input_schema={"type": "array"}),
        "tools.0.custom.input_schema.type: Input should be 'object'",
    ),
    (tool(colour="red"), "tools.0.custom.colour: Extra inputs are not permitted"),
    ({"tools": SHOP, "tool_choice": "auto"}, "tool_choice: Input should be an object"),
    (
        {"tools": SHOP, "tool_choice": {"type": "required"}},
        "tool_choice: Input tag 'required' found using 'type' does not match any of the expected "
        "tags: 'auto', 'any', 'tool', 'none'",
    ),
    ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
    # Of several faults, the API reports the one it looks at first.
    ({"colour": "red", "stream": "yes", "messages": 7}, "messages: Input should be a valid array"),
]

ACCEPTED: dict[str, dict[str, Any]] = {
    "null for what isn't given": {"metadata": None, "stop_sequences": None, "cache_control": None},
    "no system prompt to speak of": {"system": ""},
    "an empty list of system blocks and of tools": {"system": [], "tools": []},
    "a marker for the cache": {"system": [CACHED], "messages": [user(CACHED)]},
    "sampling on an older model": {"temperature": 0, "model": OLD, "version": "2023-06-01"},
    "a default temperature anywhere": {"temperature": 1, "version": "2023-06-01"},
    "a budget on an older model": {**BUDGET, "model": OLD},
    "instructions in mid-conversation": {"messages": [HI, system("Be brief"), said(TEXT), HI]},
    "instructions after a tool of the API": {
        "messages": [HI, said(SEARCH, SEARCHED), system("Be brief")]
    },
    "instructions that only direct": {
        "messages": [HI, {**system(""), "content": [], "output_config": {"effort": "low"}}],
        "beta": "mid-conversation-output-config-2026-07-01",
    },
    "a high effort without thinking": {
        "model": "claude-sonnet-5",
        "thinking": {"type": "disabled"},
        "output_config": {"effort": "xhigh"},
    },
    "a pattern that takes long": tool(
        input_schema={"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}},
        input_examples=[{"a": "a" * 40 + "b"}],
    ),
    "definitions that use each other again and again": answer(
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
    "no thinking where it may be cleared": {
        **BUDGET,
        "model": OLD,
        "messages": [HI, use("a"), user(result("a"))],
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "beta": "context-management-2025-06-27",
    },
    "a document and an image": {"messages": [user(PDF, image(PNG), TEXT)]},
    "one of several messages of the user is empty": {"messages": [HI, user(""), HI]},
    "an empty last message of the assistant": {"messages": [HI, said()]},
    "a tool call that nulls what it doesn't have": {
        "messages": [HI, use("a", caller=None), user(result("a"))]
    },
    "a result without content": {
        "messages": [HI, use("a"), user({"type": "tool_result", "tool_use_id": "a"})]
    },
    "schemas with more than the SDK's type names": tool(
        input_schema={**STRICT, "$schema": "http://json-schema.org/draft-07/schema#"}
    ),
    "unknown betas": {"beta": "something-2031-01-01,else"},
    "a server and its tools": {
        "mcp_servers": [MCP],
        "tools": [TOOLSET],
        "beta": MCP_BETA,
        "messages": [HI, use("a"), user(result("a", content=[FOUND]))],
    },
    "a server as it was before there were sets of tools": {"mcp_servers": [MCP], "beta": MCP_BETA},
    "a tool that was searched for and found": {
        "tools": SHOP,
        "messages": [
            *(HI, use("a")),
            user(result("a", content=[{**FOUND, "tool_name": "find_order"}])),
        ],
    },
    "search results and a document, of which some are cited": {
        "messages": [user({**HIT, **CITED}, {**HIT, **CITED}, PDF)]
    },
    "a document without a title": {"messages": [user({**PDF, "title": None, "context": None})]},
    "fields of betas": {"mcp_servers": [], "beta": "mcp-client-2025-11-20"},
    "the older name of structured output": {
        "output_format": {"type": "json_schema", "schema": STRICT},
        "beta": "structured-outputs-2025-11-13",
    },
}
