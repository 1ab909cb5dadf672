"""What an error of the Messages API means for whoever would try again.

Temporal owns the retries, so each error becomes a decision that it can carry out: try again as
the retry policy says, try again after the wait that the API asked for, or never. The rules are
the API's own (https://docs.anthropic.com/en/api/errors) and those by which the SDK would retry.
"""

from __future__ import annotations

import math
import os
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from temporalio.exceptions import ApplicationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anthropic import APIError, APIStatusError
    from httpx2 import RequestError

MAX_RETRY_AFTER = timedelta(minutes=5)
"""The longest wait that we let a server ask for."""

MAX_MESSAGE_CHARACTERS = 2_000
"""How much of an error's text is kept; the Temporal server cuts it at 4 KB."""

_RETRIED_IN_STREAM = ("overloaded_error", "api_error", "rate_limit_error", "timeout_error", None)
"""Types that are worth another attempt when the status, 200, was sent before the error."""


@dataclass(frozen=True)
class RetryDecision:
    """What is to happen after a call that failed.

    Attributes:
        retry: "now" tries again when the Activity's retry policy says so, "after" when `wait`
            is over, "never" fails the call for good.
        wait: How long the API asked to wait, at most `MAX_RETRY_AFTER`; None unless "after".
        type: The API's error type, such as "rate_limit_error". "timeout", "connection_error",
            "connection_cut" and "malformed_reply" are ours, for what never became an answer.
        message: The API's own sentence, without keys.
    """

    retry: Literal["now", "after", "never"]
    wait: timedelta | None
    type: str
    message: str


def decide(err: APIError | RequestError) -> RetryDecision:
    """Decide what an error that the SDK raised means.

    Args:
        err: What the call raised. In the middle of a stream the SDK leaves the HTTP client's
            own errors as they are.

    Returns:
        The decision.
    """
    import anthropic
    import httpx2

    if isinstance(err, anthropic.APIStatusError):
        return _by_answer(err)
    if isinstance(err, anthropic.APITimeoutError | httpx2.TimeoutException):
        return RetryDecision("now", None, "timeout", f"{claude_host()} didn't answer in time.")
    if isinstance(err, anthropic.APIConnectionError):
        message = (
            f"Can't reach Claude at {claude_host()}: {err.message} Check the network, or the "
            "address in ANTHROPIC_BASE_URL."
        )
        return RetryDecision("now", None, "connection_error", message)
    return cut_off()


def cut_off() -> RetryDecision:
    """Decide about a stream that ended before the reply was whole."""
    message = f"The connection to {claude_host()} ended before the reply was whole."
    return RetryDecision("now", None, "connection_cut", message)


def malformed() -> RetryDecision:
    """Decide about a reply that isn't what the API promises; a model rarely does it twice.

    What was wrong in it isn't told: it would put the model's words into an error text.
    """
    message = "Claude's reply can't be read: its events, or a tool's input, are no valid JSON."
    return RetryDecision("now", None, "malformed_reply", message)


def as_application_error(decision: RetryDecision) -> ApplicationError:
    """Put a decision into the shape in which an Activity tells Temporal.

    Args:
        decision: The decision.

    Returns:
        An error to raise.
    """
    return ApplicationError(
        decision.message,
        type=decision.type,
        non_retryable=decision.retry == "never",
        next_retry_delay=decision.wait,
    )


def claude_host() -> str:
    """Name the server that calls go to, without user name, password or path."""
    return urlsplit(os.environ.get("ANTHROPIC_BASE_URL", "")).hostname or "api.anthropic.com"


def _by_answer(err: APIStatusError) -> RetryDecision:
    """Decide about an error that the API itself reported."""
    kind = err.type or f"http_{err.status_code}"
    message = _without_secrets(err.api_message or _no_words(err))
    headers = err.response.headers
    # An `error` event comes after the headers of a success, which say nothing about it.
    in_stream = err.status_code < 400
    if _needs_a_person(err) or not _worth_another(err, in_stream, headers.get("x-should-retry")):
        return RetryDecision("never", None, kind, message)
    wait = None if in_stream else _wait(headers)
    if wait is None:
        return RetryDecision("now", None, kind, message)
    if wait > MAX_RETRY_AFTER:
        longest = f"{MAX_RETRY_AFTER.total_seconds():.0f}"
        message += f" (It asked for a wait of {wait.total_seconds():.0f} s; {longest} s it is.)"
        wait = MAX_RETRY_AFTER
    return RetryDecision("after", wait, kind, message)


def _needs_a_person(err: APIStatusError) -> bool:
    """Tell whether money is the matter: no attempt helps until somebody raises a limit or pays.

    Some come as 429, like a rate limit, and are told apart by their code only
    (`anthropic.types.shared`). Proxies set `x-should-retry` by status, so this comes before it.
    """
    code = err.error_code or ""
    return (
        err.status_code == 402
        or err.type == "billing_error"
        or code.endswith("spend_limit_reached")
        or "billing" in code
    )


def _worth_another(err: APIStatusError, in_stream: bool, should_retry: str | None) -> bool:
    if in_stream:
        return err.type in _RETRIED_IN_STREAM
    if should_retry in ("true", "false"):
        return should_retry == "true"
    return err.status_code in (408, 409, 429) or err.status_code >= 500


def _wait(headers: Mapping[str, str]) -> timedelta | None:
    """Read how long to wait; None when nothing sensible is said, or not to wait at all."""
    seconds = _number(headers.get("retry-after-ms")) / 1000
    if not seconds >= 0:  # nan too
        seconds = _number(headers.get("retry-after"))
    if not seconds >= 0:
        try:
            when = parsedate_to_datetime(headers.get("retry-after", ""))
        except ValueError:
            return None
        seconds = when.timestamp() - time.time()
    if not seconds > 0:
        return None
    # More than a timedelta can hold is cut at a year, which is absurd enough to be capped.
    return timedelta(seconds=min(seconds, 365 * 86_400))


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return math.nan


def _no_words(err: APIStatusError) -> str:
    """Say what is known of an answer that isn't the API's.

    Its body isn't quoted: a proxy's error page may repeat the request.
    """
    reason = f"{err.status_code} {err.response.reason_phrase}".strip()
    return f"{claude_host()} answered {reason}, without the API's own error: is there a proxy?"


def _without_secrets(text: str) -> str:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        if secret := os.environ.get(name, "").strip():
            text = text.replace(secret, "[key]")
    text = re.sub(r"sk-ant-[\w-]+", "[key]", text)
    return text if len(text) <= MAX_MESSAGE_CHARACTERS else text[: MAX_MESSAGE_CHARACTERS - 1] + "…"
