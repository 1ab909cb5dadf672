"""What the repository promises about its pins, its commands and its CI."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
OURS = ("agentkit", "classroom", "offline_claude", "notebooks", "tests")
SAFE_TO_PRINT = ("run_main", "print_anything", "sys.stdout.reconfigure")
PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;\n]+)", re.MULTILINE)


def direct_dependencies() -> set[str]:
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *chain(*extras.values())]
    return {re.split(r"[<>=[]", each)[0] for each in wanted}


def test_environment_yml_pins_every_direct_dependency_as_the_lock_does() -> None:
    locked = dict(PIN.findall((REPO / "requirements.txt").read_text()))
    lines = re.findall(r"^ +- (\S+==.+)$", (REPO / "environment.yml").read_text(), re.MULTILINE)
    pinned = dict(PIN.findall("\n".join(lines)))
    assert pinned == {name: locked[name] for name in direct_dependencies()}
    assert [line for line in lines if "  # " not in line] == [], "each says what it is for"


def test_environment_yml_pins_python() -> None:
    assert re.search(r"- python=3\.1[1-9] ", (REPO / "environment.yml").read_text())


def test_what_make_installs_is_the_lock_with_hashes() -> None:
    hashed = (REPO / "requirements.lock").read_text().replace(" \\\n", "")
    assert PIN.findall(hashed) == PIN.findall((REPO / "requirements.txt").read_text())
    assert [line for line in hashed.splitlines() if " --hash=sha256:" not in line] == []
    installs = re.findall(r"pip install.*?(?=\n\t@)", (REPO / "Makefile").read_text(), re.DOTALL)
    assert all("--require-hashes" in each or "-e ." in each for each in installs)


def test_the_lock_holds_versions_and_no_addresses() -> None:
    for name in ("requirements.txt", "requirements.lock", "environment.yml"):
        text = (REPO / name).read_text()
        assert not re.search(r"://|--(extra-)?index-url|--find-links| @ ", text), name


def test_continuous_integration_runs_make_test() -> None:
    script = REPO / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "exec make test" in script.read_text()
    workflow = (REPO / ".github" / "workflows" / "ci.yml").read_text()
    runs, twice, audit, _ = re.findall(r"run: (.+)", workflow)
    assert runs == ".ci/run"
    assert twice.startswith("make twice")
    assert "pip-audit" in audit
    assert "requirements.lock" in audit
    assert set(re.findall(r'"(3\.\d+)"', workflow)) == {"3.11", "3.12", "3.13"}


def test_every_make_target_is_listed_by_make() -> None:
    listed = subprocess.run(["make"], cwd=REPO, capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"make (\w+)", listed)
    assert {"lab", "demo", "check", "test", "bench", "outputs", "lock", "clean"} <= set(targets)


def test_every_program_prints_on_every_terminal() -> None:
    # Python raises UnicodeEncodeError for what a terminal's encoding lacks, unless it is told.
    printing = {}
    for file in (f for folder in OURS for f in (REPO / folder).rglob("*.py")):
        text = file.read_text("utf8")
        if re.search(r"(?m)^if __name__ == ", text) and re.search(r"\bprint\(", text):
            printing[file] = any(f"{each}(" in text for each in SAFE_TO_PRINT)
    assert len(printing) > 10
    assert [file for file, safe in printing.items() if not safe] == []


def test_what_is_installed_is_compiled_so_that_no_worker_has_to_do_it() -> None:
    # Python doesn't keep what it compiles where PYTHONDONTWRITEBYTECODE is set.
    for module in ("anthropic", "temporalio.worker", "pydantic"):
        found = importlib.util.find_spec(module)
        assert found is not None
        assert found.origin is not None
        assert Path(importlib.util.cache_from_source(found.origin)).exists(), module
