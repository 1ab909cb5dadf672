"""The Claude Activity: one Messages call, whose errors become retry decisions.

Temporal owns the retries. So the client is built with `max_retries=0`, and what the API says
about trying again travels to the server as part of the failure.
"""

# No `from __future__ import annotations` here: pydantic reads the dataclasses below inside the
# Workflow sandbox, where it can't look up the names in annotations that are strings.

import asyncio
import os
import time
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from agentkit.conversation import Content, Messages, ToolSchemas, Verbatim
from agentkit.tools import HEARTBEAT_TIMEOUT

if TYPE_CHECKING:
    from anthropic import APIStatusError, AsyncAnthropic

DEFAULT_MODEL = "claude-sonnet-5-5"
"""The model that `default_model` falls back to: the one place to change when ids retire."""

CLAUDE_OPTIONS: workflow.ActivityConfig = {
    "start_to_close_timeout": timedelta(minutes=5),
    "schedule_to_close_timeout": timedelta(minutes=15),
    "heartbeat_timeout": HEARTBEAT_TIMEOUT,
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=200),
        backoff_coefficient=4,
        maximum_interval=timedelta(minutes=1),
        maximum_attempts=10,
    ),
}
"""What a Claude call gets unless told otherwise. The heartbeat is what notices a dead worker
in seconds; the other limits only bound a call that goes on living."""

MAX_RETRY_AFTER = timedelta(minutes=5)
"""The longest wait that we let a server ask for."""

_EVERYWHERE = ("http://", "https://", "all://")


@dataclass(frozen=True)
class ClaudeRequest:
    """One Messages call, as Workflow history records it. It never holds a key.

    Attributes:
        messages: The conversation so far, in the API's shape.
        system: The system prompt.
        tools: Schemas of the tools on offer, from `Tool.schema()`.
        max_tokens: The most tokens that the reply may have.
        model: A model id; None takes `default_model()` of the process that makes the call.
    """

    messages: Verbatim[Messages]
    system: str = ""
    tools: Verbatim[ToolSchemas] = field(default_factory=list)
    max_tokens: int = 4096
    model: str | None = None


@dataclass(frozen=True)
class Usage:
    """The tokens that one call used, as the API counted them.

    Attributes:
        input_tokens: Tokens read, those from a cache not included.
        output_tokens: Tokens written.
        cache_read_input_tokens: Tokens read from a cache.
        cache_creation_input_tokens: Tokens written to a cache.
    """

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0


@dataclass(frozen=True)
class ClaudeReply:
    """What came back from one Messages call.

    Attributes:
        content: All content blocks verbatim, for `assistant_message`, `tool_calls`, `text_of`.
        stop_reason: Why Claude stopped: "end_turn", "tool_use", "max_tokens", "refusal", …
            (https://docs.anthropic.com/en/api/handling-stop-reasons).
        usage: The tokens it took.
        model: The model that answered.
    """

    content: Verbatim[Content]
    stop_reason: str
    usage: Usage
    model: str


@activity.defn
async def call_claude(request: ClaudeRequest) -> ClaudeReply:
    """Send one request to the Messages API; `AgentPlugin` registers this Activity.

    Args:
        request: What to send.

    Returns:
        The reply, every content block as the API sent it.

    Raises:
        ApplicationError: The call failed. Its `type` is the API's error type; it is
            non-retryable where another attempt can't help (bad request, bad key), and
            carries the wait that the server asked for where one did.
    """
    import anthropic

    try:
        message = await claude_client().messages.create(
            model=request.model or default_model(),
            max_tokens=request.max_tokens,
            messages=request.messages,
            system=request.system or anthropic.omit,
            tools=request.tools or anthropic.omit,
        )
    except anthropic.APIStatusError as err:
        raise _retry_decision(err) from None
    except anthropic.APIConnectionError as err:
        raise ApplicationError(
            f"Can't reach Claude at {_host()}: {err.message} Check the network, or the address "
            "in ANTHROPIC_BASE_URL.",
            type="timeout" if isinstance(err, anthropic.APITimeoutError) else "connection_error",
        ) from None
    except TypeError as err:
        if "authentication" not in str(err):
            raise
        raise ApplicationError(
            "No key for Claude: set ANTHROPIC_API_KEY where the worker runs.",
            type="authentication_error",
            non_retryable=True,
        ) from None
    reply: dict[str, Any] = message.to_dict(mode="json")
    usage = {k: reply["usage"].get(k) or 0 for k in Usage.__dataclass_fields__}
    return ClaudeReply(reply["content"], reply["stop_reason"], Usage(**usage), reply["model"])


async def ask_claude(request: ClaudeRequest, **options: Any) -> ClaudeReply:
    """Make one Messages call as an Activity; call it from Workflow code.

    Args:
        request: What to send.
        **options: Activity options (`workflow.ActivityConfig`) that replace `CLAUDE_OPTIONS`.

    Returns:
        The reply. On replay it is read from history, and Claude isn't called.

    Raises:
        ActivityError: The call failed for good; its `cause` is `call_claude`'s error.
    """
    settings: dict[str, Any] = {**CLAUDE_OPTIONS, **options}
    reply: ClaudeReply = await workflow.execute_activity(call_claude, request, **settings)
    return reply


def default_model() -> str:
    """Name the model for requests that name none.

    Returns:
        `AGENTKIT_MODEL` if that is set, else `DEFAULT_MODEL`.
    """
    return os.environ.get("AGENTKIT_MODEL") or DEFAULT_MODEL


_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncAnthropic]" = WeakKeyDictionary()


def claude_client() -> "AsyncAnthropic":
    """Get the one Claude client of this process's event loop.

    Returns:
        A client that reads the SDK's own environment (`ANTHROPIC_API_KEY`,
        `ANTHROPIC_BASE_URL`, …), never retries, and leaves proxies and stored credentials
        out of calls to this machine.
    """
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        import anthropic

        if _is_loopback():
            has_key = any(map(os.environ.get, ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")))
            _clients[loop] = anthropic.AsyncAnthropic(
                api_key=None if has_key else "local",
                max_retries=0,
                # The SDK reads proxies from the environment whatever `trust_env` says; a mount
                # of our own comes before them.
                http_client=anthropic.DefaultAsyncHttpxClient(
                    trust_env=False, mounts=dict.fromkeys(_EVERYWHERE)
                ),
            )
        else:
            _clients[loop] = anthropic.AsyncAnthropic(max_retries=0)
    return _clients[loop]


async def close_claude_client() -> None:
    """Close this event loop's client, if there is one."""
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.close()


def _host() -> str:
    """Name the server that calls go to, without user name, password or path."""
    return urlsplit(os.environ.get("ANTHROPIC_BASE_URL", "")).hostname or "api.anthropic.com"


def _is_loopback() -> bool:
    host = _host()
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _retry_decision(err: "APIStatusError") -> ApplicationError:
    """Turn the API's answer into what Temporal needs to know.

    The statuses that are worth another attempt are the SDK's own: 408, 409, 429 and 5xx.
    """
    retryable = err.status_code in (408, 409, 429) or err.status_code >= 500
    wait = _wait(err.response.headers.get("retry-after", ""))
    kind = f" {err.type}" if err.type else ""
    return ApplicationError(
        f"Claude answered {err.status_code}{kind}: {_words(err)}",
        type=err.type or f"http_{err.status_code}",
        non_retryable=not retryable,
        next_retry_delay=wait if retryable else None,
    )


def _wait(retry_after: str) -> timedelta | None:
    """Read the header `retry-after`, which holds seconds or a date, and cap the wait."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            return None
    if not seconds >= 0:  # nan too
        return None
    return timedelta(seconds=min(seconds, MAX_RETRY_AFTER.total_seconds()))


def _words(err: "APIStatusError") -> str:
    """Take the API's own sentence out of an error body."""
    body = err.body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        return str(body["error"].get("message", err.message))
    return err.message
