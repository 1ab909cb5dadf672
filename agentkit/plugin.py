"""One Temporal plugin that makes a client and its workers speak agent.

Give it to the client; every Worker made from that client has it too.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    WorkerConfig,
)

from agentkit.claude import call_claude, claude_client, close_claude_client
from agentkit.stores import Store
from agentkit.tool_runs import tool_activity
from agentkit.tools import HEARTBEAT_TIMEOUT, AnyTool


class AgentPlugin(SimplePlugin):
    """Data converter, Activities, heartbeats and worker settings of a durable agent.

    Args:
        tools: The tools that this worker runs; a process that only starts Workflows or
            reads their results leaves them out.
        store: Where results go that are too long for a message; by default a SQLite file, see
            `agentkit.stores.SQLiteStore`.

    Example:
        ```python
        client = await connect(AgentPlugin(TOOLS))
        worker = Worker(client, task_queue="support", workflows=[SupportAgent])
        ```
    """

    def __init__(self, tools: Sequence[AnyTool] = (), *, store: Store | None = None) -> None:
        """Check the tools, and set up what a client or a worker will take from here."""
        self._tools = tuple(tools)
        super().__init__(
            "agentkit.AgentPlugin",
            data_converter=pydantic_data_converter,
            interceptors=[HeartbeatInterceptor()],
            activities=[call_claude, tool_activity(self._tools, store)],
            run_context=self._warm,
        )

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """Add Activities and interceptor, and the settings that make recovery quick."""
        config = super().configure_worker(config)
        # A Workflow Task goes to the worker that has the Workflow in its cache; this is how
        # long it waits there when that worker is dead. Measured: 1 s instead of 10 s to resume.
        config["sticky_queue_schedule_to_start_timeout"] = timedelta(seconds=1)
        # A worker that dies within a Workflow Task is noticed after that task's 10 s. Left so: a
        # replay has to end in that time, or it is begun again for ever. Measured on a busy
        # machine: 6 s for a history of 16 MB.
        # By default a heartbeat may be held back for 0.8 of its timeout, which leaves a busy
        # worker a fifth of it to be on time. Four beats per timeout instead. They come from the
        # event loop on purpose: a thread would beat on for a loop that hangs for ever.
        config["max_heartbeat_throttle_interval"] = HEARTBEAT_TIMEOUT / 4
        # On SIGTERM a call of Claude that is under way may end, and is not paid for twice.
        # Within the 30 s that Kubernetes gives a process to leave.
        config["graceful_shutdown_timeout"] = timedelta(seconds=20)
        return config

    @asynccontextmanager
    async def _warm(self) -> AsyncIterator[None]:
        """Pay for the SDK's import before the first task arrives, and close the client after."""
        # The import makes 1,400 classes and no garbage; looking for it takes a fifth of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            for each in self._tools:
                each.schema()
            claude_client()
        finally:
            if collecting:
                gc.enable()
        try:
            yield
        finally:
            await close_claude_client()


class HeartbeatInterceptor(Interceptor):
    """Beats for every Activity, so that none has to do it itself."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Wrap an Activity's execution; see the base class."""
        return _Heartbeat(next)


class _Heartbeat(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        timeout = activity.info().heartbeat_timeout
        if timeout is None:
            return await super().execute_activity(input)
        beating = asyncio.create_task(_beat(timeout / 4))
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()


async def _beat(every: timedelta) -> None:
    # The server counts from the start. Most Activities end before the first beat, and so cost
    # no call of the server but the one that they end with.
    while True:
        await asyncio.sleep(every.total_seconds())
        activity.heartbeat()
