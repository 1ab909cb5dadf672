"""Recipe files that a lesson copies from an earlier recipe and doesn't print again."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest

from classroom.machine.home import ClassroomError
from classroom.recipes import derive
from classroom.workers import NOTEBOOKS

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))

Derivation = tuple[list[Any], dict[str, Any]]
"""The arguments of one `derive(…)` in a notebook."""


def derivations() -> list[Derivation]:
    """Read every `derive(…)` of the course, without running a cell."""
    found = []
    for path in LESSONS:
        stored = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
        for cell in stored.cells:
            if cell.cell_type == "code" and "derive(" in cell.source:
                calls = [n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Call)]
                found += [
                    (
                        [ast.literal_eval(argument) for argument in call.args],
                        {k.arg or "": ast.literal_eval(k.value) for k in call.keywords},
                    )
                    for call in calls
                    if isinstance(call.func, ast.Name) and call.func.id == "derive"
                ]
    return found


def derived_files() -> set[str]:
    """Name the files that notebooks write by `derive`, relative to notebooks/."""
    return {f"recipes/{args[0]}/{file}" for args, _ in derivations() for file in args[1]}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipes, where they may be written over; and the current folder."""
    shutil.copytree(NOTEBOOKS / "recipes", tmp_path / "recipes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_derived_files_are_the_committed_ones(copy: Path) -> None:
    assert derivations()
    for args, keywords in derivations():
        recipe, files = args
        for file in files:
            (copy / "recipes" / recipe / file).unlink()
        derive(recipe, files, **keywords)
        for file in files:
            committed = (NOTEBOOKS / "recipes" / recipe / file).read_text()
            assert (copy / "recipes" / recipe / file).read_text() == committed, (recipe, file)


def test_derive_shows_the_lines_that_differ(copy: Path) -> None:
    shown = derive(
        "my_agent",
        ["activities.py", "worker.py"],
        based_on="durable_loop",
        replace={"AgentWorkflow": "MyAgentWorkflow"},
    )
    assert shown.splitlines() == [
        "recipes/my_agent/activities.py",
        "    from recipes.my_agent.tools import TOOLS",
        "recipes/my_agent/worker.py",
        "    from recipes.my_agent.activities import ACTIVITIES",
        "    from recipes.my_agent.workflow import MyAgentWorkflow",
        '    TASK_QUEUE = "my-agent"',
        "    workflows=[MyAgentWorkflow],",
    ]


@pytest.mark.usefixtures("copy")
def test_derive_says_what_is_missing() -> None:
    with pytest.raises(ClassroomError, match=r"^There is no recipes/durable_loop/policy\.py in "):
        derive("my_agent", ["policy.py"], based_on="durable_loop")
