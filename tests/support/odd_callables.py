"""Callables of all kinds, and what `tool` makes of them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any


async def refund(order_id: int) -> str:
    """Pay back.

    Args:
        order_id: The order.
    """
    await asyncio.sleep(0)
    return f"refunded {order_id}"


def plain(order_id: int) -> str:
    """Pay back, plainly."""
    return f"refunded {order_id}"


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap as people wrap: plain, whatever is inside."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def awaited(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


def forgetful(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Shop:
    """A shop with methods."""

    async def refund(self, order_id: int) -> str:
        """Pay back."""
        return f"refunded {order_id}"

    def plain(self, order_id: int) -> str:
        """Pay back, plainly."""
        return f"refunded {order_id}"

    @classmethod
    async def of_class(cls, order_id: int) -> str:
        """Pay back, as a class."""
        return f"refunded {order_id}"

    @staticmethod
    def static(order_id: int) -> str:
        """Pay back, without an object."""
        return f"refunded {order_id}"

    def __call__(self, order_id: int) -> str:
        """Pay back, by calling."""
        return f"refunded {order_id}"


class Order:
    """A class whose making looks like a call."""

    def __init__(self, order_id: int) -> None:
        """Make one."""


def numbers(to: int) -> Iterator[int]:
    """Count."""
    yield from range(to)


async def letters(to: int) -> AsyncIterator[str]:
    """Spell."""
    for each in "abc"[:to]:
        yield each


ran: list[str] = []


def lazily(to: int) -> Iterator[int]:
    """Count, but not yet."""

    def inner() -> Iterator[int]:
        ran.append("inner")
        yield to

    return inner()


@contextmanager
def opened(to: int) -> Iterator[int]:
    """Open."""
    yield to


def größe(order_id: int) -> str:
    """Measure."""
    return str(order_id)


nameless = lambda order_id: order_id  # noqa: E731
nameless.__doc__ = "Do something."
nameless.__annotations__ = {"order_id": int}

WORKS: list[Callable[..., Any]] = [
    refund,
    plain,
    logged(refund),
    logged(plain),
    logged(logged(refund)),
    awaited(refund),
    forgetful(refund),
    functools.lru_cache(plain),
    Shop().refund,
    Shop().plain,
    Shop.of_class,
    Shop.static,
    logged(Shop().refund),
]

REFUSED: list[tuple[Any, str]] = [
    (numbers, "The tool numbers is a generator, and Claude gets a result at once: return a list."),
    (letters, "The tool letters is a generator"),
    (functools.partial(refund, order_id=1), "is a partial and no function: write a function"),
    (functools.partial(refund), "is a partial and no function"),
    (functools.update_wrapper(functools.partial(refund), refund), "refund is a partial and no"),
    (Shop(), "is an object without a name: write a function"),
    (Order, "The tool Order is a type and no function"),
    (nameless, "The tool <lambda> has a name that the API refuses: give the function one of"),
    (größe, "The tool größe has a name that the API refuses"),
    (Shop.refund, "is a method without its object: pass the method of an instance"),
    (Shop.plain, "The tool plain is a method without its object"),
    ("refund", "is a str and no function"),
    (None.__class__, "is a type and no function"),
]
