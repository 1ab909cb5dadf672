"""A Temporal server for the tests, and an environment without your settings."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from agentkit import AgentPlugin, connect
from classroom import shop as bookshop
from classroom.copy.project.run import (
    ROOT,
    START,
    WORKER,
    Part,
    free_port,
    stand_in_claude,
    temporal_server,
)
from offline_claude import OfflineClaude
from recipes.durable_loop.worker import TASK_QUEUE

Handle = WorkflowHandle[Any, Any]
StartWorker = Callable[..., Part]
SETTINGS = ("AGENTKIT_", "ANTHROPIC_", "APPROVAL_", "RESEARCH_", "SHOP_", "TEMPORAL_")


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this session's databases and logs."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session", autouse=True)
def temporal(state: Path) -> Iterator[str]:
    """The address of the tests' own server; the environment names it, and no Claude."""
    for name in list(os.environ):
        if name.startswith(SETTINGS):
            del os.environ[name]
    port = free_port()
    # A server of production fires no timer sooner than a second after it was set.
    soon = 'history.timerProcessorMaxTimeShift="100ms"'
    server = temporal_server(port, state, "default", soon)
    os.environ.update(
        TEMPORAL_ADDRESS=f"127.0.0.1:{port}",
        TEMPORAL_CONFIG_FILE=os.devnull,
        ANTHROPIC_BASE_URL=f"http://127.0.0.1:{free_port()}",
        ANTHROPIC_API_KEY="offline",
        AGENTKIT_STORE=str(state / "store.db"),
        APPROVAL_INBOX=str(state / "approvals.jsonl"),
    )
    yield os.environ["TEMPORAL_ADDRESS"]
    server.kill()


@pytest.fixture
async def client(temporal: str) -> Client:
    """A client of the server."""
    return await connect(AgentPlugin())


@pytest.fixture(scope="session")
def start_worker(temporal: str, state: Path) -> Iterator[StartWorker]:
    """A function that starts worker processes; those that still run at the end are killed."""
    started: list[Part] = []

    def start(command: list[str] = WORKER, env: Mapping[str, str] | None = None) -> Part:
        started.append(Part("worker", command, state / f"worker-{len(started)}.log", env))
        return started[-1]

    yield start
    for each in started:
        each.kill()


# The stand-ins. With these, the recipe is tested at the bookshop's support desk that it was built
# for: its tools come from shop_tools.py, whatever tools.py holds.

AT_THE_SHOP = """
import runpy, sys
from tests import shop_tools
# Before anything imports it. The Workflow sandbox takes it from here, too.
sys.modules["recipes.durable_loop.tools"] = shop_tools
runpy.run_module("recipes.durable_loop.worker", run_name="__main__")
"""


class Desk:
    """The support desk's worker, which starts when the first run does, and its runs.

    Args:
        start_worker: Starts a worker process.
    """

    def __init__(self, start_worker: StartWorker) -> None:
        self._start_worker = start_worker
        self.worker: Part | None = None

    def open(self, env: Mapping[str, str] | None = None) -> Part:
        """Start the worker; one that runs is stopped first, as a deployment does."""
        if self.worker is not None:
            self.worker.stop()
        self.worker = self._start_worker([sys.executable, "-c", AT_THE_SHOP], env)
        return self.worker

    def _keep_open(self) -> None:
        if self.worker is None or not self.worker.alive:
            self.open()

    async def run(self, client: Client, workflow: Any, argument: Any, **options: Any) -> Handle:
        """Start a run under an ID of its own."""
        self._keep_open()
        options |= {"id": f"test-{uuid.uuid4()}", "task_queue": TASK_QUEUE}
        return await client.start_workflow(workflow, argument, **options)

    def ask(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a run by start.py, which prints the answer."""
        self._keep_open()
        return subprocess.Popen([*START, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def answer(self, *arguments: str) -> str:
        """Start a run by start.py, and wait for the answer that it prints."""
        return self.ask(*arguments).communicate(timeout=120)[0]

    def answer_after_kill(self, *arguments: str) -> str:
        """Do the same with a real SIGKILL of the worker: the refund is paid, the bank is silent."""
        victim = self.open(env={"SHOP_BANK_SECONDS": "120"})
        run = self.ask(*arguments)
        victim.wait_until(lambda: bookshop.count("refunds") == 1)
        assert victim.kill() == -9
        self.open()
        return run.communicate(timeout=120)[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the kills come first: the worker that takes over then serves all other tests."""
    items.sort(key=lambda item: "killed" not in item.name)


@pytest.fixture(scope="session")
def stand_in(temporal: str, state: Path) -> Iterator[OfflineClaude]:
    """The stand-in's process. Its token, which the client sends, keeps web pages out."""
    os.environ["OFFLINE_CLAUDE_TOKEN"] = uuid.uuid4().hex
    part, url = stand_in_claude(state / "claude.log")
    os.environ["ANTHROPIC_BASE_URL"] = url
    yield OfflineClaude(url)
    part.kill()


@pytest.fixture
def claude(stand_in: OfflineClaude) -> OfflineClaude:
    """The stand-in, without calls and faults of an earlier test."""
    stand_in.reset()
    return stand_in


@pytest.fixture
def shop(state: Path) -> ModuleType:
    """The bookshop as on the first day."""
    os.environ["SHOP_DB"] = str(state / "shop.db")
    bookshop.reset()
    return bookshop


@pytest.fixture(scope="session")
def one_desk(start_worker: StartWorker) -> Desk:
    """The desk that all tests share: a worker takes seconds to start."""
    return Desk(start_worker)


@pytest.fixture
def desk(one_desk: Desk, claude: OfflineClaude, shop: ModuleType) -> Desk:
    """The desk, with a stand-in and a bookshop that begin from scratch."""
    return one_desk
