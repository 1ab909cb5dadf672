"""The stand-in for Claude, the bookshop, and a worker that has both."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from classroom import shop as bookshop
from classroom.copy.project.local.parts import ROOT, Part, stand_in_claude
from classroom.copy.project.tests.conftest import StartWorker
from offline_claude import OfflineClaude


class Desk:
    """The one worker of the desk, and the `start.py` of its runs.

    Args:
        start_worker: Starts a worker process.
    """

    def __init__(self, start_worker: StartWorker) -> None:
        self._start_worker = start_worker
        self.worker: Part | None = None

    def start(self, env: Mapping[str, str] | None = None) -> Part:
        """Start the worker, in the place of one that runs."""
        self.stop()
        self.worker = self._start_worker("tests.desk.worker", env)
        return self.worker

    def stop(self) -> None:
        """Stop the worker, as a deployment does."""
        if self.worker is not None:
            self.worker.stop()

    def ask(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a run by start.py, which prints the answer."""
        command = [sys.executable, "-m", "recipes.durable_loop.start", *arguments]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="session", autouse=True)
def without_settings() -> None:
    """Take out of the environment what would make this another shop."""
    for name in list(os.environ):
        if name.startswith(("RESEARCH_", "SHOP_")):
            del os.environ[name]


@pytest.fixture(scope="session")
def stand_in(temporal: str, state: Path) -> Iterator[OfflineClaude]:
    """The stand-in's process."""
    part, url = stand_in_claude(state / "claude.log")
    os.environ["ANTHROPIC_BASE_URL"] = url
    yield OfflineClaude(url)
    part.stop(5)


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
    """What all tests share, for a worker takes seconds to start."""
    return Desk(start_worker)


@pytest.fixture
def desk(one_desk: Desk, claude: OfflineClaude, shop: ModuleType) -> Desk:
    """The desk, with a worker that runs."""
    if one_desk.worker is None or not one_desk.worker.alive:
        one_desk.start()
    return one_desk
