"""The campaign's own Temporal server: the real one, on a SQLite file, to be killed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from classroom.machine import dev_server, ports
from tests.crash.campaign.nursery import Child, Nursery
from tests.crash.campaign.sealed import Opens

_STARTUP_SECONDS = 60


class Server:
    """One dev server; it restarts on the same file and port.

    Args:
        nursery: Where its process comes from.
        folder: Where its file and its log are.
    """

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        self._nursery, self._folder = nursery, folder
        self._port = ports.free_port(0)
        self._process: Child | None = None

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self._port}"

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.alive

    async def start(self) -> None:
        """Start it, and wait until it serves its namespace."""
        self._process = await self._nursery.spawn(
            "the Temporal server",
            [
                str(dev_server.binary()),
                "server",
                "start-dev",
                "--headless",
                "--ip=127.0.0.1",
                f"--port={self._port}",
                "--log-level=error",
                f"--db-filename={self._folder / 'temporal.db'}",
                *dev_server.NO_HTTP_API,
                *dev_server.ONE_PARTITION,
                *dev_server.PROMPT_TIMERS,
            ],
            cwd=self._folder,
            log=self._folder / "temporal.log",
        )
        async with asyncio.timeout(_STARTUP_SECONDS):
            while not await self._answers():
                if not self._process.alive:
                    raise RuntimeError(f"The server ended:\n{self._process.log_tail()}")
                await asyncio.sleep(0.05)

    async def connect(self) -> Client:
        """Make a client that knows nothing of agentkit: it sees JSON, also what is sealed."""
        converter = replace(pydantic_data_converter, payload_codec=Opens())
        return await Client.connect(self.address, data_converter=converter)

    async def kill(self) -> int:
        """Send SIGKILL, and wait for the end.

        Returns:
            The return code, -9.
        """
        assert self._process is not None
        return await self._process.kill()

    async def _answers(self) -> bool:
        try:
            client = await self.connect()
            await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace="default")
            )
        except (RuntimeError, OSError):  # RPCError is a RuntimeError
            return False
        return True
