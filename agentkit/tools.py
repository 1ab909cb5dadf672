"""Typed functions become Claude's tools, and one dynamic Activity runs any of them."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    ParamSpec,
    TypeAlias,
    TypeVar,
    cast,
    get_type_hints,
)

import pydantic
import pydantic_core
from temporalio import activity, workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from agentkit.conversation import ToolCall, tool_result
from agentkit.idempotency import use_idempotency_key

if TYPE_CHECKING:
    from anthropic.lib.tools import BetaAsyncFunctionTool
    from anthropic.types import ToolParam, ToolResultBlockParam

P = ParamSpec("P")
R = TypeVar("R")

TOOL_ACTIVITY_PREFIX = "tool."
"""Activity types of tools are `tool.<name>`, so that a name that Claude made up can never
run one of the worker's other Activities."""

HEARTBEAT_TIMEOUT = timedelta(seconds=1.5)
"""How long an Activity may be silent before the server gives it to another worker.

The server notices between one and two of these after the last beat (measured): 3 s at most.
Shorter would take a worker for dead that is only busy.
"""

TOOL_OPTIONS: workflow.ActivityConfig = {
    "start_to_close_timeout": timedelta(minutes=1),
    "schedule_to_close_timeout": timedelta(minutes=5),
    "heartbeat_timeout": HEARTBEAT_TIMEOUT,
    "retry_policy": RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_attempts=5),
}
"""What a tool call gets unless told otherwise: every limit is bounded."""


class ToolError(Exception):
    """A tool's plain "no": Claude reads the message, and nothing is retried.

    Raise it for what another attempt can't mend (no such order, amount too high). Any other
    exception is taken for a passing fault and retried within the call's limits.
    """


class Tool(Generic[P, R]):
    """A typed, documented async function that Claude may call.

    Call it like the function it wraps. Made by `tool`.

    Attributes:
        name: The function's name, which is the tool's.
    """

    def __init__(self, function: Callable[P, Awaitable[R]]) -> None:
        self.function = function
        self.name: str = getattr(function, "__name__", "")
        self.__doc__ = function.__doc__

    def __repr__(self) -> str:
        return f"<Tool {self.name}{inspect.signature(self.function)}>"

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function directly: no check of arguments, no Activity, no retries."""
        return await self.function(*args, **kwargs)

    @cached_property
    def _arguments(self) -> type[pydantic.BaseModel]:
        hints = get_type_hints(self.function, include_extras=True)
        # Aliases, because a parameter may have a name that a model needs for itself ("copy").
        fields: dict[str, Any] = {
            f"argument_{number}": (
                Annotated[hints[name], pydantic.Field(alias=name)],
                ... if p.default is p.empty else p.default,
            )
            for number, (name, p) in enumerate(inspect.signature(self.function).parameters.items())
        }
        config = pydantic.ConfigDict(extra="forbid", protected_namespaces=())
        return pydantic.create_model(self.name, __config__=config, **fields)

    @cached_property
    def _sdk_tool(self) -> BetaAsyncFunctionTool[Any]:
        from anthropic import beta_async_tool

        return beta_async_tool(cast(Any, self.function))

    def schema(self) -> ToolParam:
        """Describe the tool as the Messages API wants it.

        Returns:
            Name, description and input schema, derived by the SDK's `beta_async_tool` from
            the signature and the Google-style docstring.
        """
        return self._sdk_tool.to_dict()

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Check the arguments against the signature and run the tool.

        Args:
            arguments: The `input` of a `tool_use` block.

        Returns:
            The function's result: text as it is, anything else as JSON.

        Raises:
            ToolError: The arguments don't fit (it says which and why), or the tool said no.
        """
        try:
            checked = self._arguments.model_validate(dict(arguments))
        except pydantic.ValidationError as err:
            problems = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in err.errors()
            )
            raise ToolError(f"Invalid arguments for {self.name}: {problems}") from None
        values = {
            str(field.alias): getattr(checked, name)
            for name, field in type(checked).model_fields.items()
        }
        result = await cast("Callable[..., Awaitable[object]]", self.function)(**values)
        return result if isinstance(result, str) else pydantic_core.to_json(result).decode()


AnyTool: TypeAlias = Tool[..., Any]
"""A tool whatever its arguments and result: what a list of tools holds."""


def tool(function: Callable[P, Awaitable[R]]) -> Tool[P, R]:
    """Make a tool of an async function; use it as a decorator.

    Args:
        function: `async def`, every parameter annotated, with a docstring: its text tells
            Claude when to use the tool, its `Args:` section what each argument means.

    Returns:
        The tool, which can still be called like the function.

    Raises:
        TypeError: Something is missing; the message says what to add.
    """
    name = getattr(function, "__name__", repr(function))
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"The tool {name} is not async: write `async def {name}(...)`.")
    if not (function.__doc__ or "").strip():
        raise TypeError(f"The tool {name} has no docstring: say in it when Claude should use it.")
    bare = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.annotation is p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY)
    ]
    if bare:
        raise TypeError(
            f"The tool {name} takes {', '.join(bare)} without a type: give each parameter a name "
            "and an annotation, so that Claude knows what to send."
        )
    return Tool(function)


def tool_activity(tools: Sequence[AnyTool]) -> Callable[..., Awaitable[str]]:
    """Make the one dynamic Activity that runs any of these tools.

    Args:
        tools: The tools of this worker, each name once.

    Returns:
        An Activity function for a Worker. It answers Activity types `tool.<name>` and takes
        a `ToolCall` and the idempotency key. `AgentPlugin` registers it.

    Raises:
        ValueError: Two tools share a name.
    """
    registry = {t.name: t for t in tools}
    if len(registry) != len(tools):
        twice = sorted({t.name for t in tools if [u.name for u in tools].count(t.name) > 1})
        raise ValueError(f"Tool names must be unique; given twice: {', '.join(twice)}")

    @activity.defn(dynamic=True)
    async def run_any_tool(args: Sequence[RawValue]) -> str:
        activity_type = activity.info().activity_type
        name = activity_type.removeprefix(TOOL_ACTIVITY_PREFIX)
        if activity_type == name or name not in registry:
            raise ApplicationError(
                f"There is no tool {name!r}. Tools: {', '.join(sorted(registry)) or 'none'}.",
                type="UnknownTool",
                non_retryable=True,
            )
        converter = activity.payload_converter()
        call, key = converter.from_payloads([a.payload for a in args], [ToolCall, str])
        try:
            with use_idempotency_key(key):
                return await registry[name].call(call.input)
        except ToolError as err:
            raise ApplicationError(str(err), type="ToolError", non_retryable=True) from None

    return run_any_tool


async def run_tool(call: ToolCall, **options: Any) -> ToolResultBlockParam:
    """Run one tool call as an Activity; call it from Workflow code.

    Args:
        call: What Claude asked for; name and arguments may be wrong.
        **options: Activity options (`workflow.ActivityConfig`) that replace `TOOL_OPTIONS`.

    Returns:
        The block to send back. A tool that fails, after its attempts are used up, gives a
        result with `is_error`: Claude reads why, and the run goes on.

    Raises:
        asyncio.CancelledError: The run is being cancelled.
    """
    key = f"{workflow.info().first_execution_run_id}:{call.id}"
    settings: dict[str, Any] = {**TOOL_OPTIONS, **options}
    try:
        text = await workflow.execute_activity(
            TOOL_ACTIVITY_PREFIX + call.name, args=[call, key], result_type=str, **settings
        )
    except ActivityError as err:
        if is_cancelled_exception(err):
            raise
        return tool_result(call, _reason(err), is_error=True)
    return tool_result(call, text)


def _reason(err: ActivityError) -> str:
    """Say in one sentence, for Claude, why a tool failed."""
    cause = err.cause
    if isinstance(cause, ApplicationError):
        return cause.message
    return f"The tool gave no answer: {cause or err}"
