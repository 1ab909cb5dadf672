"""A home of its own for every test process, offline whatever keys the environment holds.

`pytest_configure` sets the environment before anything of agentkit is used, for this process,
its notebooks' kernels and its workers. Only the process that the user started, not the ones
that xdist starts, chooses the run's folder, and clears it before and after.
"""

from __future__ import annotations

import compileall
import os
import shutil
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio
from filelock import FileLock, Timeout
from temporalio.client import Client
from xdist.scheduler import LoadScopeScheduling

from agentkit import AgentPlugin, connect
from classroom import shop as bookshop
from classroom.kernels import no_history
from classroom.machine import dev_server, processes, which_claude
from classroom.machine.dev_server import DevServer
from offline_claude import OfflineClaude
from tests.support.servers import starts_a_server

_ROOT = Path(__file__).resolve().parents[1]
_RUN = "AGENTKIT_TEST_RUN"
_lock: FileLock | None = None


def pytest_configure(config: pytest.Config) -> None:
    """Take everything of the user's out of the environment, and point it at a folder of tests."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As in a shell's background job; programs that tests start would ignore Ctrl-C as well.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.umask(0o077)  # as in a lesson; or the course would find its folder open, and close it
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        os.environ[_RUN] = str(_take_folder())
        _end_everything()
        _forget_everything()
        # With PYTHONDONTWRITEBYTECODE, as in many containers, each of some hundred processes
        # would compile our packages again.
        for package in ("agentkit", "classroom", "offline_claude"):
            compileall.compile_dir(_ROOT / package, quiet=2)
    if config.getoption("nbval", default=False):
        from tests.support.notebook_copies import NotebookCopies  # imports half of Jupyter

        config.pluginmanager.register(NotebookCopies())
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "TEMPORAL_", "AGENTKIT_")) and name != _RUN:
            del os.environ[name]
    for name in ("SHOP_DB", "COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        os.environ.pop(name, None)
    home = Path(os.environ[_RUN]) / (worker or "main")
    home.mkdir(exist_ok=True)
    os.environ.update(
        AGENTKIT_OFFLINE="1",
        AGENTKIT_TEMPORAL_PORT="0",
        AGENTKIT_HEADLESS="1",  # nobody looks: no Web UI
        AGENTKIT_HOME=str(home),
        TEMPORAL_CONFIG_FILE=str(home / "no-such-file.toml"),
        # A kernel reads no start-up files of the user's, and needs no home directory.
        IPYTHONDIR=str(no_history(home / "ipython")),
        JUPYTER_CONFIG_DIR=str(home / "jupyter/config"),
        JUPYTER_DATA_DIR=str(home / "jupyter/data"),
        JUPYTER_RUNTIME_DIR=str(home / "jupyter/runtime"),
    )


def pytest_unconfigure() -> None:
    """End what this process has started; the one that the user started ends it for all."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        _kill(Path(os.environ["AGENTKIT_HOME"]))
    elif _lock is not None:
        _end_everything()
        _lock.release()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts servers, and put what takes longest first, so that no process idles."""
    for item in items:
        if starts_a_server(item):
            item.add_marker("server")
    items.sort(key=lambda item: -_SECONDS.get(item.path.name, 40 * (item.path.suffix == ".ipynb")))


class _ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Hand out tests by file, in the order of collection, and copied projects one by one."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # it would sort by the number of tests

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        if file == "tests/classroom/test_copied_projects.py":
            return file + nodeid.partition("[")[2]
        return file


_SECONDS = {
    "test_campaign.py": 120,
    "test_copied_projects.py": 100,
    "test_exercises.py": 150,
    "test_cli.py": 90,
    "08_long_running_agents.ipynb": 80,
    "10_research_agent.ipynb": 70,
    "05_parallel_tools.ipynb": 60,
    "06_approval_gate.ipynb": 60,
    "07_replay_and_prompts.ipynb": 60,
    "test_parts.py": 50,
}
"""Roughly how long the longest files take. What isn't listed is short, but for other notebooks."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Tell xdist how to share out the tests."""
    return _ByFile(config, log)


def _take_folder() -> Path:
    """Find a folder that no other test run is using now."""
    global _lock
    for number in range(1, 100):
        folder = _ROOT / ".agentkit" / ("test" if number == 1 else f"test-{number}")
        folder.mkdir(parents=True, exist_ok=True)
        _lock = FileLock(folder / "lock")
        try:
            _lock.acquire(timeout=0)
        except Timeout:
            continue
        return folder
    pytest.exit("Too many test runs at once: see .agentkit/test*", returncode=2)


def _end_everything() -> None:
    """End the processes of all homes in this run's folder; their logs stay to be read."""
    for home in _homes():
        _kill(home)


def _forget_everything() -> None:
    for home in _homes():
        shutil.rmtree(home, ignore_errors=True)


def _homes() -> list[Path]:
    return [each for each in Path(os.environ[_RUN]).iterdir() if each.is_dir()]


def _kill(home: Path) -> None:
    before = os.environ.get("AGENTKIT_HOME")
    os.environ["AGENTKIT_HOME"] = str(home)
    try:
        for process in processes.everything():
            process.kill()
    finally:
        os.environ.pop("AGENTKIT_HOME")
        if before is not None:
            os.environ["AGENTKIT_HOME"] = before


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal() -> DevServer:
    """The embedded server, started once in a test process."""
    return await dev_server.ensure()


@pytest.fixture
async def client(temporal: DevServer) -> Client:
    """A connected client with `AgentPlugin`; the server is up, even if a test has killed it."""
    await dev_server.ensure()
    return await connect(AgentPlugin())


@pytest.fixture
async def claude() -> OfflineClaude:
    """The offline Claude, without calls and faults of an earlier test."""
    found = await which_claude.ensure()
    assert isinstance(found, OfflineClaude)
    found.reset()
    return found


@pytest.fixture
def shop() -> ModuleType:
    """The shop as on the first day."""
    bookshop.reset()
    return bookshop
