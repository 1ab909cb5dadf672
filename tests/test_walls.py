"""The walls between the three packages, and what each shows to the outside.

`agentkit` is taken home, `offline_claude` serves any client, `classroom` is the course around both.
"""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
OURS = ("agentkit", "offline_claude", "classroom", "tests", "recipes")
MAY_IMPORT = {
    "agentkit": {"agentkit"},
    "offline_claude": {"offline_claude"},
    "classroom": {"agentkit", "offline_claude", "classroom"},
}
LIBRARIES = {
    "temporalio",
    "anthropic",
    "docstring_parser",
    "httpx2",
    "pydantic",
    "pydantic_core",
}
"""What `agentkit` needs beside the standard library; httpx2 and docstring_parser come with
anthropic."""

WITHOUT_THE_OTHERS = """
import importlib, pkgutil, sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("classroom", "offline_claude", "tests", "recipes"):
            raise ImportError(f"{name} is behind the wall")

sys.meta_path.insert(0, Wall())
import agentkit
for module in pkgutil.walk_packages(agentkit.__path__, "agentkit."):
    importlib.import_module(module.name)
    print(module.name)
"""


def modules(package: str) -> dict[str, Path]:
    """Every module of a package, by name."""
    found = {}
    for file in sorted((REPO / package).rglob("*.py")):
        parts = file.relative_to(REPO).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported(file: Path, *, at_once: bool = False) -> set[str]:
    """The modules and names that a file imports; `at_once` leaves out those in functions."""
    found = set()
    nodes: list[ast.AST] = [ast.parse(file.read_text(encoding="utf8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif not (at_once and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            nodes += ast.iter_child_nodes(node)
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_no_package_imports_what_it_must_not(package: str) -> None:
    for name, file in modules(package).items():
        if name.startswith("classroom.copy.project"):
            continue  # templates of a copied project, written against a recipe
        of_ours = {each.split(".")[0] for each in imported(file)} & set(OURS)
        assert of_ours <= MAY_IMPORT[package], name


def test_agentkit_needs_few_libraries() -> None:
    for name, file in modules("agentkit").items():
        allowed = {"agentkit"} | LIBRARIES | sys.stdlib_module_names
        if name == "agentkit.stores.s3":
            allowed |= {"boto3"}
        if name == "agentkit.stores.postgres":
            allowed |= {"psycopg"}
        assert {each.split(".")[0] for each in imported(file)} <= allowed, name


def test_agentkit_runs_where_the_other_packages_are_not_installed() -> None:
    command = [sys.executable, "-W", "error", "-c", WITHOUT_THE_OTHERS]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == set(modules("agentkit")) - {"agentkit"}


def test_importing_agentkit_does_not_import_the_claude_sdk() -> None:
    # It takes a second, and a process that only starts a run doesn't need it.
    command = [sys.executable, "-c", "import sys, agentkit; print('anthropic' in sys.modules)"]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_no_import_goes_round_in_a_circle(package: str) -> None:
    known = modules(package)
    graph = {}
    for name, file in known.items():
        asked = imported(file, at_once=True)
        found = {each if each in known else each.rpartition(".")[0] for each in asked}
        graph[name] = (found & set(known)) - {name}
    TopologicalSorter(graph).prepare()  # raises CycleError with the circle


@pytest.mark.parametrize(
    ("package", "limit"),
    [("agentkit", 24), ("agentkit.approvals", 17), ("agentkit.transcript", 10)],
)
def test_exported_names_are_few_and_all_there(package: str, limit: int) -> None:
    module = importlib.import_module(package)
    assert len(module.__all__) <= limit
    assert sorted(module.__all__) == list(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("package", ["agentkit", "agentkit.approvals", "agentkit.transcript"])
def test_no_module_has_the_name_of_something_exported(package: str) -> None:
    # It would take its place in the package as soon as anything imports it.
    module = importlib.import_module(package)
    assert not {file.stem for file in Path(module.__path__[0]).iterdir()} & set(module.__all__)
