"""A recipe as a project: every file it is made of."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Mapping
from importlib.metadata import version

from agentkit.claude import DEFAULT_MODEL
from classroom.copy import locking
from classroom.copy.catalogue import CATALOGUE, Entry
from classroom.copy.rewriting import only, rewrite
from classroom.copy.sources import (
    CHECKOUT,
    HERE,
    Moved,
    read,
    recipe_files,
    template_files,
    with_imports,
)
from classroom.recipes import Recipe

_TEXTS = HERE / "texts"
_LICENCE = CHECKOUT / "LICENSE"


def project_files(recipe: Recipe, project: str, package: str, *, bare: bool) -> dict[str, bytes]:
    """Make all files of a project.

    Args:
        recipe: The recipe.
        project: The project's name, such as support-desk.
        package: The package's name, such as support_desk.
        bare: Whether to leave out the offline Claude and the shop.

    Returns:
        Contents by path, in order; Python is not formatted yet.
    """
    entry, moved = CATALOGUE[recipe.name], Moved(recipe.name, package)
    files = recipe_files(recipe.folder, package, tools=entry.tools)
    files |= template_files(recipe.name, reviewed=entry.reviewed, bare=bare)
    if not bare:
        files["tests/desk/tools.py"] = recipe.folder / "tools.py"
    files, used = with_imports(files, moved)
    made: dict[str, str] = {}
    for path, file in files.items():
        text = read(file)
        if file == CHECKOUT / "agentkit/__init__.py":
            text = only(used, text)
        made[path] = rewrite(text, moved) if file.suffix == ".py" else text
    lock = (CHECKOUT / "requirements.txt").read_text(encoding="utf8")
    development = locking.DEVELOPMENT + (() if bare else locking.STAND_INS)
    production = locking.closure(lock, locking.RUNTIME)
    everything = locking.closure(lock, locking.RUNTIME + development)
    made["requirements.txt"] = "".join(f"{line}\n" for line in production)
    more = [line for line in everything if line not in production]
    made["requirements-dev.txt"] = "".join(f"{line}\n" for line in ["-r requirements.txt", *more])
    made[f"tests/golden/{recipe.name}.json"] = _golden(recipe.name)
    made[f"{package}/__init__.py"] = f'"""{recipe.summary}"""\n'
    made[f"{package}/py.typed"] = ""
    made[f"{package}/agentkit/LICENSE"] = _LICENCE.read_text(encoding="utf8")
    words = {
        "PROJECT": project,
        "PACKAGE": package,
        "RECIPE": recipe.name,
        "SUMMARY": recipe.summary.removesuffix("."),
        "EXAMPLE": entry.example,
        "MODEL": DEFAULT_MODEL,
        "VERSION": version("agentkit"),
        "COMMIT": _commit(),
        "UV": _uv(),
        "DEPENDENCIES": _toml_lines(locking.pins(lock, locking.RUNTIME)),
        "DEV_DEPENDENCIES": _toml_lines(locking.pins(lock, development)),
        **_of_readme(entry, recipe, bare=bare),
    }
    for text_file in sorted(_TEXTS.glob("*.txt")):
        name = text_file.name.removesuffix(".txt")
        path = f"{package}/agentkit/{name}" if name == "ORIGIN.md" else name
        made[path] = text_file.read_text(encoding="utf8")
    return {path: _filled(text, words).encode() for path, text in sorted(made.items())}


def _filled(text: str, words: Mapping[str, str]) -> str:
    for _twice in range(2):  # a text that is put in may have a name in it
        for word, value in words.items():
            text = text.replace(f"@{word}@", value)
    return text


def _of_readme(entry: Entry, recipe: Recipe, *, bare: bool) -> dict[str, str]:
    rows = []
    for file in sorted(recipe.folder.glob("*.py")):
        if file.name not in ("tools.py", "__init__.py"):
            line = (ast.get_docstring(ast.parse(read(file))) or "").partition("\n")[0]
            text = line.replace(f"recipes.{recipe.name}", "@PACKAGE@")
            rows.append(f"| `@PACKAGE@/{file.name}` | {text[0].lower()}{text[1:].rstrip('.')} |")
    tests = "your tools, the sandbox, the replay of recorded runs"
    desk = (
        f"{tests}; in `tests/desk/` what the recipe does, and a real SIGKILL of a worker, at the "
        "support desk that it was built for, with a stand-in for Claude: these need no key, and "
        "don't look at your tools"
    )
    stand_in = "Without a key `make run` takes the stand-in of the tests, which is not a model"
    return {
        "FILES": "\n".join(rows),
        "TESTS": tests if bare else desk,
        "NO_KEY": "It is needed for `make run`." if bare else f"{stand_in}.",
        "FIRST": entry.change_first,
        "START": f"python -m @PACKAGE@.start {entry.start}",
        "ASK": entry.ask,
        "ENV": entry.env.rstrip("\n"),
        "RUN_NOTE": entry.run_note,
    }


def _toml_lines(pins: list[str]) -> str:
    return "\n".join(f'    "{pin}",' for pin in pins)


def _golden(recipe: str) -> str:
    return (CHECKOUT / "tests" / "golden" / f"{recipe}.json").read_text(encoding="utf8")


def _uv() -> str:
    """Give the uv that the checkout's Makefile takes."""
    return (CHECKOUT / "Makefile").read_text(encoding="utf8").split("UV := ")[1].split()[0]


def _commit() -> str:
    """Name the commit that is checked out; nothing where git or the checkout isn't there."""
    git = ["git", "-C", str(CHECKOUT)]
    try:
        commit = subprocess.check_output([*git, "rev-parse", "--short=12", "HEAD"], text=True)
        changed = subprocess.check_output([*git, "status", "--porcelain", "agentkit", "notebooks"])
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" (commit {commit.strip()}{', with changes since' if changed else ''})"
