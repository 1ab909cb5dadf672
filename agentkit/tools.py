"""Typed functions become Claude's tools, each with a declaration of what it may do.

The worker's side of a call is in `agentkit.tool_activities`, the Workflow's in
`agentkit.tool_dispatch`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from functools import cached_property, partial
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
    get_type_hints,
    overload,
)

import pydantic
import pydantic_core
from temporalio import activity, workflow

from agentkit.activity_options import TOOL_ATTEMPTS, TOOL_TIMEOUT, tool_options

if TYPE_CHECKING:
    from anthropic.lib.tools import BetaAsyncFunctionTool
    from anthropic.types import ToolParam

P = ParamSpec("P")
R = TypeVar("R")

THREADS = ThreadPoolExecutor(max_workers=100, thread_name_prefix="tool")
"""As many as a Worker runs Activities at once; asyncio's own pool has 6 threads on two cores."""

Effect: TypeAlias = Literal["none", "idempotent", "at_most_once"]
"""What a tool does to the world.

- "none": it reads. It may be called any number of times.
- "idempotent": its target honours `idempotency_key()` and answers the same key with the first
  result. Calls happen at least once, the effect exactly once; after the last failed attempt it
  is unknown whether it happened.
- "at_most_once": its target honours no key. It is never called a second time; if a worker dies
  in the middle, the outcome is unknown, and a person has to look.
"""


class ToolError(Exception):
    """A tool's plain "no": Claude reads the message, and nothing is retried.

    Raise it, before any effect, where another attempt can't help (no such order, amount too
    high). Any other exception counts as a passing fault and is retried within the call's limits.
    """


class InvalidArguments(ToolError):
    """What Claude sent doesn't fit the tool's signature; the message says where and why."""


class Tool(Generic[P, R]):
    """A typed, documented function that Claude may call; `tool` makes it, and explains the rest.

    Await it to call the function it wraps.
    """

    def __init__(
        self,
        function: Callable[P, Awaitable[R]] | Callable[P, R],
        *,
        effect: Effect,
        timeout: timedelta,
        attempts: int,
    ) -> None:
        self.function = function
        self.name: str = getattr(function, "__name__", "")
        self.effect = effect
        self.timeout = timeout
        self.attempts = attempts
        self.__doc__ = function.__doc__

    def __repr__(self) -> str:
        return f"<Tool {self.name}{inspect.signature(self.function)}>"

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function directly: no check of arguments, no Activity, no retries.

        A function that isn't async runs in a thread.
        """
        if inspect.iscoroutinefunction(self.function):
            return cast(R, await self.function(*args, **kwargs))
        return await _in_thread(partial(cast("Callable[P, R]", self.function), *args, **kwargs))

    @property
    def options(self) -> workflow.ActivityConfig:
        """Activity options that follow from the declaration."""
        return tool_options(self.timeout, self.attempts)

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

        # The SDK reads the signature; it never calls the function.
        return beta_async_tool(cast(Any, self.function))

    def schema(self) -> ToolParam:
        """Describe the tool as the Messages API wants it: name, description, input schema.

        The SDK's `beta_async_tool` derives them from signature and Google-style docstring.
        """
        return self._sdk_tool.to_dict()

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Check arguments from a `tool_use` block, run the tool, and return its text, or JSON.

        Raises:
            InvalidArguments: The arguments don't fit; the message says which and why.
            ToolError: The tool said no.
        """
        if not isinstance(arguments, Mapping):
            raise InvalidArguments(
                f"Invalid arguments for {self.name}: send an object, not {arguments!r:.80}"
            )
        try:
            checked = self._arguments.model_validate(dict(arguments))
        except pydantic.ValidationError as err:
            problems = problems_of(err, "arguments")
            raise InvalidArguments(f"Invalid arguments for {self.name}: {problems}") from None
        values = {
            str(field.alias): getattr(checked, name)
            for name, field in type(checked).model_fields.items()
        }
        result: object = await cast("Callable[..., Awaitable[object]]", self)(**values)
        return result if isinstance(result, str) else pydantic_core.to_json(result).decode()


AnyTool: TypeAlias = Tool[..., Any]
"""A tool whatever its arguments and result: what a list of tools holds."""


class _Declaration(Protocol):
    """`tool` with its options given, waiting for the function."""

    @overload
    def __call__(self, function: Callable[P, Awaitable[R]], /) -> Tool[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Tool[P, R]: ...


@overload
def tool(function: Callable[P, Awaitable[R]], /) -> Tool[P, R]: ...
@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(
    *, effect: Effect = "none", timeout: timedelta = TOOL_TIMEOUT, attempts: int | None = None
) -> _Declaration: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    effect: Effect = "none",
    timeout: timedelta = TOOL_TIMEOUT,
    attempts: int | None = None,
) -> Any:
    """Make a tool of a function; use it as a decorator, plain or with a declaration.

    Args:
        function: A function with a docstring and an annotation for every parameter. Claude
            learns from the docstring when to use the tool, from its `Args:` section what each
            argument means. Use `async def` to wait for others (network, timers); a plain `def`
            runs in a thread, for blocking libraries and busy work.
        effect: "none" for a read, "idempotent" for an effect whose target honours
            `idempotency_key()`, "at_most_once" for one whose target doesn't.
        timeout: How long one attempt may take; a minute by default.
        attempts: The most attempts, the first included: 5 by default, and always 1 for an
            "at_most_once" effect.

    Raises:
        TypeError: The function lacks something; the message says what to add.
        ValueError: The declaration makes no sense; the message says why.

    Example:
        ```python
        @tool(effect="idempotent", timeout=timedelta(seconds=10))
        async def refund(order_id: int, amount: float) -> str:
            \"\"\"Pay money back. ...\"\"\"
        ```
    """
    if function is None:
        return partial(tool, effect=effect, timeout=timeout, attempts=attempts)
    _check_function(function)
    most = 1 if effect == "at_most_once" else TOOL_ATTEMPTS
    name = getattr(function, "__name__", repr(function))
    if effect not in ("none", "idempotent", "at_most_once"):
        raise ValueError(
            f"The tool {name} declares effect={effect!r}: choose none, idempotent or at_most_once."
        )
    if effect == "at_most_once" and attempts not in (None, 1):
        raise ValueError(
            f"The tool {name} is at_most_once and asks for {attempts} attempts: it has one."
        )
    if attempts is not None and attempts < 1:
        raise ValueError(f"The tool {name} asks for {attempts} attempts: it takes at least one.")
    if timeout <= timedelta(0):
        raise ValueError(f"The tool {name} has the timeout {timeout}: give it some time.")
    return Tool(function, effect=effect, timeout=timeout, attempts=attempts or most)


def _check_function(function: Callable[..., Any]) -> None:
    name = getattr(function, "__name__", repr(function))
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


def problems_of(err: pydantic.ValidationError, whole: str) -> str:
    """List in one line what doesn't fit, and where; `whole` names the value itself."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or whole}: {e['msg']}" for e in err.errors())


async def _in_thread(function: Callable[[], R]) -> R:
    """Run a function in a thread, with the context (idempotency key, Activity) of the caller."""
    loop = asyncio.get_running_loop()
    running = loop.run_in_executor(THREADS, copy_context().run, function)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        # A thread can't be stopped. A run that a person cancels ends after the thread has; a
        # timeout, or the end of the Worker, doesn't wait for it.
        details = activity.cancellation_details() if activity.in_activity() else None
        if details is not None and details.cancel_requested:
            await asyncio.wait([running])
        raise
