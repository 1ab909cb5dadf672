"""Typed functions become Claude's tools, each with a declaration of what it may do.

The worker's side of a call is in `agentkit.tool_activities`, the Workflow's in
`agentkit.tool_dispatch`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from functools import cached_property, partial
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    overload,
)

import pydantic
from temporalio import workflow

from agentkit.activity_options import TOOL_ATTEMPTS, TOOL_TIMEOUT, tool_options
from agentkit.liveness import NAMES, in_thread
from agentkit.tool_json import (
    Blocks,
    check_promise,
    content_of,
    description_of,
    model_of,
    normalise,
    schema_of,
)
from agentkit.tool_json import (
    problems_of as problems_of,
)

if TYPE_CHECKING:
    from anthropic.types import ToolParam

P = ParamSpec("P")
R = TypeVar("R")

Effect: TypeAlias = Literal["undeclared", "none", "idempotent", "at_most_once"]
"""What a tool does to the world.

- "undeclared": its author hasn't said, so it may do anything. It runs as an "idempotent" one
  does, and `effects_need_approval` asks a person first.
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
        namespace: Mapping[str, Any],
    ) -> None:
        self.function = function
        self.name = _name(function)
        self.effect = effect
        self.timeout = timeout
        self.attempts = attempts
        self.__doc__ = function.__doc__
        self._namespace = namespace

    def __repr__(self) -> str:
        return f"<Tool {self.name}{inspect.signature(self.function)}>"

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function directly: no check of arguments, no Activity, no retries.

        A function that isn't async runs in a thread of its own; what it returns is awaited here
        if it is awaitable, as a plain wrapper around an async function returns it.
        """
        call = partial(cast("Callable[P, Any]", self.function), *args, **kwargs)
        is_async = inspect.iscoroutinefunction(self.function)
        result = call() if is_async else await in_thread(call, f"tool {self.name}")
        while inspect.isawaitable(result):
            result = await result
        return cast(R, result)

    @property
    def options(self) -> workflow.ActivityConfig:
        """Activity options that follow from the declaration."""
        return tool_options(self.timeout, self.attempts)

    @cached_property
    def _arguments(self) -> type[pydantic.BaseModel]:
        return model_of(self.name, self.function, self._namespace)

    def schema(self) -> ToolParam:
        """Describe the tool as the Messages API wants it: name, description, input schema.

        They come from the signature and the Google-style docstring, as the SDK's own
        `beta_async_tool` derives them.
        """
        return {
            "name": self.name,
            "description": description_of(self.function),
            "input_schema": cast(Any, schema_of(self.function, self._arguments)),
        }

    def normalised(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check arguments, and return the JSON data from which the function gets its values.

        Policies, reviewers and the function see the same: every argument by its name in the
        schema, defaults included. What is normalised stays as it is when it is normalised again.
        A `Gate` calls it in Workflow code, so a type's validators and default factories may
        depend on nothing but the arguments.

        Raises:
            InvalidArguments: They don't fit; the message says which and why.
        """
        return self._normalised(arguments)[1]

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Check arguments from a `tool_use` block, and return them as the function gets them.

        Raises:
            InvalidArguments: The arguments don't fit; the message says which and why.
        """
        parameters = inspect.signature(self.function).parameters
        return dict(zip(parameters, self._normalised(arguments)[0], strict=True))

    def _normalised(self, arguments: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        try:
            if not isinstance(arguments, Mapping):
                raise TypeError(f"send an object, not {arguments!r:.80}")
            return normalise(self._arguments, arguments)
        except pydantic.ValidationError as err:
            why = problems_of(err, "arguments")
        except Exception as err:
            # Not only what JSON can't hold: a validator of the reader's own may raise anything.
            why = str(err) or repr(err)
        raise InvalidArguments(f"Invalid arguments for {self.name}: {why}")

    async def call(self, arguments: Mapping[str, Any]) -> str | Blocks:
        """Check arguments from a `tool_use` block, run the tool, and return what Claude gets.

        That is the tool's text, or its result as JSON, or a list of content blocks of the
        Messages API, where the tool returned a block (text, image, document, search result) or
        a list of blocks of which at least one isn't text.

        Raises:
            InvalidArguments: The arguments don't fit; the message says which and why.
            ToolError: The tool said no.
            UnusableResult: The tool ran, and what it returned can't be sent to Claude.
        """
        checked = self.check(arguments)
        result: object = await cast("Callable[..., Awaitable[object]]", self)(**checked)
        if inspect.isgenerator(result) or inspect.isasyncgen(result):
            raise ToolError(f"{self.name} returned a generator, none of which has run: {_LIST}.")
        return content_of(self.name, result)


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
    *, effect: Effect = "undeclared", timeout: timedelta = TOOL_TIMEOUT, attempts: int | None = None
) -> _Declaration: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    effect: Effect = "undeclared",
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
            `idempotency_key()`, "at_most_once" for one whose target doesn't. A tool that declares
            nothing is taken to have an effect.
        timeout: How long one attempt may take; a minute by default.
        attempts: The most attempts, the first included: 5 by default, and always 1 for an
            "at_most_once" effect.

    Outside the Workflow sandbox, the function's types are tried with arguments made from the
    schema; validators of your own, such as pydantic's `BeforeValidator`, run then too.

    Raises:
        TypeError: The function lacks something, is no function, or its types refuse what its
            schema promises Claude; the message says what to do.
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
    name = _name(function)
    if problem := next(_problems(function), None):
        raise TypeError(f"The tool {name} {problem}")
    most = 1 if effect == "at_most_once" else TOOL_ATTEMPTS
    if effect not in get_args(Effect):
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
    made: Tool[..., Any] = Tool(
        function,
        effect=effect,
        timeout=timeout,
        attempts=attempts or most,
        namespace=sys._getframe(1).f_locals,
    )
    if not workflow.unsafe.in_sandbox():
        # There, only the declaration counts, and each run would declare its tools again.
        check_promise(made._arguments)
        made._namespace = {}  # the model knows its types: let go of the caller's variables
        if code := getattr(inspect.unwrap(function), "__code__", None):
            NAMES[code].add(f"The tool {name}")
    return made


_LIST = "return a list"
_WRAP = "write a function with a name, a docstring and typed parameters that calls it"


def _name(function: object) -> str:
    return str(getattr(function, "__name__", None) or repr(function))


def _problems(function: Callable[..., Any]) -> Iterator[str]:
    """Say what keeps a callable from being a tool, and what to do."""
    if inspect.isclass(function) or isinstance(function, partial | Tool) or not callable(function):
        yield f"is a {type(function).__name__} and no function: {_WRAP}."
    elif not isinstance(getattr(function, "__name__", None), str):
        yield f"is an object without a name: {_WRAP}."
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        yield f"is a generator, and Claude gets a result at once: {_LIST}."
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", _name(function)):
        yield (
            "has a name that the API refuses: give the function one of at most 128 letters "
            "(a-z), digits, _ and -."
        )
    parameters = inspect.signature(function).parameters.values()
    if any(p.name in ("self", "cls") and p.annotation is p.empty for p in parameters):
        yield "is a method without its object: pass the method of an instance, tool(shop.refund)."
    if not (function.__doc__ or "").strip():
        yield "has no docstring: say in it when Claude should use it."
    bare = [
        p.name
        for p in parameters
        if p.annotation is p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY)
    ]
    if bare:
        yield (
            f"takes {', '.join(bare)} without a type: give each parameter a name "
            "and an annotation, so that Claude knows what to send."
        )
