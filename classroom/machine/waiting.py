"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    check: Callable[[], Awaitable[T | None]],
    *,
    timeout: float,
    otherwise: Callable[[], Exception],
    every: float = 0.05,
) -> T:
    """Call a check again and again until it returns something true.

    Args:
        check: Returns a false value while the wait must go on; it may raise to end it.
        timeout: Seconds to wait. The check is called at least once.
        otherwise: Makes the error to raise when the time is up.
        every: Seconds between two calls.

    Returns:
        What the check returned.

    Raises:
        Exception: What `otherwise` made.
    """
    deadline = time.monotonic() + timeout
    while not (found := await check()):
        if time.monotonic() > deadline:
            raise otherwise()
        await asyncio.sleep(every)
    return found


def wait_until(condition: Callable[[], bool], *, timeout: float, every: float = 0.02) -> bool:
    """Block until a condition holds.

    Args:
        condition: Whether it holds; called at least once.
        timeout: Seconds to wait.
        every: Seconds between two calls.

    Returns:
        Whether it holds; False when the time is up.
    """
    deadline = time.monotonic() + timeout
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(every)
    return holds
