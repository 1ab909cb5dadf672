"""Every recipe, copied as a stranger would: a folder elsewhere, an environment of its own.

The commands are those of the project's README. One recipe sets up its environment as a newcomer
does, by make. The others have the same packages, so the files of one environment, compiled once,
are linked into each; mypy begins with a cache of these packages.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from classroom.copy import copy_recipe
from classroom.copy.catalogue import CATALOGUE
from classroom.machine.dev_server import DevServer
from classroom.recipes import list_recipes
from offline_claude import OfflineClaude
from tests.support.conditions import closed_port
from tests.support.listeners import OFFLINE, TEMPORAL, listeners_of
from tests.support.strangers import open_to_others

REPO = Path(__file__).resolve().parents[2]
RECIPES = [recipe.name for recipe in list_recipes()]
SET_UP_BY_MAKE = "durable_loop"
KEPT = (".local", "agentkit-store.db*", "approvals.jsonl", "example.db*", "reports")
"""What a run leaves behind, with customers' words in it."""
CONFIGURED = (
    "AGENTKIT_",
    "ANTHROPIC_",
    "APPROVAL_",
    "JUPYTER_",
    "MAKE",
    "MFLAGS",
    "PYTEST_",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "SHOP_",
    "TEMPORAL_",
    "VIRTUAL_ENV",
)

# Each takes half a minute of a free machine, and this machine isn't free.
pytestmark = pytest.mark.timeout(900)

OPENING_HOURS = '''
"""A tool of our own, and nothing else."""

from agentkit import AnyTool, tool


@tool(effect="none")
async def opening_hours(day: str) -> str:
    """Say when the shop is open on a day of the week.

    Args:
        day: A day of the week, for example Sunday.
    """
    return f"On {day} the shop is open from 10:07 to 16:41."


TOOLS: list[AnyTool] = [opening_hours]
'''
OUR_QUEUE = '''

def next_ticket(after: int) -> tuple[int, str] | None:
    """Give the one ticket that there is."""
    return None if after else (1, "When is the shop open on Sunday?")


def answer_ticket(number: int, text: str) -> None:
    """Send nothing."""
'''

OUR_SEARCH = '''
@tool(effect="none")
async def search_signs(query: str) -> list[dict[str, str]]:
    """Search the signs on the shop's door.

    Args:
        query: A few words on the subject.
    """
    sign = {"source": "sign:1", "text": "The shop is open on Sunday, 10:07 to 16:41."}
    return [sign] if "open" in query else []


TOOLS: list[AnyTool] = [plan_research, search_signs, publish_report]
'''


def own_tools(recipe: str, example: str) -> str:
    """A tools.py with one tool of our own, and whatever else the recipe's loop calls for."""
    if recipe == "research_agent":
        return example[: example.index("TOOLS: ")] + OUR_SEARCH.lstrip()
    return OPENING_HOURS.lstrip() + (OUR_QUEUE if recipe == "long_running" else "")


@dataclass(frozen=True)
class Project:
    """A copied recipe."""

    recipe: str
    folder: Path
    env: dict[str, str]

    def run(self, *command: str, stdin: str = "", **env: str) -> str:
        """Run a command in it that has to succeed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.env | env,
            input=stdin,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            umask=0o022,  # as most people have it
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose .venv and mypy cache are made once, for all processes that test."""
    shared = tmp_path_factory.getbasetemp()
    folder = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "prepared"
    uv = str(Path(sys.executable).with_name("uv"))
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            asyncio.run(copy_recipe("approval_gate", folder / "support-desk"))
            project = Project("approval_gate", folder / "support-desk", _environment())
            project.run(uv, "venv", "-q", "--python", sys.executable, ".venv")
            lock = ("--python", ".venv/bin/python", "-r", "requirements-dev.txt")
            project.run(uv, "pip", "install", "-q", "--compile-bytecode", *lock)
            project.run(".venv/bin/mypy")
    return folder / "support-desk"


@pytest.fixture(scope="module", params=RECIPES)
def recipe(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def project(recipe: str, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp(recipe) / "support-desk"
    asyncio.run(copy_recipe(recipe, folder))
    copied = Project(recipe, folder, _environment())
    shutil.copytree(prepared / ".mypy_cache", folder / ".mypy_cache")
    if recipe == SET_UP_BY_MAKE:
        copied.run("make", ".venv/.made")
    else:  # the same files, not copies of them
        shutil.copytree(prepared / ".venv", folder / ".venv", copy_function=os.link, symlinks=True)
        (folder / ".venv/.made").write_text(str(folder))
    return copied


def _environment() -> dict[str, str]:
    env = {name: v for name, v in os.environ.items() if not name.startswith(CONFIGURED)}
    ours = (sys.prefix, str(Path(sys.executable).parent), str(REPO))
    env["PATH"] = ":".join(p for p in env["PATH"].split(":") if not p.startswith(ours))
    return env


@contextlib.contextmanager
def _watched(project: Project) -> Iterator[Counter[str]]:
    """Look now and then at what listens; count the ports of each kind, in the end."""
    seen, seen_ports, over = Counter[str](), dict[int, str](), threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            seen_ports.update(listeners_of(_processes_of(project.folder), ask=False))

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            yield seen
        finally:
            over.set()
            watching.result()
            seen.update(seen_ports.values())


PORTS = {TEMPORAL: 6, OFFLINE: 1}
"""Temporal's as in tests/classroom/test_listeners.py, without the Web UI's."""


def test_make_run_answers_and_stops_what_it_started(project: Project) -> None:
    port = closed_port()
    with _watched(project) as listeners:
        printed = project.run(
            "make", "run", stdin="approve\n" * 3, TEMPORAL_ADDRESS=f"127.0.0.1:{port}"
        )
    assert listeners == PORTS
    assert "an offline stand-in from tests/, not a model" in printed
    assert f"started at 127.0.0.1:{port}" in printed
    expected = {"long_running": "4 tickets in", "research_agent": "Published as"}
    answer = printed.split("Question: ")[1].partition("\n")[2]
    assert expected.get(project.recipe, "refunded") in answer
    assert not _processes_of(project.folder)
    kept = [each for name in KEPT for each in project.folder.glob(name)]
    assert len(kept) >= 2
    assert [each for place in kept for each in open_to_others(place)] == []


def test_make_test_passes(project: Project) -> None:
    with _watched(project) as listeners:
        printed = project.run("make", "test")
    assert listeners == PORTS
    assert re.search(r"\n=+ \d+ passed in ", printed), printed
    assert "Success: no issues found" in printed


def test_run_stopped_by_ctrl_c_continues_under_its_id(
    project: Project, claude: OfflineClaude
) -> None:
    if project.recipe != SET_UP_BY_MAKE:
        pytest.skip("run.py is the same for all recipes")
    env = {"TEMPORAL_ADDRESS": f"127.0.0.1:{closed_port()}", "ANTHROPIC_BASE_URL": claude.url}
    command = [".venv/bin/python", "run.py", "Where is order 1036?", "ticket-17"]
    claude.slow(8, turn=1)  # the run is under way until then, and the worker waits for it to end
    with subprocess.Popen(command, cwd=project.folder, env=project.env | env) as first:
        claude.wait_for(lambda call: call.turn == 1, 90)
        first.send_signal(signal.SIGINT)
        assert first.wait(60) == 130
    assert not _processes_of(project.folder)
    printed = project.run("make", "run", "ID=ticket-17", **env)
    assert "Utrecht" in printed, "the question is the one that it began with"


def test_ctrl_c_at_review_prompt_stops_everything(project: Project) -> None:
    if project.recipe != "approval_gate":
        pytest.skip("one recipe with a reviewer will do")
    env = {**project.env, "TEMPORAL_ADDRESS": f"127.0.0.1:{closed_port()}"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    command = [".venv/bin/python", "-u", "run.py"]
    with subprocess.Popen(command, cwd=project.folder, env=env, **pipes) as run:  # type: ignore[call-overload]
        said = b""
        while b"approve or reject" not in said:
            said += run.stdout.read1()
            assert run.poll() is None, said
        # Between its question and its wait for the answer a program may miss a Ctrl-C: as a person
        # would, press again.
        for _ in range(6):
            run.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(10)
                break
        assert run.returncode == 130
        assert b"It continues with: make run ID=" in run.stdout.read()
    assert not _processes_of(project.folder)


def test_project_has_no_path_back_to_the_course(project: Project) -> None:
    script = f"""
        import importlib, pathlib, sys
        for file in sorted(pathlib.Path("support_desk").rglob("*.py")):
            importlib.import_module(".".join(file.with_suffix("").parts))
        files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
        print([path for path in [*files, *sys.path] if path.startswith({str(REPO)!r})])
        strangers = ("classroom", "offline_claude", "recipes")
        print([name for name in sys.modules if name.split(".")[0] in strangers])
    """
    assert project.run(".venv/bin/python", "-c", textwrap.dedent(script)) == "[]\n[]\n"
    for file in project.folder.rglob("*"):
        inside = file.relative_to(project.folder).parts
        if file.is_file() and ".venv" not in inside and "cache" not in str(file):
            text = file.read_text(encoding="utf8", errors="replace")
            assert str(REPO) not in text, file
            if file.suffix == ".py" and inside[0] not in ("agentkit", "tests"):
                found = re.search(r"classroom|notebook|lesson|recipes\.|bin/agentkit", text)
                assert found is None, (file, found)


def test_own_tool_needs_no_other_change_and_any_server_works(
    project: Project, claude: OfflineClaude, temporal: DevServer
) -> None:
    tools = project.folder / "support_desk/tools.py"
    before = tools.read_text()
    tools.write_text(own_tools(project.recipe, before))
    (project.folder / ".env").write_text(
        (project.folder / ".env.example").read_text()
        + f"ANTHROPIC_BASE_URL={claude.url}\nTEMPORAL_ADDRESS={temporal.address}\n"
        + "HOOK=https://hooks.example/x?a=1&b=`touch pwned`$(touch pwned) ; touch pwned\n"
    )
    try:
        tickets = project.recipe == "long_running"
        question = "1" if tickets else "When is the shop open on Sunday?"
        printed = project.run("make", "run", f"ASK={question}", stdin="approve\n")
        assert f"Temporal: {temporal.address}\n" in printed
        assert ("1 tickets in 2 turns" if tickets else "10:07") in printed
        assert not (project.folder / "pwned").exists()
        calls = claude.calls()
        assert len(calls) >= 2
        assert all({"opening_hours", "search_signs"} & {*call.offered} for call in calls)
        assert not any("refund" in call.offered for call in calls)
        (project.folder / ".env").unlink()
        if project.recipe == SET_UP_BY_MAKE:
            project.run("make", "test")
        else:  # the rest doesn't look at tools.py, as that recipe shows
            project.run(".venv/bin/ruff", "check", ".")
            project.run(".venv/bin/mypy")
            project.run(".venv/bin/pytest", "tests/test_project.py")
    finally:
        tools.write_text(before)
        (project.folder / ".env").unlink(missing_ok=True)


def test_every_recipe_can_be_copied() -> None:
    assert set(RECIPES) == set(CATALOGUE)


async def test_bare_project_passes_its_tests_and_asks_for_a_key(
    prepared: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bare"
    await copy_recipe("parallel_tools", folder, bare=True, package="support_desk")
    assert not (folder / "tests/test_behaviour.py").exists()
    bare = Project("parallel_tools", folder, _environment())
    shutil.copytree(prepared / ".mypy_cache", folder / ".mypy_cache")
    uv = str(Path(sys.executable).with_name("uv"))
    bare.run(uv, "venv", "-q", "--python", sys.executable, ".venv")
    lock = ("--python", ".venv/bin/python", "-r", "requirements-dev.txt")
    bare.run(uv, "pip", "install", "-q", *lock)
    (folder / ".venv/.made").write_text(str(folder))
    bare.run("make", "test")
    asked = subprocess.run(
        ["make", "run"], cwd=folder, env=bare.env, capture_output=True, text=True, check=False
    )
    assert asked.returncode != 0
    assert "set ANTHROPIC_API_KEY" in asked.stderr


def _processes_of(folder: Path) -> list[psutil.Process]:
    found = psutil.process_iter(["cwd"])
    return [process for process in found if process.info["cwd"] == str(folder)]
