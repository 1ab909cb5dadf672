"""Requests out of shape."""

from __future__ import annotations

from tests.offline_claude.cases.parts import PNG, TEXT, image, malformed, tool
from tests.support.offline_server import HI, SHOP, result, use, user

CASES = [
    malformed("model: Field required", model=None),
    malformed("model: Input should be a valid string", model=7),
    malformed("max_tokens: Field required", max_tokens=None),
    malformed("max_tokens: Input should be a valid integer", max_tokens="9"),
    malformed("max_tokens: Input should be a valid integer", max_tokens=True),
    malformed("colour: Extra inputs are not permitted", colour="red"),
    malformed("mcp_servers: Extra inputs are not permitted", mcp_servers=[]),
    malformed("betas: Extra inputs are not permitted", betas=[]),
    malformed("stream: Input should be a valid boolean", stream="yes"),
    malformed("stop_sequences: Input should be a valid array", stop_sequences="x"),
    malformed("system: Input should be a valid array", system=7),
    malformed("system.0.type: Input should be 'text'", system=[image(PNG)]),
    malformed("system.0: Input does not match the expected shape.", system=[7]),
    malformed(
        "messages.1: role 'system' supports text, tool_addition, and tool_removal blocks only",
        messages=[HI, {"role": "system", "content": [image(PNG)]}],
    ),
    malformed("service_tier: Input should be 'auto' or 'standard_only'", service_tier="x"),
    malformed("metadata: Input does not match the expected shape.", metadata=7),
    malformed("messages: Field required", messages=None),
    malformed("messages: Input should be a valid array", messages="Hello"),
    malformed("messages.0: Input should be an object", messages=[7]),
    malformed("messages.0.content: Field required", messages=[{"role": "user"}]),
    malformed("messages.0.role: Field required", messages=[{"content": "x"}]),
    malformed("messages.0.name: Extra inputs are not permitted", messages=[{**HI, "name": "x"}]),
    malformed(
        'messages: Unexpected role "tool". Allowed roles are "user" or "assistant"',
        messages=[{"role": "tool", "content": "x"}],
    ),
    malformed("messages.0.content.0: Input should be an object", messages=[user(7)]),
    malformed("messages.0.content.0.type: Field required", messages=[user({})]),
    malformed("messages.0.content.0.text.text: Field required", messages=[user({"type": "text"})]),
    malformed(
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
        messages=[HI, use("a", input="{}"), user(result("a"))],
    ),
    malformed(
        "messages.2.content.0.tool_result.tool_use_id: Field required",
        messages=[HI, use("a"), user({"type": "tool_result"})],
    ),
    malformed(
        "messages.0.content.0.text.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
        messages=[user({**TEXT, "cache_control": {"type": "ephemeral", "ttl": "2h"}})],
    ),
    malformed(
        (
            "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', "
            "'image/png', 'image/gif' or 'image/webp'"
        ),
        messages=[user(image(PNG, "image/bmp"))],
    ),
    malformed("tools: Input should be a valid array", tools={}),
    malformed("tools.0.custom.input_schema: Field required", tools=[{"name": "x"}]),
    malformed("tools.0.custom.input_schema.type: Field required", **tool(input_schema={})),
    malformed(
        "tools.0.custom.input_schema.type: Input should be 'object'",
        **tool(input_schema={"type": "array"}),
    ),
    malformed("tools.0.custom.colour: Extra inputs are not permitted", **tool(colour="red")),
    malformed("tool_choice: Input should be an object", tools=SHOP, tool_choice="auto"),
    malformed(
        (
            "tool_choice: Input tag 'required' found using 'type' does not match any of the "
            "expected tags: 'auto', 'any', 'tool', 'none'"
        ),
        tools=SHOP,
        tool_choice={"type": "required"},
    ),
    malformed("thinking.enabled.budget_tokens: Field required", thinking={"type": "enabled"}),
    malformed("messages: Input should be a valid array", colour="red", stream="yes", messages=7),
]
