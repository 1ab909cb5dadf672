"""Where both loops are measured: a Temporal server with an empty database, and worker processes."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from classroom import shop
from classroom.machine import dev_server, ports, processes, which_claude
from classroom.machine.home import ClassroomError, home
from offline_claude import OfflineClaude
from tests.bench.desk import Desk
from tests.bench.naive.workflow import NaiveLoop

Loop: TypeAlias = Literal["naive", "agentkit"]

LOOPS: tuple[Loop, Loop] = ("naive", "agentkit")

_WORKERS = {
    "naive": "tests.bench.naive.worker",
    "agentkit": "tests.bench.desk_worker",
}


@dataclass
class Workplace:
    """A server, the offline Claude, and workers by loop.

    Attributes:
        name: What its processes are called after.
        client: Connected to the server.
        claude: The offline Claude.
    """

    name: str
    client: Client
    claude: OfflineClaude
    _address: str
    _workers: dict[Loop, list[processes.Background]] = field(default_factory=dict)

    async def hire(self, loop: Loop, count: int) -> None:
        """See to it that so many workers of a loop poll, in processes of their own.

        Args:
            loop: Whose workers.
            count: How many; those that are dead are replaced, those too many are killed.
        """
        alive = [each for each in self._workers.get(loop, []) if each.alive]
        for each in alive[count:]:
            each.kill()
        free = sorted(
            {f"{self.name}-{loop}-{n}" for n in range(count)} - {each.name for each in alive}
        )
        new = [
            processes.start(
                name,
                [sys.executable, "-m", _WORKERS[loop]],
                env={"TEMPORAL_ADDRESS": self._address, "SHOP_CARRIER_SECONDS": "1"},
            )
            for name in free[: max(0, count - len(alive))]
        ]
        self._workers[loop] = alive[:count] + new
        await self._polling(loop)

    def worker(self, loop: Loop, identity: str) -> processes.Background:
        """Find a worker's process by what the server calls it, `pid@host`."""
        return next(w for w in self._workers[loop] if identity.startswith(f"{w.pid}@"))

    async def start(self, loop: Loop, questions: Sequence[str]) -> WorkflowHandle[Any, int]:
        """Start an agent.

        Args:
            loop: Which loop it runs.
            questions: What it is asked, one after the other.
        """
        run: Any = Desk.run if loop == "agentkit" else NaiveLoop.run
        started: WorkflowHandle[Any, int] = await self.client.start_workflow(
            run, list(questions), id=f"{loop}-{time.time_ns()}", task_queue=loop
        )
        return started

    async def _polling(self, loop: Loop, seconds: float = 90) -> None:
        """Wait until the server has seen all workers of a loop ask for work of both kinds."""
        deadline = time.monotonic() + seconds
        wanted = {str(each.pid) for each in self._workers[loop]}
        for kind in (
            TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        ):
            request = DescribeTaskQueueRequest(
                namespace=self.client.namespace,
                task_queue=TaskQueue(name=loop),
                task_queue_type=kind,
            )
            while True:
                seen = await self.client.workflow_service.describe_task_queue(request)
                if wanted <= {poller.identity.partition("@")[0] for poller in seen.pollers}:
                    break
                dead = [each for each in self._workers[loop] if not each.alive]
                if dead or time.monotonic() > deadline:
                    who = (dead or self._workers[loop])[0]
                    raise ClassroomError(f"{who.name} doesn't poll. Its log:\n{who.log_tail()}")
                await asyncio.sleep(0.05)

    def close(self) -> None:
        """Kill all workers."""
        for each in (worker for workers in self._workers.values() for worker in workers):
            each.kill()


@asynccontextmanager
async def workplace(name: str = "bench", *, prompt_timers: bool = True) -> AsyncIterator[Workplace]:
    """Set up a workplace.

    Args:
        name: What its processes and its folder are called after.
        prompt_timers: Whether the server fires timers as the embedded one does; otherwise it
            has its own settings.

    Yields:
        The workplace, without workers. Everything is stopped and removed at the end.
    """
    claude = await offline_claude()
    shop.reset()
    folder = home() / f"{name}-place"
    settings = [*dev_server.ONE_PARTITION, *(dev_server.PROMPT_TIMERS if prompt_timers else ())]
    async with scratch_server(f"temporal-{name}", folder, settings) as address:
        client = await Client.connect(address, data_converter=pydantic_data_converter)
        place = Workplace(f"worker-{name}", client, claude, address)
        try:
            yield place
        finally:
            place.close()


async def offline_claude() -> OfflineClaude:
    """Find or start the Claude that all measurements are made with.

    Raises:
        ClassroomError: The environment names another one.
    """
    claude = await which_claude.ensure()
    if not isinstance(claude, OfflineClaude):
        raise ClassroomError(
            "These measurements are made with the offline Claude: they cost thousands of calls. "
            "Use it: unset ANTHROPIC_API_KEY ANTHROPIC_BASE_URL"
        )
    return claude


@asynccontextmanager
async def scratch_server(
    name: str, folder: Path, settings: Sequence[str] = ()
) -> AsyncIterator[str]:
    """Start a Temporal server with an empty database.

    Args:
        name: What its process is called.
        folder: Holds the database, temporal.db; emptied before and removed after.
        settings: Further arguments of the server.

    Yields:
        Its address.

    Raises:
        ClassroomError: It doesn't start.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    port = ports.free_port(0)
    address = f"127.0.0.1:{port}"
    command = [
        str(dev_server.binary()),
        "server",
        "start-dev",
        "--headless",
        "--log-level",
        "error",
        "--ip",
        "127.0.0.1",
        "--port",
        str(port),
        "--db-filename",
        str(folder / "temporal.db"),
        *dev_server.NO_HTTP_API,
    ]
    server = processes.start(name, [*command, *settings])
    try:
        await _serving(address, server)
        yield address
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


async def _serving(address: str, server: processes.Background, seconds: float = 60) -> None:
    """Wait until a server serves its default namespace."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            client = await Client.connect(address)
            await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace=client.namespace)
            )
            return
        except (RuntimeError, RPCError):
            if not server.alive or time.monotonic() > deadline:
                raise ClassroomError(
                    f"The server for measuring didn't start:\n{server.log_tail(5)}\n"
                    "Is the disk full? `.venv/bin/agentkit doctor` looks."
                ) from None
        await asyncio.sleep(0.05)
