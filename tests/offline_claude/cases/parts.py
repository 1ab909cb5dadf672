"""What cases are made of: a request's change against a good one, and common blocks."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from tests.support.offline_server import SHOP


@dataclass(frozen=True)
class Case:
    """A request, and what the API says to it.

    Attributes:
        name: The rule that refuses it, or what is odd about a good one.
        wording: The API's words; "" for a request that it accepts.
        change: The fields in which it differs from a good one. None leaves a required one out;
            "version" and "beta" are headers.
    """

    name: str
    wording: str
    change: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.name}-{self.wording[:60]}".removesuffix("-")


def refused(rule: str, wording: str, **change: Any) -> Case:
    return Case(rule, wording, change)


def malformed(wording: str, **change: Any) -> Case:
    return Case("shape", wording, change)


def accepted(name: str, **change: Any) -> Case:
    return Case(name, "", change)


OLD, OPUS = "claude-sonnet-4-5", "claude-opus-4-6"
TEXT = {"type": "text", "text": "So?"}
CACHED = {**TEXT, "cache_control": {"type": "ephemeral"}}
STRICT: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
NODE = {**STRICT, "properties": {"n": {"$ref": "#/$defs/node"}}}
WORD = {"type": "string"}
LIMITED = {"type": ["number", "null"], "minimum": 1}
PDF = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hi"}}
BUDGET = {"type": "enabled", "budget_tokens": 1024}
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
