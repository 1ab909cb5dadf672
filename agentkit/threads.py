"""Functions that block, run in threads: others go on meanwhile, heartbeats among them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from temporalio import activity

R = TypeVar("R")

_THREADS = ThreadPoolExecutor(max_workers=100, thread_name_prefix="tool")
"""As many as a Worker runs Activities at once by default; asyncio's own pool has 6 on two cores."""


async def in_thread(function: Callable[[], R]) -> R:
    """Run a function in a thread, with the context (idempotency key, Activity) of the caller.

    Args:
        function: Takes no arguments, and may block.

    Returns:
        What it returned.

    Raises:
        asyncio.CancelledError: The caller was cancelled.
    """
    loop = asyncio.get_running_loop()
    running = loop.run_in_executor(_THREADS, copy_context().run, function)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        # A thread can't be stopped. When a person cancels the run, it isn't over before the
        # thread is; after a timeout or at the Worker's end nobody waits for it.
        details = activity.cancellation_details() if activity.in_activity() else None
        if details is not None and details.cancel_requested:
            await asyncio.wait([running])
        raise
