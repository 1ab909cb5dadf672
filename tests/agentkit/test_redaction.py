"""What a tool's exception says goes to Claude and into history without its secrets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from agentkit import ToolCall, ToolError, tool, tool_activity
from agentkit.idempotency import make_key
from agentkit.tool_activities import MOST_ERROR_CHARACTERS, ToolRequest, without_secrets
from agentkit.tools import Effect

URL = "postgresql://ann:s3cr3t@db.example:5432/shop"


@pytest.mark.parametrize(
    "text",
    [
        URL,
        "postgresql://ann:pa@s3cr3t/x@db.example/shop",
        "redis://:s3cr3t@cache:6379/0",
        "https://s3cr3t@git.example/shop.git",
        "host=db user=ann password=s3cr3t dbname=shop",
        "host=db password='my s3cr3t'",
        '{"password": "my s3cr3t", "user": "ann"}',
        "https://api.example/v1?api_key=s3cr3t&page=2",
        "AWS_SECRET_ACCESS_KEY=s3cr3t/abc",
        "Authorization: Bearer s3cr3t",
        "{'Authorization': 'Basic s3cr3t'}",
        "x-api-key: s3cr3t",
        "401 for bearer s3cr3ts3cr3ts3cr3t",
        "sk-ant-api03-s3cr3t-s3cr3t-s3cr3t",
        "sk_live_s3cr3ts3cr3ts3cr3t",
        "ghp_s3cr3ts3cr3ts3cr3ts3cr3t",
        "xoxb-123-s3cr3t-abc",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s3cr3t",
        "-----BEGIN RSA PRIVATE KEY-----\ns3cr3t\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ns3cr3t",
    ],
)
def test_secrets_of_known_shapes_are_removed(text: str) -> None:
    for shown in (text, f"could not connect: {text} (timeout)", f"{text}\n{text}"):
        assert "s3cr3t" not in without_secrets(shown)


@pytest.mark.parametrize(
    "text",
    [
        "Order 1042 was sent to ann@example.org on 2026-11-01.",
        "see https://shop.example/orders/1042?page=2 or ask",
        "Invalid token: unexpected '}' at 17",
        "KeyError: 'amount'",
        "task-management-with-dashes-everywhere failed",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert without_secrets(text) == text


@given(
    st.lists(
        st.sampled_from(
            [
                "://",
                "@",
                "password=",
                '"',
                "eyJ",
                ".",
                "-",
                "sk-",
                "a",
                " ",
                "-----BEGIN PRIVATE KEY-----",
                "bearer ",
                ":",
                "=",
            ]
        ),
        max_size=12,
    )
)
@settings(max_examples=200, deadline=None)
def test_no_text_is_slow_to_redact(parts: list[str]) -> None:
    text = ("".join(parts) * 20_000)[:20_000]
    began = time.process_time()
    without_secrets(text)
    assert time.process_time() - began < 2


async def failing(
    raises: Callable[[], BaseException], effect: Effect = "none", **options: Any
) -> ApplicationError:
    """Run a tool that fails, and return what goes to the server."""

    @tool(effect=effect)
    async def fail() -> str:
        """Fail."""
        raise raises()

    environment = ActivityEnvironment()
    default = environment.info
    environment.info = type(default)(**{**vars(default), "activity_type": "tool.fail"})
    request = ToolRequest(ToolCall("t", "fail", {}), make_key("test-run", "t"))
    (payload,) = pydantic_data_converter.payload_converter.to_payloads([request])
    environment.payload_converter = pydantic_data_converter.payload_converter
    from temporalio.common import RawValue

    with pytest.raises(ApplicationError) as failed:
        await environment.run(tool_activity([fail], **options), [RawValue(payload)])
    return failed.value


@pytest.mark.parametrize("effect", ["none", "idempotent", "at_most_once"])
@pytest.mark.parametrize("kind", [OSError, ToolError, ApplicationError])
async def test_exception_of_a_tool_goes_on_without_secrets(kind: Any, effect: Effect) -> None:
    err = await failing(lambda: kind(f"can't reach {URL}"), effect)
    assert "s3cr3t" not in str(err)
    assert "db.example:5432/shop" in str(err)


async def test_group_of_exceptions_and_cut_texts_keep_no_part_of_a_secret() -> None:
    long = "x" * (MOST_ERROR_CHARACTERS - 25) + " " + URL
    for made in (
        lambda: ExceptionGroup("two", [OSError(URL), ValueError(URL)]),
        lambda: OSError(long),
    ):
        err = await failing(made)
        assert "s3c" not in str(err)


async def test_traceback_with_a_secret_in_its_source_is_left_out() -> None:
    def raises() -> BaseException:
        return OSError("no")

    def connect() -> BaseException:
        raise OSError("postgresql://ann:s3cr3t@db.example/shop")

    for made, kept in ((raises, True), (connect, False)):
        found = await _as_failure(await failing(made))
        assert "s3cr3t" not in found.SerializeToString().decode("utf-8", "replace")
        assert ("raise raises()" in found.stack_trace) is kept


async def _as_failure(err: ApplicationError) -> Any:
    from temporalio.api.failure.v1 import Failure

    failure = Failure()
    await pydantic_data_converter.encode_failure(err, failure)
    return failure


async def test_hook_that_fails_lets_nothing_through() -> None:
    err = await failing(lambda: OSError(URL), redact=lambda text: text.upper()[:20])
    assert str(err) == "OSError: POSTGRESQL://ANN:S3C"

    def broken(text: str) -> str:
        raise KeyError(text)

    err = await failing(lambda: OSError(URL), redact=broken)
    assert "could not be redacted: KeyError" in str(err)
    assert "s3cr3t" not in str(err)
