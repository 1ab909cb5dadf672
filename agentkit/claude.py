"""The Claude Activity: one Messages call, whose errors become retry decisions.

Temporal owns the retries. So the client is built with `max_retries=0`, and what the API says
about trying again travels to the server as part of the failure.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from agentkit import claude_errors
from agentkit.activity_options import CLAUDE_OPTIONS
from agentkit.idempotency import tell_apart
from agentkit.messages import ClaudeReply, ClaudeRequest, Messages, PinnedPrompt, ToolSchemas
from agentkit.replies import admit, collect
from agentkit.tools import AnyTool

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic._response import AsyncAPIResponse

DEFAULT_MODEL = "claude-sonnet-5-5"
"""The model that `default_model` falls back to: the one place to change when ids retire."""

DEFAULT_MAX_TOKENS = 4096


def claude_activity(
    system: str,
    tools: Sequence[AnyTool] = (),
    *,
    model: str | None = None,
    max_tokens: int = DEFAULT_MAX_TOKENS,
) -> Callable[..., Any]:
    """Make the Activity `call_claude`, which `ask_claude` schedules; give it to the Worker.

    A request may override each of these, for its one call.

    Args:
        system: The system prompt.
        tools: The tools on offer. Their schemas are computed at the first call.
        model: A model id; None takes `default_model()` of the worker.
        max_tokens: The most tokens that a reply may have.
    """

    @activity.defn(name="call_claude")
    async def call(request: ClaudeRequest) -> ClaudeReply:
        if request.prompt is not None:
            raise ApplicationError(
                f"This run is pinned to {request.prompt.label}, and this worker knows no pinned "
                "prompts: register prompt_activities in place of claude_activity.",
                type="prompt_not_found",
                non_retryable=True,
            )
        schemas = [each.schema() for each in tools]
        return await call_claude(
            request, system=system, tools=schemas, model=model, max_tokens=max_tokens
        )

    return call


async def call_claude(
    request: ClaudeRequest,
    *,
    system: str = "",
    tools: ToolSchemas | None = None,
    model: str | None = None,
    max_tokens: int = DEFAULT_MAX_TOKENS,
) -> ClaudeReply:
    """Send one request to the Messages API, inside an Activity.

    The keyword arguments replace what the request leaves out.

    Raises:
        ApplicationError: The call failed; `claude_errors.decide` says how it is retried. A reply
            that can't be read is asked for once more, and then never again.
    """
    import anthropic

    _check_results(request.messages)
    asked = {
        "messages": request.messages,
        "system": (system if request.system is None else request.system) or anthropic.omit,
        "tools": (tools if request.tools is None else request.tools) or anthropic.omit,
        "model": request.model or model or default_model(),
        "max_tokens": max_tokens if request.max_tokens is None else request.max_tokens,
    }
    try:
        reply = await _ask(asked)
    except ApplicationError as err:
        # Each of these attempts is paid in full: one more, in all attempts of this Activity.
        if err.type != "malformed_reply" or err.type in activity.info().heartbeat_details:
            raise
        activity.heartbeat(err.type)
        reply = await _ask(asked)
    with _too_large_as("reply_too_large", "Ask Claude for less at a time."):
        activity.payload_converter().to_payloads([reply])
    return reply


async def _ask(asked: dict[str, Any]) -> ClaudeReply:
    """Make one call, whose reply is streamed: that lifts the SDK's limit on `max_tokens`."""
    import anthropic
    import httpx2

    try:
        create = claude_client().messages.with_streaming_response.create
        async with create(**asked, stream=True) as response:
            raw = await _read(response)
    except (anthropic.APIError, httpx2.RequestError) as err:
        raise claude_errors.decide(err) from None
    except TypeError as err:
        if "authentication" not in str(err):
            raise
        raise ApplicationError(
            "No key for Claude: set ANTHROPIC_API_KEY where the worker runs.",
            type="authentication_error",
            non_retryable=True,
        ) from None
    if raw is None:
        raise claude_errors.cut_off()
    tools = asked["tools"] or []
    return admit(raw, asked["messages"], model=asked["model"], tools=tools)


async def _read(response: AsyncAPIResponse[Any]) -> Any:
    """Read a reply: a stream, or the whole message, as gateways send it that don't stream."""
    import anthropic

    if "text/event-stream" not in response.headers.get("content-type", ""):
        text = (await response.text()).strip()
        if text.startswith(("{", "[")):
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                raise claude_errors.malformed("it isn't valid JSON") from None
    # As dictionaries: the SDK's own types drop or change what they don't know.
    return await collect(await response.parse(to=anthropic.AsyncStream[object]))


def _check_results(messages: Messages) -> None:
    """Refuse a result that is still a reference: the API's own error wouldn't say why."""
    contents = (message.get("content") for message in messages)
    blocks = (block for content in contents if isinstance(content, list) for block in content)
    for block in cast("Iterable[dict[str, Any]]", blocks):
        kept = block.get("content")
        if block.get("type") == "tool_result" and isinstance(kept, dict):
            raise ApplicationError(
                f"The result of {block.get('tool_use_id')} is kept in a store, as "
                f"{kept.get('kept')}, and only a LongConversation reads it back. Without one, "
                "leave keep_over of tool_activity at its default.",
                type="result_not_opened",
                non_retryable=True,
            )


async def ask_claude(
    messages: Messages,
    *,
    prompt: PinnedPrompt | None = None,
    max_tokens: int | None = None,
    system: str | None = None,
    tools: ToolSchemas | None = None,
    model: str | None = None,
    **options: Any,
) -> ClaudeReply:
    """Make one Messages call as an Activity; call it from Workflow code.

    Where an argument is None, the worker's `claude_activity` decides.

    Args:
        messages: The conversation so far.
        prompt: The run's own prompt version, from `pin_prompt`.
        max_tokens: The most tokens that the reply may have.
        system: The system prompt.
        tools: Schemas of the tools on offer; an empty list offers none.
        model: A model id.
        **options: Activity options (`workflow.ActivityConfig`) that replace `CLAUDE_OPTIONS`.

    Returns:
        The reply. On replay it is read from history, and Claude isn't called.

    Raises:
        ActivityError: The call failed for good; its `cause` is the error of `call_claude`.
        ApplicationError: The request is larger than `MAX_PAYLOAD_BYTES` ("request_too_large"),
            or holds what JSON can't ("invalid_payload", which says where).
    """
    request = ClaudeRequest(messages, prompt, max_tokens, system, tools, model)
    settings: dict[str, Any] = {**CLAUDE_OPTIONS, **options}
    advice = "Shorten the conversation: return less from tools, or drop older turns."
    with _too_large_as("request_too_large", advice):
        reply: ClaudeReply = await workflow.execute_activity(
            "call_claude", request, result_type=ClaudeReply, **settings
        )
    return replace(reply, among=tell_apart(reply.turn))


@contextmanager
def _too_large_as(kind: str, advice: str) -> Iterator[None]:
    """Name what was too large for the data converter, and say what helps."""
    try:
        yield
    except ApplicationError as err:
        if err.type != "payload_too_large":
            raise
        raise ApplicationError(f"{err.message} {advice}", type=kind, non_retryable=True) from None


def default_model() -> str:
    """Name the model for requests that name none: `AGENTKIT_MODEL`, else `DEFAULT_MODEL`."""
    return os.environ.get("AGENTKIT_MODEL") or DEFAULT_MODEL


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncAnthropic] = WeakKeyDictionary()


def claude_client() -> AsyncAnthropic:
    """Get the one Claude client of this process's event loop.

    It reads the SDK's own environment (`ANTHROPIC_API_KEY`, `ANTHROPIC_BASE_URL`, …), never
    retries, follows no redirect, which would take the key and the conversation elsewhere, and
    leaves proxies and stored credentials out of calls to this machine.
    """
    loop = asyncio.get_running_loop()
    if loop in _clients:
        return _clients[loop]
    import anthropic
    import httpx2

    here: dict[str, Any] = {}
    loopback = _is_loopback()
    if loopback:
        has_key = any(map(os.environ.get, ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")))
        here["api_key"] = None if has_key else "local"
    http = anthropic.DefaultAsyncHttpxClient(trust_env=not loopback, follow_redirects=False)
    try:
        client = anthropic.AsyncAnthropic(max_retries=0, http_client=http, **here)
    except (ValueError, httpx2.InvalidURL):  # which quotes what may be part of a password
        message = (
            "ANTHROPIC_BASE_URL isn't an address. Write it as http://HOST:PORT or https://HOST."
        )
        raise ApplicationError(message, type="invalid_base_url", non_retryable=True) from None
    return _clients.setdefault(loop, client)


async def close_claude_client() -> None:
    """Close this event loop's client, if there is one."""
    client = _clients.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.close()


def _is_loopback() -> bool:
    host = claude_errors.claude_host()
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"
