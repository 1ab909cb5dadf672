"""The Claude Activity: one Messages call, whose errors become retry decisions.

Temporal owns the retries. So the client is built with `max_retries=0`, and what the API says
about trying again travels to the server as part of the failure.
"""

# No `from __future__ import annotations` here: pydantic reads the dataclasses below inside the
# Workflow sandbox, where it can't look up the names in annotations that are strings.

import asyncio
import json
import os
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from temporalio import activity, workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.converter import PayloadConverter
from temporalio.exceptions import ApplicationError

from agentkit import claude_errors
from agentkit.messages import Content, Messages, ToolSchemas, Verbatim
from agentkit.tools import HEARTBEAT_TIMEOUT

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types import Message

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

MAX_PAYLOAD_BYTES = 2_000_000
"""The largest request or reply that is handed to Temporal, whose own limit is 2 MiB.

Above that limit Temporal fails the task and tries again, for ever, and nobody is told. The
difference leaves room for what an encrypting data converter adds.
"""

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
        stop_details: What the API says about a refusal, in its own shape.
    """

    content: Verbatim[Content]
    stop_reason: str
    usage: Usage
    model: str
    stop_details: Verbatim[dict[str, Any] | None] = None


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
    import httpx2

    try:
        message = await _whole_reply(request)
    except (anthropic.APIError, httpx2.RequestError) as err:
        raise claude_errors.as_application_error(claude_errors.decide(err)) from None
    except TypeError as err:
        if "authentication" not in str(err):
            raise
        raise ApplicationError(
            "No key for Claude: set ANTHROPIC_API_KEY where the worker runs.",
            type="authentication_error",
            non_retryable=True,
        ) from None
    if message is None:
        raise claude_errors.as_application_error(claude_errors.cut_off())
    body: dict[str, Any] = message.to_dict(mode="json")
    usage = Usage(**{k: body["usage"].get(k) or 0 for k in Usage.__dataclass_fields__})
    reply = ClaudeReply(
        *(body["content"], body["stop_reason"], usage, body["model"]), body.get("stop_details")
    )
    check_size(reply, activity.payload_converter(), "reply_too_large", "Ask for less at a time.")
    return reply


async def _whole_reply(request: ClaudeRequest) -> "Message | None":
    """Make the call as a stream, which has no limit on `max_tokens` and ends when we do.

    Returns:
        The message; None when the stream ended before it was whole.

    Raises:
        ApplicationError: An event, or the input of a tool, is no JSON.
        anthropic.APIError: The API refused, couldn't be reached, or failed in the middle.
        httpx2.RequestError: The connection broke in the middle.
    """
    import anthropic

    message = None
    inputs: defaultdict[int, str] = defaultdict(str)
    async with claude_client().messages.stream(
        model=request.model or default_model(),
        max_tokens=request.max_tokens,
        messages=request.messages,
        system=request.system or anthropic.omit,
        tools=request.tools or anthropic.omit,
    ) as stream:
        try:
            async for event in stream:
                if event.type == "content_block_delta" and event.delta.type == "input_json_delta":
                    inputs[event.index] += event.delta.partial_json
                elif event.type == "message_stop":
                    message = event.message
            if message is not None and message.stop_reason == "tool_use":
                # The SDK takes half a JSON object for a whole one, and 12 for half of 125.
                for text in filter(None, inputs.values()):
                    json.loads(text)
        except ValueError:
            raise claude_errors.as_application_error(claude_errors.malformed()) from None
    return message if message is not None and message.stop_reason else None


async def ask_claude(request: ClaudeRequest, **options: Any) -> ClaudeReply:
    """Make one Messages call as an Activity; call it from Workflow code.

    Args:
        request: What to send.
        **options: Activity options (`workflow.ActivityConfig`) that replace `CLAUDE_OPTIONS`.

    Returns:
        The reply. On replay it is read from history, and Claude isn't called.

    Raises:
        ActivityError: The call failed for good; its `cause` is `call_claude`'s error.
        ApplicationError: The request is larger than `MAX_PAYLOAD_BYTES`; nothing was sent.
    """
    encoded: Any = check_size(
        *(request, workflow.payload_converter(), "request_too_large"),
        "Shorten the conversation: return less from tools, or drop older turns.",
    )
    settings: dict[str, Any] = {**CLAUDE_OPTIONS, **options}
    reply: ClaudeReply = await workflow.execute_activity(call_claude, encoded, **settings)
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


def _is_loopback() -> bool:
    host = claude_errors.claude_host()
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_size(
    value: ClaudeRequest | ClaudeReply, converter: PayloadConverter, kind: str, advice: str
) -> RawValue:
    """Refuse what Temporal couldn't carry.

    Args:
        value: A request that is to be sent, or a reply that has come.
        converter: The payload converter that will be used.
        kind: The error's type.
        advice: What to do about it.

    Returns:
        The value encoded, so that a whole conversation needn't be encoded twice.

    Raises:
        ApplicationError: It is larger than `MAX_PAYLOAD_BYTES`; never retried.
    """
    (payload,) = converter.to_payloads([value])
    if (size := payload.ByteSize()) > MAX_PAYLOAD_BYTES:
        what = "request to" if isinstance(value, ClaudeRequest) else "reply of"
        raise ApplicationError(
            f"The {what} Claude has {size:,} bytes; at most {MAX_PAYLOAD_BYTES:,} fit into "
            f"Temporal's history. {advice}",
            type=kind,
            non_retryable=True,
        )
    return RawValue(payload)
