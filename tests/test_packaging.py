"""What the repository promises about its pins, its walls and its size."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import agentkit

REPO = Path(__file__).resolve().parents[1]
OURS = REPO / "agentkit"
TAKE_HOME = [
    module
    for module in OURS.rglob("*.py")
    if "classroom" not in module.parts and module.name not in ("cli.py", "__main__.py")
]
PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;\n]+)", re.MULTILINE)


def direct_dependencies() -> set[str]:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["lab"], *extras["s3"], *extras["test"]]
    return {re.split(r"[<>=[]", each)[0] for each in wanted}


def test_environment_yml_pins_every_direct_dependency_as_the_lock_does() -> None:
    locked = dict(PIN.findall((REPO / "requirements.txt").read_text()))
    lines = re.findall(r"^ +- (\S+==.+)$", (REPO / "environment.yml").read_text(), re.MULTILINE)
    pinned = dict(PIN.findall("\n".join(lines)))
    assert pinned == {name: locked[name] for name in direct_dependencies()}
    assert [line for line in lines if "  # " not in line] == [], "each says what it is for"


def test_environment_yml_pins_python() -> None:
    assert re.search(r"- python=3\.1[1-9] ", (REPO / "environment.yml").read_text())


def test_the_lock_holds_versions_and_no_addresses() -> None:
    for name in ("requirements.txt", "environment.yml"):
        text = (REPO / name).read_text()
        assert not re.search(r"://|--(extra-)?index-url|--find-links| @ ", text), name


def test_the_public_names_are_at_most_25_and_all_there() -> None:
    assert len(agentkit.__all__) <= 25
    assert all(hasattr(agentkit, name) for name in agentkit.__all__)


def test_importing_agentkit_brings_neither_the_claude_sdk_nor_the_classroom() -> None:
    code = (
        "import sys, agentkit;"
        "print([m for m in sys.modules if m == 'anthropic' or m.startswith('classroom')])"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "[]\n"


def test_the_take_home_modules_never_import_the_classroom() -> None:
    for module in TAKE_HOME:
        imported = set()
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported |= {node.module or ""}
                imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        assert not any(name.startswith("classroom") for name in imported), module.name


def test_what_every_recipe_takes_home_stays_under_2000_lines() -> None:
    # What only some agents need (approvals, transcripts, another store) comes by its own import.
    code = (
        "import sys, agentkit;"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'agentkit'))"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len(found) > 5
    assert sum(len(Path(module).read_text().splitlines()) for module in found) < 2000


def test_continuous_integration_runs_make_test() -> None:
    script = REPO / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "exec make test" in script.read_text()


def test_every_make_target_is_listed_by_make() -> None:
    listed = subprocess.run(["make"], cwd=REPO, capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"make (\w+)", listed)
    assert {"lab", "demo", "test", "bench", "outputs", "lock", "clean"} <= set(targets)


def test_no_module_has_the_name_of_something_public() -> None:
    # It would take its place in the package as soon as anything imports it.
    assert not {path.stem for path in OURS.iterdir()} & set(agentkit.__all__)


def test_what_is_installed_is_compiled_so_that_no_worker_has_to_do_it() -> None:
    # Python doesn't keep what it compiles where PYTHONDONTWRITEBYTECODE is set.
    for module in ("anthropic", "temporalio.worker", "pydantic"):
        found = importlib.util.find_spec(module)
        assert found is not None
        assert found.origin is not None
        assert Path(importlib.util.cache_from_source(found.origin)).exists(), module
