"""The tools on offer, and the choice among them."""

from __future__ import annotations

import re

from offline_claude.errors import invalid
from offline_claude.request import Sent
from offline_claude.schemas import (
    instance_error,
    optional_parameters,
    schema_error,
    strictness_error,
)

_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_MOST_STRICT = 20
_MOST_OPTIONAL = 24


def tools_are_named(sent: Sent) -> None:
    """Names of tools and of their arguments are plain."""
    for n, tool in sent.own_tools:
        if not tool["name"]:
            raise invalid(f"tools.{n}.custom.name: String should have at least 1 character")
        if not _TOOL_NAME.fullmatch(tool["name"]):
            raise invalid(
                f"tools.{n}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )
        if not all(map(_PROPERTY.fullmatch, tool["input_schema"].get("properties") or {})):
            raise invalid(
                f"tools.{n}.custom.input_schema.properties: Property keys should match pattern "
                "'^[a-zA-Z0-9_.-]{1,64}$'"
            )


def tool_names_are_unique(sent: Sent) -> None:
    """No two tools share a name."""
    names = [tool["name"] for tool in sent.tools if "name" in tool]
    if len(names) != len(set(names)):
        raise invalid("tools: Tool names must be unique.")


def tool_schemas_are_schemas(sent: Sent) -> None:
    """An input schema is JSON Schema 2020-12, and an object at the top."""
    for n, tool in sent.own_tools:
        schema = tool["input_schema"]
        if {"oneOf", "allOf", "anyOf"} & schema.keys():
            raise invalid(
                f"tools.{n}.custom.input_schema: input_schema does not support oneOf, allOf, or "
                "anyOf at the top level"
            )
        if schema_error(schema):
            raise invalid(
                f"tools.{n}.custom.input_schema: JSON schema is invalid. It must match JSON Schema "
                "draft 2020-12 (https://json-schema.org/draft/2020-12). Learn more about tool use "
                "at https://docs.claude.com/en/docs/tool-use."
            )


def strict_tools_are_strict(sent: Sent) -> None:
    """A strict tool's schema can be enforced while the input is written."""
    strict = [(n, tool) for n, tool in sent.own_tools if tool.get("strict")]
    if len(strict) > _MOST_STRICT:
        raise invalid(
            f"Too many strict tools ({len(strict)}). The maximum number of strict tools supported "
            f"is {_MOST_STRICT}. Try reducing the number of tools marked as strict."
        )
    for n, tool in strict:
        if error := strictness_error(tool["input_schema"]):
            raise invalid(f"tools.{n}.custom: {error}")
    optional = sum(optional_parameters(tool["input_schema"]) for _, tool in strict)
    if optional > _MOST_OPTIONAL:
        raise invalid(
            f"Schemas contains too many optional parameters ({optional}), which would make grammar "
            "compilation inefficient. Reduce the number of optional parameters in your tool "
            f"schemas (limit: {_MOST_OPTIONAL})."
        )


def examples_fit_their_schema(sent: Sent) -> None:
    """Examples of a tool's input satisfy its schema."""
    for n, tool in sent.own_tools:
        for m, example in enumerate(tool.get("input_examples") or []):
            if error := instance_error(example, tool["input_schema"]):
                raise invalid(f"tools.{n}.custom.input_examples.{m}: {error}")


def deferred_tools_wait(sent: Sent) -> None:
    """Some tool isn't deferred, and no deferred tool is cached."""
    for tool in sent.tools:
        if tool.get("defer_loading") and tool.get("cache_control"):
            raise invalid(
                f"Tool '{tool.get('name')}' cannot have both defer_loading=true and cache_control "
                "set. Tools with defer_loading cannot use prompt caching."
            )
    if sent.tools and all(tool.get("defer_loading") for tool in sent.tools):
        raise invalid(
            "At least one tool must have defer_loading=false. All tools cannot be deferred."
        )


def references_are_to_tools(sent: Sent) -> None:
    """A tool that a search has found is defined among the tools."""
    if any(tool.get("type") == "mcp_toolset" for tool in sent.tools):
        return  # the tools of an MCP server aren't known here
    names = [tool.get("name") for tool in sent.tools]
    for _, block in sent.blocks:
        if block["type"] == "tool_reference" and block["tool_name"] not in names:
            raise invalid(
                f"Tool reference '{block['tool_name']}' has no corresponding tool definition"
            )


def searches_are_bounded(sent: Sent) -> None:
    """Server tools allow at least one use, and have only one list of domains."""
    for n, tool in enumerate(sent.tools):
        where = f"tools.{n}.{tool.get('type')}"
        if (uses := tool.get("max_uses")) is not None and uses <= 0:
            raise invalid(f"{where}.max_uses: Input should be greater than 0")
        if tool.get("allowed_domains") and tool.get("blocked_domains"):
            raise invalid(
                f"{where}: Only one of `allowed_domains` and `blocked_domains` may be specified"
            )


def mcp_servers_have_toolsets(sent: Sent) -> None:
    """Every MCP server has a toolset, and every toolset a server."""
    servers = [server["name"] for server in sent.body.get("mcp_servers") or []]
    sets = [tool["mcp_server_name"] for tool in sent.tools if tool.get("type") == "mcp_toolset"]
    if unknown := [name for name in sets if name not in servers]:
        raise invalid(
            f"MCP server '{unknown[0]}' is referenced by an `mcp_toolset` in `tools` but not "
            "defined in `mcp_servers`."
        )
    # The older form of this beta has no sets at all.
    if sets and (unused := [name for name in servers if name not in sets]):
        raise invalid(
            f"MCP server '{unused[0]}' is defined but not referenced by any `mcp_toolset` in "
            "`tools`."
        )


def tool_choice_has_tools(sent: Sent) -> None:
    """A tool choice comes with tools, and names one of them."""
    choice = sent.body.get("tool_choice") or {"type": "auto"}
    if choice["type"] == "tool":
        if choice["name"] not in [tool.get("name") for tool in sent.tools]:
            raise invalid(f"Tool '{choice['name']}' not found in provided tools")
    elif "tool_choice" in sent.body and not sent.tools:
        raise invalid(f"tool_choice.{choice['type']} may only be specified while providing tools")
