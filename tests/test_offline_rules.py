"""What the offline Claude refuses, in the words of the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import pytest

from agentkit.classroom.offline import OfflineClaude
from tests import offline_server
from tests.offline_server import (
    HI,
    MODEL,
    SHOP,
    ask,
    raw,
    result,
    sdk,
    use,
    user,
)

log_path, url, offline = offline_server.log_path, offline_server.url, offline_server.offline

TEXT = {"type": "text", "text": "So?"}
OPEN_CALL = (
    "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: a. "
    "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
)
RULES: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model: Field required"),
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
    (
        {"max_tokens": 128001},
        "max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens for "
        + MODEL,
    ),
    ({"colour": "red"}, "colour: Extra inputs are not permitted"),
    ({"stream": "yes"}, "stream: Input should be a valid boolean"),
    ({"stop_sequences": [" "]}, "stop_sequences: each stop sequence must contain non-whitespace"),
    ({"messages": None}, "messages: Field required"),
    ({"messages": []}, "messages: at least one message is required"),
    ({"messages": [use("a")]}, 'messages: first message must use the "user" role'),
    ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ({"messages": [{**HI, "name": "x"}]}, "messages.0.name: Extra inputs are not permitted"),
    (
        {"messages": [{"role": "tool", "content": "x"}]},
        "messages.0.role: Input should be 'user', 'assistant' or 'system'",
    ),
    (
        {"messages": [user("")]},
        "messages.0: all messages must have non-empty content except for the optional final "
        "assistant message",
    ),
    (
        {"messages": [user({"type": "text", "text": ""})]},
        "messages: text content blocks must be non-empty",
    ),
    (
        {"system": [{"type": "text", "text": ""}]},
        "system: text content blocks must be non-empty",
    ),
    ({"messages": [HI, use("a")]}, OPEN_CALL),
    ({"messages": [HI, use("a"), user("Go on")]}, OPEN_CALL),
    ({"messages": [HI, use("a"), user(TEXT, result("a"))]}, OPEN_CALL),
    (
        {"messages": [HI, use("a"), user(result("a"), result("b"))]},
        "messages.2.content.1: unexpected `tool_use_id` found in `tool_result` blocks: b. Each "
        "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
    ),
    (
        {"messages": [HI, use("a"), user(result("a"), result("a"))]},
        "messages.2.content.1: each `tool_use` must have a single result. Found multiple "
        "`tool_result` blocks with id: a",
    ),
    (
        {"messages": [HI, use("a"), user(result("a")), use("a"), user(result("a"))]},
        "messages.3.content.0: `tool_use` ids must be unique",
    ),
    (
        {"messages": [HI, {"role": "assistant", "content": [result("a")]}, HI]},
        "messages.1: `tool_result` blocks can only be in `user` messages",
    ),
    (
        {"messages": [HI, use("a", input="x"), user(result("a"))]},
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    (
        {"messages": [HI, use("a"), user(result("a", content="", is_error=True))]},
        "messages.2.content.0.tool_result: content cannot be empty if `is_error` is true",
    ),
    ({"tools": [SHOP[0], SHOP[0]]}, "tools: Tool names must be unique."),
    (
        {"tools": [{**SHOP[0], "name": "find order"}]},
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    ({"tools": [{"name": "x"}]}, "tools.0.custom.input_schema: Field required"),
    (
        {"tools": SHOP, "tool_choice": {"type": "required"}},
        "tool_choice: Input tag 'required' found using 'type' does not match any of the expected "
        "tags: 'auto', 'any', 'tool', 'none'",
    ),
    (
        {"tool_choice": {"type": "any"}},
        "tool_choice: tool_choice may only be specified while providing tools.",
    ),
    (
        {"messages": [HI, {"role": "assistant", "content": "Well"}]},
        "This model does not support assistant message prefill. The conversation must end with a "
        "user message.",
    ),
]


@pytest.mark.parametrize(("change", "wording"), RULES, ids=[w[:60] for _, w in RULES])
async def test_what_the_api_refuses_is_refused_in_its_words(
    offline: OfflineClaude, change: dict[str, Any], wording: str
) -> None:
    body = {"model": MODEL, "max_tokens": 99, "messages": [HI], **change}
    async with sdk(offline.url) as claude:
        with pytest.raises(anthropic.BadRequestError) as caught:
            await claude.post(
                "/v1/messages",
                body={k: v for k, v in body.items() if v is not None},
                cast_to=anthropic.types.Message,
            )
    request_id = caught.value.response.headers["request-id"]
    error = {"type": "invalid_request_error", "message": wording, "details": None}
    assert caught.value.body == {"type": "error", "error": error, "request_id": request_id}


async def test_consecutive_messages_of_one_role_are_merged_not_refused(
    offline: OfflineClaude,
) -> None:
    conversation = [HI, HI, use("a"), use("b"), user(result("a")), user(result("b"))]
    assert (await ask(offline, conversation)).stop_reason == "end_turn"


async def test_an_unknown_model_is_not_found(offline: OfflineClaude) -> None:
    with pytest.raises(anthropic.NotFoundError, match="model: claude-nope"):
        await ask(offline, "Hello", model="claude-nope")


async def test_a_missing_or_wrong_key_is_refused(offline: OfflineClaude) -> None:
    for key in ("invalid", "wrong-key-4711"):
        async with sdk(offline.url, key) as claude:
            with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
                await claude.models.list()
    refused = raw(offline, {}, x_api_key="")
    assert refused.status_code == 401
    assert refused.json()["error"]["message"] == "x-api-key header is required"


def test_the_version_header_is_required(offline: OfflineClaude) -> None:
    refused = raw(offline, {}, anthropic_version="")
    assert refused.json()["error"]["message"] == "anthropic-version: header is required"


def test_the_key_is_neither_logged_nor_echoed(offline: OfflineClaude, log_path: Path) -> None:
    for key in ("sk-ant-secret-of-mine", "wrong-secret-of-mine"):
        response = raw(offline, {"model": "none"}, authorization=f"Bearer {key}", x_api_key=key)
        assert "of-mine" not in response.text + str(response.headers)
    assert "of-mine" not in log_path.read_text() + repr(offline.calls())
    assert len(offline.calls()) == 2


def test_unreadable_bodies_and_unknown_paths_have_the_apis_error_shape(
    offline: OfflineClaude,
) -> None:
    for content in (b"{", b'{"a": NaN}', b"\xff", b'"\\ud800"', b"[" * 100_000):
        response = raw(offline, content)
        assert response.status_code == 400
        assert response.json()["error"]["message"].startswith("The request body is not valid JSON")
    response = raw(offline, {}, path="/v1/nothing")
    assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")
    assert response.json()["request_id"] == response.headers["request-id"]
    too_large = raw(offline, b" " * (32 * 1024 * 1024 + 1))
    assert (too_large.status_code, too_large.json()["error"]["type"]) == (413, "request_too_large")
