"""A Temporal server for the tests, and an environment with nothing of yours in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from temporalio.client import Client

from agentkit import AgentPlugin, connect
from classroom.copy.project.local.parts import Part, free_port, temporal_server

StartWorker = Callable[..., Part]


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this session's databases and logs."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session", autouse=True)
def temporal(state: Path) -> Iterator[str]:
    """The address of a server of the tests' own; the environment leads to it and to no Claude."""
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "TEMPORAL_", "AGENTKIT_", "APPROVAL_")):
            del os.environ[name]
    port = free_port()
    server = temporal_server(port, free_port(), state / "temporal.db", state / "temporal.log")
    os.environ.update(
        TEMPORAL_ADDRESS=f"127.0.0.1:{port}",
        TEMPORAL_CONFIG_FILE=os.devnull,
        ANTHROPIC_BASE_URL=f"http://127.0.0.1:{free_port()}",
        ANTHROPIC_API_KEY="offline",
        AGENTKIT_STORE=str(state / "store.db"),
        APPROVAL_INBOX=str(state / "approvals.jsonl"),
    )
    yield os.environ["TEMPORAL_ADDRESS"]
    server.stop(5)


@pytest.fixture
async def client(temporal: str) -> Client:
    """A client that is connected to it."""
    return await connect(AgentPlugin())


@pytest.fixture(scope="session")
def start_worker(temporal: str, state: Path) -> Iterator[StartWorker]:
    """Starts a worker process, given its module; those that still run at the end are ended."""
    started: list[Part] = []

    def start(module: str, env: Mapping[str, str] | None = None) -> Part:
        log = state / f"worker-{len(started)}.log"
        started.append(Part("worker", [sys.executable, "-m", module], log, env))
        return started[-1]

    yield start
    for each in started:
        each.kill()
