"""What the offline Claude refuses, in the words of the API: a case or more for each rule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from offline_claude import OfflineClaude, schemas
from offline_claude.rules import COUNT_RULES, MESSAGE_RULES
from tests.support import offline_server
from tests.support.offline_requests import ACCEPTED, RULES, SHAPES
from tests.support.offline_server import HI, MODEL, ask, hello, raw, result, sdk, use, user

log_path, url, offline = offline_server.log_path, offline_server.url, offline_server.offline


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
    with httpx2.Client(trust_env=False, base_url=url, timeout=60) as client:
        yield client


CASES = [(rule, *case) for rule, cases in RULES.items() for case in cases]


@pytest.mark.parametrize(
    ("rule", "change", "wording"), CASES, ids=[f"{r}-{w[:40]}" for r, _, w in CASES]
)
def test_what_the_api_refuses_is_refused_in_its_words(
    http: httpx2.Client, rule: str, change: dict[str, Any], wording: str
) -> None:
    body, headers = sent(change)
    refused = http.post("/v1/messages", json=body, headers=headers)
    error = refused.json()["error"]
    assert error["message"] == wording
    not_found = wording.startswith(("model: claude", "File not found"))
    assert refused.status_code == (404 if not_found else 400)
    assert error["type"] == ("not_found_error" if not_found else "invalid_request_error")
    assert refused.json()["request_id"] == refused.headers["request-id"]
    if rule in {r.__name__ for r in COUNT_RULES}:
        fields = body.keys() - {"max_tokens", "stream", "temperature", "top_p", "top_k"}
        if fields | {"max_tokens"} == body.keys() and "max_tokens" not in wording:
            counted = {name: body[name] for name in fields}
            refused = http.post("/v1/messages/count_tokens", json=counted, headers=headers)
            assert refused.json()["error"]["message"] == wording


def test_every_rule_has_a_case() -> None:
    assert {rule.__name__ for rule in MESSAGE_RULES} == RULES.keys()


@pytest.mark.parametrize(("change", "wording"), SHAPES, ids=[w[:60] for _, w in SHAPES])
def test_what_is_out_of_shape_is_refused_in_the_apis_words(
    http: httpx2.Client, change: dict[str, Any], wording: str
) -> None:
    body, headers = sent(change)
    refused = http.post("/v1/messages", json=body, headers=headers)
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, wording)
    assert refused.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("change", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_the_api_takes_is_taken(http: httpx2.Client, change: dict[str, Any]) -> None:
    body, headers = sent(change)
    taken = http.post("/v1/messages", json=body, headers=headers)
    assert taken.status_code == 200, taken.text


def test_unknown_kinds_are_refused_with_the_kinds_that_the_sdk_knows(http: httpx2.Client) -> None:
    for change, path in (
        ({"messages": [user({"type": "image_url"})]}, "messages.0.content.0"),
        ({"tools": [{"type": "function", "name": "x"}]}, "tools.0"),
    ):
        body, headers = sent(change)
        message = http.post("/v1/messages", json=body, headers=headers).json()["error"]["message"]
        assert message.startswith(f"{path}: Input tag '")
        assert "does not match any of the expected tags: '" in message
        assert "'text'" in message or "'custom'" in message


async def test_consecutive_messages_of_one_role_are_merged_not_refused(
    offline: OfflineClaude,
) -> None:
    conversation = [HI, HI, use("a"), use("b"), user(result("a")), user(result("b"))]
    assert (await ask(offline, conversation)).stop_reason == "end_turn"


async def test_a_refusal_has_the_sdks_right_class(offline: OfflineClaude) -> None:
    with pytest.raises(anthropic.NotFoundError, match="model: claude-nope"):
        await ask(offline, "Hello", model="claude-nope")
    with pytest.raises(anthropic.BadRequestError, match="at least one message"):
        await ask(offline, [])


async def test_a_missing_or_wrong_key_is_refused(offline: OfflineClaude) -> None:
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


def test_a_page_in_a_browser_has_to_say_that_it_knows_what_it_does(offline: OfflineClaude) -> None:
    refused = raw(offline, hello(), origin="http://localhost:3000")
    assert (refused.status_code, refused.json()["error"]["type"]) == (401, "authentication_error")
    assert refused.json()["error"]["message"] == (
        "CORS requests must set 'anthropic-dangerous-direct-browser-access' header"
    )
    knows = {"anthropic_dangerous_direct_browser_access": "true"}
    assert raw(offline, hello(), origin="http://localhost:3000", **knows).status_code == 200


def test_the_version_header_is_required(offline: OfflineClaude) -> None:
    refused = raw(offline, {}, anthropic_version="")
    assert refused.json()["error"]["message"] == "anthropic-version: header is required"
    refused = raw(offline, {}, anthropic_version="2023-10-01")
    message = 'anthropic-version: "2023-10-01" is not a valid version'
    assert refused.json()["error"]["message"] == message


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


def test_the_same_schema_is_looked_at_once_and_a_long_one_is_not_kept() -> None:
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
