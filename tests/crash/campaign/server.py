"""A Temporal server of the campaign's own: the real one, on a SQLite file, to be killed."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from agentkit.classroom import dev_server, processes

_STARTUP_SECONDS = 60


class Server:
    """One dev server; it comes back on the same file and the same port.

    Args:
        folder: Where its file and its log are.
    """

    def __init__(self, folder: Path) -> None:
        self._file, self._log = folder / "temporal.db", folder / "temporal.log"
        self._port = processes.free_port(0)
        self._process: Process | None = None

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start it, and wait until it serves its namespace."""
        partitions = [
            argument
            for kind in ("Read", "Write")
            for argument in ("--dynamic-config-value", f"matching.numTaskqueue{kind}Partitions=1")
        ]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(str(dev_server.binary()), "server", "start-dev", "--headless"),
                *("--ip", "127.0.0.1", "--port", str(self._port), "--log-level", "error"),
                *("--db-filename", str(self._file), *partitions),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        async with asyncio.timeout(_STARTUP_SECONDS):
            while not await self._answers():
                if self._process.returncode is not None:
                    raise RuntimeError(f"The Temporal server ended: see {self._log}")
                await asyncio.sleep(0.05)

    async def connect(self) -> Client:
        """Make a client that knows nothing of agentkit: it sees JSON."""
        return await Client.connect(self.address, data_converter=pydantic_data_converter)

    async def kill(self) -> int:
        """Send SIGKILL, and wait for the end.

        Returns:
            The return code, -9.
        """
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
        return await self._process.wait()

    async def _answers(self) -> bool:
        try:
            client = await self.connect()
            await client.workflow_service.describe_namespace(
                DescribeNamespaceRequest(namespace="default")
            )
        except (RuntimeError, OSError):  # RPCError is a RuntimeError
            return False
        return True
