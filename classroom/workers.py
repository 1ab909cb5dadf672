"""Worker processes that a notebook starts, watches and kills.

A worker is what it will be in production: `python -m recipes.<recipe>.worker` in a process of
its own, so that "kill" means SIGKILL.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from classroom.machine import locks, processes
from classroom.machine.home import ClassroomError, home
from classroom.machine.waiting import eventually

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


class WorkerProcess:
    """One worker of a recipe, in a process of its own.

    Args:
        recipe: The recipe's name, a folder under notebooks/recipes/.
        name: Tells this worker from others of the same recipe.
        folder: The folder that holds `recipes/`; by default the course's.
    """

    def __init__(self, recipe: str, name: str = "1", *, folder: Path | None = None) -> None:
        self.recipe = recipe
        self.name = f"worker-{recipe}-{name}"
        self.task_queue = recipe.replace("_", "-")
        self.folder = folder or NOTEBOOKS
        self.process: processes.Background | None = processes.find(self.name)
        self.killed_at: float | None = None  # seconds since the epoch

    def __repr__(self) -> str:
        return f"<{self.name}: {self.status}>"

    def start(self, env: Mapping[str, str] | None = None) -> WorkerProcess:
        """Start the process; a worker of the same name that still runs is stopped first.

        Args:
            env: Environment variables for this worker alone, such as {"SHOP_BANK_SECONDS": "30"}.

        Returns:
            This worker, so that a cell can go on with `.polling(client)`.

        Raises:
            ClassroomError: There is no such recipe.
        """
        if not (self.folder / "recipes" / self.recipe / "worker.py").exists():
            raise ClassroomError(
                f"There is no recipe {self.recipe!r} in {self.folder}/recipes. "
                "`.venv/bin/agentkit recipes` lists them."
            )
        with locks.one_at_a_time(self.name):
            self.process = processes.start(
                self.name,
                [sys.executable, "-m", f"recipes.{self.recipe}.worker"],
                cwd=self.folder,
                env={"AGENTKIT_STORE": str(home() / "store.db"), **(env or {})},
            )
        return self

    async def polling(self, client: Client, *, timeout: float = 90) -> WorkerProcess:
        """Wait until the server has seen this worker ask for Workflow and Activity Tasks.

        Args:
            client: A connected client.
            timeout: Seconds to wait.

        Raises:
            ClassroomError: It died, or didn't poll in time; the end of its log is shown.
        """
        kinds = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
        for kind in kinds:
            request = DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=self.task_queue),
                task_queue_type=kind,
            )
            await eventually(
                partial(self._polls, client, request),
                timeout=timeout,
                otherwise=lambda: self._failed(f"doesn't poll after {timeout:.0f} s"),
            )
        return self

    async def _polls(self, client: Client, request: DescribeTaskQueueRequest) -> bool:
        described = await client.workflow_service.describe_task_queue(request)
        if any(poller.identity == self.identity for poller in described.pollers):
            return True
        if not self.alive:
            raise self._failed("ended")
        return False

    def _failed(self, how: str) -> ClassroomError:
        return ClassroomError(
            f"The worker of {self.recipe} {how}. The end of its log:\n{self.log_tail()}"
        )

    def kill(self) -> int | None:
        """End the process with SIGKILL: no clean-up, no goodbye, as when a machine dies.

        Returns:
            The return code, −9; None for a worker that another process started.

        Raises:
            ClassroomError: It isn't running.
        """
        if self.process is None or not self.process.alive:
            raise ClassroomError(f"{self.name} isn't running: start it before you kill it.")
        self.killed_at = time.time()  # whoever presses the button, and whenever a cell reads it
        return self.process.kill()

    def stop(self) -> int | None:
        """End the process with SIGTERM, as a deployment does; no error if it isn't running.

        It may take as long as `AgentPlugin` lets Activities finish, and a little more.
        """
        return self.process.stop(grace=25) if self.process is not None else None

    def restart(self) -> WorkerProcess:
        """Stop the process if it runs and start it with the code that is on disk now."""
        self.stop()
        return self.start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.alive

    @property
    def pid(self) -> int | None:
        """The process id; None before the first start."""
        return self.process.pid if self.process is not None else None

    @property
    def identity(self) -> str:
        """Its name on the Temporal server: the SDK's default, `pid@host`."""
        return f"{self.pid}@{socket.gethostname()}"

    @property
    def status(self) -> str:
        """In a few words: "not started", "running", or how it ended."""
        if self.process is None:
            return "not started"
        if self.process.alive:
            return "running"
        code = self.process.returncode
        return "ended" if code is None else f"ended with return code {code}"

    def log_tail(self, lines: int = 20) -> str:
        """Read the end of what the worker printed.

        Args:
            lines: How many lines at most.
        """
        return self.process.log_tail(lines) if self.process is not None else ""


def scratch_copy(recipe: str) -> Path:
    """Copy a recipe to where a learner can change it without touching the course.

    Args:
        recipe: The recipe's name.

    Returns:
        A folder to give to `WorkerProcess(recipe, folder=…)`; it holds `recipes/<recipe>/`.
        A copy made earlier is replaced. The path is relative to the current folder, so that
        what a cell prints names nothing of the machine.
    """
    folder = Path(os.path.relpath(home() / "scratch"))
    target = folder / "recipes" / recipe
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for file in (NOTEBOOKS / "recipes" / recipe).iterdir():
        if file.is_file():
            shutil.copyfile(file, target / file.name)
    return folder


def stop_all() -> list[str]:
    """Stop every worker that the course started, in whatever notebook.

    Returns:
        The names of those that were running.
    """
    running = [p for p in processes.everything() if p.name.startswith("worker-")]
    for process in running:
        process.stop(grace=3)
    return [p.name for p in running]
