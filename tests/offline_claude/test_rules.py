"""Requests that the offline Claude refuses in the API's words, and odd ones that it accepts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from offline_claude import OfflineClaude, schemas
from offline_claude.rules import COUNT_RULES, MESSAGE_RULES
from offline_claude.schemas import instance_error
from tests.offline_claude.cases import (
    accepted,
    cache,
    fields,
    media,
    messages,
    output,
    shape,
    thinking,
    tool_results,
    tools,
)
from tests.offline_claude.cases.parts import Case
from tests.support.offline_server import HI, MODEL, ask, hello, raw, result, sdk, use, user

SUBJECTS = (cache, fields, media, messages, output, thinking, tool_results, tools)
REFUSED = [case for subject in SUBJECTS for case in subject.CASES]
COUNTED = {rule.__name__ for rule in COUNT_RULES}
NOT_COUNTED = {"stream", "temperature", "top_p", "top_k"}
"""Fields that `count_tokens` doesn't have, besides `max_tokens`."""


def sent(change: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The body and the headers of a case."""
    body = {"model": MODEL, "max_tokens": 99, "messages": [HI], **change}
    headers = {"anthropic-version": body.pop("version", "2026-10-21"), "x-api-key": "offline"}
    if beta := body.pop("beta", None):
        headers["anthropic-beta"] = beta
    required = ("model", "max_tokens", "messages")
    return {k: v for k, v in body.items() if v is not None or k not in required}, headers


@pytest.fixture(scope="module")
def http(url: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(trust_env=False, verify=False, base_url=url, timeout=60) as client:
        yield client


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_broken_rule_is_refused_in_the_words_of_the_api(http: httpx2.Client, case: Case) -> None:
    body, headers = sent(case.change)
    refused = http.post("/v1/messages", json=body, headers=headers)
    error = refused.json()["error"]
    assert error["message"] == case.wording
    not_found = case.wording.startswith(("model: claude", "File not found"))
    assert refused.status_code == (404 if not_found else 400)
    assert error["type"] == ("not_found_error" if not_found else "invalid_request_error")
    assert refused.json()["request_id"] == refused.headers["request-id"]
    countable = not NOT_COUNTED & body.keys() and "max_tokens" not in case.wording
    if case.name in COUNTED and countable:
        counted = {name: value for name, value in body.items() if name != "max_tokens"}
        refused = http.post("/v1/messages/count_tokens", json=counted, headers=headers)
        assert refused.json()["error"]["message"] == case.wording


def test_every_rule_has_a_case() -> None:
    assert {rule.__name__ for rule in MESSAGE_RULES} == {case.name for case in REFUSED}


@pytest.mark.parametrize("case", shape.CASES, ids=str)
def test_malformed_request_is_refused_in_the_words_of_the_api(
    http: httpx2.Client, case: Case
) -> None:
    body, headers = sent(case.change)
    refused = http.post("/v1/messages", json=body, headers=headers)
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, case.wording)
    assert refused.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("case", accepted.CASES, ids=str)
def test_odd_but_valid_request_is_answered(http: httpx2.Client, case: Case) -> None:
    body, headers = sent(case.change)
    answered = http.post("/v1/messages", json=body, headers=headers)
    assert answered.status_code == 200, answered.text


def test_unknown_type_is_refused_with_the_types_of_the_sdk(http: httpx2.Client) -> None:
    for change, path in (
        ({"messages": [user({"type": "image_url"})]}, "messages.0.content.0"),
        ({"tools": [{"type": "function", "name": "x"}]}, "tools.0"),
    ):
        body, headers = sent(change)
        message = http.post("/v1/messages", json=body, headers=headers).json()["error"]["message"]
        assert message.startswith(f"{path}: Input tag '")
        assert "does not match any of the expected tags: '" in message
        assert "'text'" in message or "'custom'" in message


async def test_consecutive_messages_of_one_role_are_merged(
    offline: OfflineClaude,
) -> None:
    conversation = [HI, HI, use("a"), use("b"), user(result("a")), user(result("b"))]
    assert (await ask(offline, conversation)).stop_reason == "end_turn"


def test_system_message_without_content_is_accepted_only_with_a_directive(
    http: httpx2.Client,
) -> None:
    beta = "mid-conversation-output-config-2026-07-01"
    directive = {"role": "system", "output_config": {"effort": "low"}}
    body, headers = sent({"messages": [HI, directive], "beta": beta})
    assert http.post("/v1/messages", json=body, headers=headers).status_code == 200
    body, headers = sent({"messages": [HI, {"role": "system"}], "beta": beta})
    refused = http.post("/v1/messages", json=body, headers=headers).json()
    assert refused["error"]["message"] == (
        "messages.1: system content must contain at least one block"
    )


async def test_refusal_raises_the_right_class_of_the_sdk(offline: OfflineClaude) -> None:
    with pytest.raises(anthropic.NotFoundError, match="model: claude-nope"):
        await ask(offline, "Hello", model="claude-nope")
    with pytest.raises(anthropic.BadRequestError, match="at least one message"):
        await ask(offline, [])


async def test_missing_or_wrong_key_is_refused(offline: OfflineClaude) -> None:
    for key in ("invalid", "wrong-key-4711"):
        async with sdk(offline.url, key) as claude:
            with pytest.raises(anthropic.AuthenticationError, match="Invalid bearer token"):
                await claude.models.list()
        refused = raw(offline, {}, x_api_key=key)
        assert (refused.status_code, refused.json()["error"]["message"]) == (
            401,
            "invalid x-api-key",
        )
    refused = raw(offline, {}, x_api_key="")
    assert refused.status_code == 401
    assert refused.json()["error"]["message"] == "x-api-key header is required"


def test_request_from_a_browser_needs_its_header(offline: OfflineClaude) -> None:
    refused = raw(offline, hello(), origin="http://localhost:3000")
    assert (refused.status_code, refused.json()["error"]["type"]) == (401, "authentication_error")
    assert refused.json()["error"]["message"] == (
        "CORS requests must set 'anthropic-dangerous-direct-browser-access' header"
    )
    knows = {"anthropic_dangerous_direct_browser_access": "true"}
    assert raw(offline, hello(), origin="http://localhost:3000", **knows).status_code == 200


def test_version_header_is_required(offline: OfflineClaude) -> None:
    refused = raw(offline, {}, anthropic_version="")
    assert refused.json()["error"]["message"] == "anthropic-version: header is required"
    refused = raw(offline, {}, anthropic_version="2023-10-01")
    message = 'anthropic-version: "2023-10-01" is not a valid version'
    assert refused.json()["error"]["message"] == message


def test_key_is_neither_logged_nor_echoed(offline: OfflineClaude, log_path: Path) -> None:
    for key in ("sk-ant-secret-of-mine", "wrong-secret-of-mine"):
        response = raw(offline, {"model": "none"}, authorization=f"Bearer {key}", x_api_key=key)
        assert "of-mine" not in response.text + str(response.headers)
    assert "of-mine" not in log_path.read_text() + repr(offline.calls())
    assert len(offline.calls()) == 2


def test_unreadable_bodies_and_unknown_paths_are_refused_in_the_shape_of_the_api(
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


def test_checked_schemas_are_remembered_unless_they_are_long() -> None:
    schemas._remembered.cache_clear()
    for schema in (
        {"type": "object"},
        {"type": "object"},
        {"type": "object", "title": "t" * 99_999},
    ):
        assert schemas.schema_error(schema) is None
    assert schemas.schema_error({"type": "objekt"}) == schemas.schema_error({"type": "objekt"})
    remembered = schemas._remembered.cache_info()
    assert (remembered.hits, remembered.currsize) == (2, 2)


def test_pattern_of_a_schema_is_not_tried() -> None:
    assert instance_error("any text", {"type": "string", "pattern": "^[A-Z]{3}$"}) is None
