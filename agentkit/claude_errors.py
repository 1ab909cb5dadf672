"""Errors of the Messages API as retry decisions.

Temporal owns the retries, so each error becomes a decision that it can carry out: retry as the
policy says, retry after the wait that the API asked for, or never. The rules are the API's own
(https://docs.anthropic.com/en/api/errors) and those by which the SDK would retry.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from temporalio.exceptions import ApplicationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anthropic import APIError, APIStatusError
    from httpx2 import RequestError

MAX_RETRY_AFTER = timedelta(minutes=5)
"""The longest wait that a server may ask for."""

MAX_MESSAGE_CHARACTERS = 2_000
"""The most of an error's text that is kept; the Temporal server cuts it at 4 KB."""

_RETRIED_IN_STREAM = ("overloaded_error", "api_error", "rate_limit_error", "timeout_error", None)
"""Types that are worth another attempt when the status, 200, was sent before the error."""


def decide(err: APIError | RequestError) -> ApplicationError:
    """Build the error for Temporal from one that a call raised.

    Its `type` is the API's, such as "rate_limit_error", or for a call without an answer
    "timeout", "connection_error" or "connection_cut". It is non-retryable if no retry can help,
    and carries the wait that the API asked for. `RequestError` is the HTTP client's own, which
    the SDK lets through in the middle of a stream.
    """
    import anthropic
    import httpx2

    if isinstance(err, anthropic.APIStatusError):
        return _by_answer(err)
    if isinstance(err, anthropic.APITimeoutError | httpx2.TimeoutException):
        return ApplicationError(f"{claude_host()} didn't answer in time.", type="timeout")
    if isinstance(err, anthropic.APIConnectionError):
        return ApplicationError(
            f"Can't reach Claude at {claude_host()}: {err.message} Check the network, or the "
            "address in ANTHROPIC_BASE_URL.",
            type="connection_error",
        )
    return cut_off()


def cut_off() -> ApplicationError:
    """Build the error for a stream that ended before the reply was whole."""
    message = f"The connection to {claude_host()} ended before the reply was whole."
    return ApplicationError(message, type="connection_cut")


def malformed(why: str) -> ApplicationError:
    """Build the error for a reply that isn't one; it quotes none of the model's words.

    `call_claude` asks once more, and no attempt after that is paid.
    """
    message = f"Claude's reply can't be read: {why}."
    return ApplicationError(message, type="malformed_reply", non_retryable=True)


def claude_host() -> str:
    """Name the server that calls go to, without user name, password or path."""
    return urlsplit(os.environ.get("ANTHROPIC_BASE_URL", "")).hostname or "api.anthropic.com"


def _by_answer(err: APIStatusError) -> ApplicationError:
    """Decide about an error that the API itself reported."""
    # The SDK passes on whatever a server calls an error's type and message.
    has_type = isinstance(err.type, str) and re.fullmatch(r"[\w.-]{1,64}", err.type)
    kind = str(err.type) if has_type else f"http_{err.status_code}"
    has_words = isinstance(err.api_message, str) and err.api_message
    message = _without_secrets(str(err.api_message) if has_words else _no_words(err))
    headers = err.response.headers
    # An `error` event comes after the headers of a success, which say nothing about it.
    in_stream = err.status_code < 300
    if _needs_a_person(err) or not _worth_another(err, in_stream, headers.get("x-should-retry")):
        return ApplicationError(message, type=kind, non_retryable=True)
    wait = None if in_stream else _wait(headers)
    if wait is not None and wait > MAX_RETRY_AFTER:
        longest = f"{MAX_RETRY_AFTER.total_seconds():.0f}"
        message += f" (It asked for a wait of {wait.total_seconds():.0f} s; {longest} s it is.)"
        wait = MAX_RETRY_AFTER
    return ApplicationError(message, type=kind, next_retry_delay=wait)


def _needs_a_person(err: APIStatusError) -> bool:
    """Whether the account lacks money: no retry helps until a person pays or raises a limit.

    Some such errors come as 429, like a rate limit, and differ in their code only
    (`anthropic.types.shared`). Proxies set `x-should-retry` by status, so this comes before it.
    """
    code = err.error_code or ""
    of_money = code.endswith("spend_limit_reached") or "billing" in code
    return of_money or err.status_code == 402 or err.type == "billing_error"


def _worth_another(err: APIStatusError, in_stream: bool, should_retry: str | None) -> bool:
    if in_stream:
        return err.type in _RETRIED_IN_STREAM
    if should_retry in ("true", "false"):
        return should_retry == "true"
    return err.status_code in (408, 409, 429) or err.status_code >= 500


def _wait(headers: Mapping[str, str]) -> timedelta | None:
    """Read how long to wait; None without a sensible wait in the headers."""
    readings: list[tuple[str, Callable[[str], float]]] = [
        ("retry-after-ms", lambda text: float(text) / 1000),
        ("retry-after", float),
        ("retry-after", lambda text: parsedate_to_datetime(text).timestamp() - time.time()),
    ]
    for name, read in readings:
        with suppress(ValueError):
            seconds = read(headers.get(name, ""))
            if seconds >= 0:
                # More than a timedelta can hold is cut at a year, absurd enough to be capped.
                return timedelta(seconds=min(seconds, 365 * 86_400)) or None
    return None


def _no_words(err: APIStatusError) -> str:
    """Describe an answer that isn't the API's, without its body: that may repeat the request."""
    reason = f"{err.status_code} {err.response.reason_phrase}".strip()
    if err.status_code < 400:
        return (
            f"{claude_host()} answered {reason}. Set ANTHROPIC_BASE_URL to where it redirects to."
        )
    return f"{claude_host()} answered {reason}, without the API's own error: is there a proxy?"


def _without_secrets(text: str) -> str:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        if secret := os.environ.get(name, "").strip():
            text = text.replace(secret, "[key]")
    text = re.sub(r"sk-ant-[\w-]+", "[key]", text).encode("utf-8", "replace").decode()
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else text[: MAX_MESSAGE_CHARACTERS - 1] + "…"
