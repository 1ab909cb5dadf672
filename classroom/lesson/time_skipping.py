"""The time-skipping test server with its client alone, for a lesson's cell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import Client, Plugin

from agentkit.testing import time_skipping


@asynccontextmanager
async def time_skipping_server(*plugins: Plugin) -> AsyncIterator[Client]:
    """Start the test server for one block of code; see `agentkit.testing.time_skipping`.

    Args:
        *plugins: Client plugins, such as `AgentPlugin()`.

    Yields:
        A client that is connected to it.
    """
    async with time_skipping(*plugins) as environment:
        yield environment.client
