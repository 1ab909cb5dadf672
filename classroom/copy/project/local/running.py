"""What `run.py` starts on this machine, tells about, and stops again."""

from __future__ import annotations

import os
import signal
import sys
import time
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from temporalio.envconfig import ClientConfig

from classroom.copy.project.local.parts import (
    ROOT,
    Part,
    free_port,
    listens,
    stand_in_claude,
    temporal_server,
)

STATE = ROOT / ".local"
"""The development server's memory, and logs. To begin anew, delete it."""

_CREDENTIALS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")


@dataclass(frozen=True)
class Running:
    """What is running, and the run that is to be started.

    Attributes:
        question: What to ask.
        run_id: The run's Workflow ID.
        env: The environment of programs that belong to it.
        worker: The worker.
    """

    question: str
    run_id: str
    env: dict[str, str]
    worker: Part

    def check_worker(self) -> None:
        """Stop with the worker's own words if it has ended: nobody would answer."""
        if not self.worker.alive:
            raise SystemExit(f"The worker has ended:\n{self.worker.log_tail()}")


@contextmanager
def running(worker_module: str, example: str) -> Iterator[Running]:
    """Start what is missing for the block, and stop exactly that after it.

    Args:
        worker_module: The worker's module.
        example: What to ask when the command line holds no question.

    Yields:
        What is running.
    """
    given = dict(enumerate(sys.argv))
    question = given.get(1) or example
    run_id = given.get(2) or f"run-{time.strftime('%Y%m%d-%H%M%S')}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Or asyncio, where it is in use, would let a question at the terminal wait for its answer.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    STATE.mkdir(exist_ok=True)
    with ExitStack() as parts:
        try:
            env = {**os.environ, **_claude(parts)}
            _temporal(parts)
            command = [sys.executable, "-m", worker_module]
            worker = Part("worker", command, STATE / "worker.log", env)
            parts.callback(worker.stop)
            print(f"Worker:   {worker_module}, log in {_relative(worker.log)}")
            print(f"Run:      {run_id}\nQuestion: {question}\n", flush=True)
            yield Running(question, run_id, env, worker)
        except RuntimeError as err:
            raise SystemExit(str(err)) from None
        except (KeyboardInterrupt, CancelledError):
            print(f"\nStopped. It goes on with: make run ID={run_id}", file=sys.stderr)
            raise SystemExit(130) from None


def _claude(parts: ExitStack) -> dict[str, str]:
    """Say who answers; without a key, start the stand-in that the tests use."""
    url = os.environ.get("ANTHROPIC_BASE_URL")
    if url or any(map(os.environ.get, _CREDENTIALS)):
        # The host alone: the rest of a URL may hold a password.
        print(f"Claude:   {urlsplit(url or 'https://api.anthropic.com').hostname}")
        return {}
    if not (ROOT / "tests" / "desk" / "offline").is_dir():
        raise SystemExit(
            "No Claude: set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL for another server that "
            "speaks the Messages API, in .env (see .env.example; `make run` reads it)."
        )
    part, url = stand_in_claude(STATE / "claude.log")
    parts.callback(part.stop, 5)
    print("Claude:   an offline stand-in from tests/, not a model: no ANTHROPIC_API_KEY is set")
    return {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "offline"}


def _temporal(parts: ExitStack) -> None:
    """Say which Temporal it is; start one if it is to be here and isn't."""
    try:
        config = ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError) as err:
        raise SystemExit(
            f"Temporal's configuration can't be used ({str(err).splitlines()[0]}). "
            "Mend TEMPORAL_CONFIG_FILE and TEMPORAL_PROFILE in .env."
        ) from None
    address = config.get("target_host") or "localhost:7233"
    host, _, port = address.rpartition(":")
    if host not in ("localhost", "127.0.0.1") or listens(host, int(port)):
        print(f"Temporal: {address}")
        return
    ui_port = free_port(int(port) + 1000)
    namespace = config.get("namespace") or "default"
    database, log = STATE / "temporal.db", STATE / "temporal.log"
    parts.callback(temporal_server(int(port), ui_port, database, log, namespace).stop, 5)
    print(f"Temporal: started at {address}, Web UI at http://127.0.0.1:{ui_port}")


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))
