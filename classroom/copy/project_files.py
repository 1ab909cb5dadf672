"""Every file of a project: a recipe as its package, agentkit as it is here, tests, settings."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from agentkit.claude import DEFAULT_MODEL
from classroom.copy.catalogue import CATALOGUE, change_first
from classroom.copy.wheel import CHECKOUT, WHEEL, build_wheel
from classroom.recipes import Recipe

_HERE = Path(__file__).parent
_TEMPLATES = _HERE / "project"
_PLACEHOLDER = "durable_loop"
"""The recipe that templates name in the place of any other, so that they type-check here."""

_STAND_INS_BEGIN = "\n\n# The stand-ins."
"""The line of tests/conftest.py from which a bare project has no use for it."""


def project_files(recipe: Recipe, project: str, package: str, *, bare: bool) -> dict[str, bytes]:
    """Make all files of a project.

    Args:
        recipe: The recipe.
        project: The project's name, such as support-desk.
        package: The package's name, such as support_desk.
        bare: Whether to leave out the offline Claude and the shop.

    Returns:
        Contents by path, in order. Python isn't formatted yet, but for agentkit's.
    """
    files = _package(recipe, package) | _tests(recipe, package, bare=bare)
    files["run.py"] = _template(_TEMPLATES / "run.py", package)
    production = _pins("requirements")
    development = _pins("dev") | ({} if bare else _pins("stand-ins"))
    more = [line for name, line in sorted(development.items()) if name not in production]
    wheel = b"" if bare else build_wheel()
    if wheel:
        more.append(f"./tests/{WHEEL} --hash=sha256:{hashlib.sha256(wheel).hexdigest()}")
    files["requirements.txt"] = _lines(production.values())
    files["requirements-dev.txt"] = _lines(["-r requirements.txt", *more])
    words = _words(recipe, project, package, bare=bare)
    for file in _HERE.glob("texts/*.txt"):
        name = file.name.removesuffix(".txt")
        files["agentkit/ORIGIN.md" if name == "ORIGIN.md" else name] = file.read_text("utf8")
    made = {path: _filled(text, words).encode() for path, text in files.items()}
    made |= _agentkit("\n".join(files.values()))
    if wheel:
        made[f"tests/{WHEEL}"] = wheel
    return dict(sorted(made.items()))


def installed_packages() -> set[str]:
    """Name the packages that a project installs."""
    return {*_pins("requirements"), *_pins("dev"), *_pins("stand-ins")}


def _package(recipe: Recipe, package: str) -> dict[str, str]:
    files = {}
    for file in recipe.folder.iterdir():
        if file.suffix == ".py" or (file.suffix == ".md" and file.name != "README.md"):
            text = _as_package(file.read_text("utf8"), recipe.name, package)
            files[f"{package}/{file.name}"] = text
    tools = f"{package}/tools.py"
    # The one line by which a recipe depends on the course.
    files[tools] = re.sub(r"^from classroom\b", f"from {package}", files[tools], flags=re.MULTILINE)
    files[f"{package}/shop.py"] = (_TEMPLATES / "shop.py").read_text("utf8")
    return files


def _tests(recipe: Recipe, package: str, *, bare: bool) -> dict[str, str]:
    golden = CHECKOUT / "tests" / "golden" / f"{recipe.name}.json"
    fixtures = _template(_TEMPLATES / "tests" / "conftest.py", package)
    files = {
        "tests/conftest.py": fixtures.partition(_STAND_INS_BEGIN)[0] if bare else fixtures,
        "tests/test_project.py": _template(_TEMPLATES / "tests" / "test_project.py", package),
        f"tests/golden/{recipe.name}.json": golden.read_text("utf8"),
    }
    if not bare:
        behaviour = _template(_TEMPLATES / "behaviour" / f"{recipe.name}.py", package)
        files["tests/test_behaviour.py"] = _as_package(behaviour, recipe.name, package)
        tools = (recipe.folder / "tools.py").read_text("utf8")
        files["tests/shop_tools.py"] = _as_package(tools, recipe.name, package)
        if "worker_killed" not in behaviour:  # two recipes have effects of another kind
            killed = _template(_TEMPLATES / "tests" / "test_killed.py", package)
            files["tests/test_killed.py"] = killed
    return files


def _template(file: Path, package: str) -> str:
    text = file.read_text("utf8").replace("classroom.copy.project.", "")
    return _as_package(text, _PLACEHOLDER, package)


def _as_package(text: str, recipe: str, package: str) -> str:
    return re.sub(rf"\brecipes\.{recipe}\b", package, text)


def _agentkit(users: str) -> dict[str, bytes]:
    """Read agentkit byte for byte, with the sub-packages that something imports."""
    wanted = ["", *_imported(users)]
    files: dict[str, bytes] = {}
    for name in wanted:  # it grows: a sub-package may import another one
        for file in (CHECKOUT / "agentkit" / name).glob("*.py"):
            files[str(file.relative_to(CHECKOUT))] = file.read_bytes()
            found = _imported(file.read_text("utf8"))
            wanted += [each for each in found if each not in wanted]
    return files


def _imported(text: str) -> list[str]:
    """Name agentkit's sub-packages that a text imports."""
    names = re.findall(r"^\s*(?:from|import) agentkit\.(\w+)", text, re.MULTILINE)
    return [name for name in dict.fromkeys(names) if (CHECKOUT / "agentkit" / name).is_dir()]


def _dependencies() -> list[str]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf8"))["project"]
    dependencies: list[str] = project["dependencies"]
    return dependencies


def _pins(lock: str) -> dict[str, str]:
    """Read a lock's entries, by package, with the hashes that the course's own lock has."""
    lines = (_HERE / "locks" / f"{lock}.txt").read_text("utf8").splitlines()
    return {line.partition("==")[0]: line + _hashes()[line.partition(" ")[0]] for line in lines}


@cache
def _hashes() -> dict[str, str]:
    text = (CHECKOUT / "requirements.lock").read_text("utf8")
    entries = re.findall(r"^(\S+==\S+).*?((?: \\\n    --hash=\S+)+)$", text, re.MULTILINE)
    return dict(entries)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _filled(text: str, words: Mapping[str, str]) -> str:
    for _twice in range(2):  # a text that is put in may have a name in it
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
    return text


def _words(recipe: Recipe, project: str, package: str, *, bare: bool) -> dict[str, str]:
    entry = CATALOGUE[recipe.name]
    tests = "your tools, the sandbox, the replay of recorded runs"
    if not bare:
        tests += (
            "; and what the recipe does at the support desk that it was built for, a real SIGKILL "
            "of a worker included, with the stand-ins for Claude and the shop from the wheel. "
            "These tests need no key, and don't look at your tools"
        )
    return {
        "PROJECT": project,
        "PACKAGE": package,
        "DEPENDENCIES": "\n".join(f'    "{each}",' for each in _dependencies()),
        "RECIPE": recipe.name,
        "SUMMARY": recipe.summary.removesuffix("."),
        "EXAMPLE": entry.example,
        "MODEL": DEFAULT_MODEL,
        "VERSION": version("agentkit"),
        "COMMIT": _commit(),
        "LICENSE": (CHECKOUT / "LICENSE").read_text("utf8"),
        "FILES": "\n".join(_described(recipe)),
        "TESTS": tests,
        "NO_KEY": (
            "`make run` needs it."
            if bare
            else "Without a key `make run` uses the stand-in of the tests, which is not a model."
        ),
        "FIRST": change_first(recipe),
        "START": f"python -m @PACKAGE@.start {entry.start}",
        "ASK": entry.ask,
        "ENV": entry.env.rstrip("\n"),
        "RUN_NOTE": entry.run_note,
    }


def _described(recipe: Recipe) -> list[str]:
    """Write a row of the README's table for each module, by the first line of its docstring."""
    rows = []
    for file in sorted(recipe.folder.glob("*.py")):
        if file.name != "tools.py":
            line = file.read_text("utf8").removeprefix('"""').partition("\n")[0]
            text = line.rstrip('."')
            rows.append(f"| `@PACKAGE@/{file.name}` | {text[0].lower()}{text[1:]} |")
    return rows


def _commit() -> str:
    """Name the commit that is checked out; nothing where there is no git, or no checkout."""
    git = ["git", "-C", str(CHECKOUT)]
    try:
        commit = subprocess.check_output([*git, "rev-parse", "--short=12", "HEAD"], text=True)
        changed = subprocess.check_output([*git, "status", "--porcelain", "agentkit", "notebooks"])
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" (commit {commit.strip()}{', with changes since' if changed else ''})"
