"""Which files a project is made of: a recipe, its templates, and what these import."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from classroom.machine.home import ClassroomError

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
TEMPLATES = "classroom.copy.project"
PLACEHOLDERS = ("durable_loop", "approval_gate")
"""What templates for several recipes say in the place of each: one that type-checks here."""

_PROJECT = HERE / "project"
_READ_SECONDS = 2


@dataclass(frozen=True)
class Moved:
    """Where modules go.

    Attributes:
        recipe: The recipe's name.
        package: The package's name.
    """

    recipe: str
    package: str

    def name(self, module: str) -> str:
        """Give the name that a module of the checkout has in the project."""
        for old, new in (
            *((f"recipes.{name}", self.package) for name in (self.recipe, *PLACEHOLDERS)),
            (f"{TEMPLATES}.reviewed", ""),
            (TEMPLATES, ""),
            ("classroom", "tests.desk"),
            ("agentkit", f"{self.package}.agentkit"),
        ):
            if module == old or module.startswith(f"{old}."):
                return f"{new}{module.removeprefix(old)}".removeprefix(".")
        return module

    def path(self, module: str, file: Path) -> str:
        """Give the path that a module's file has in the project."""
        folder = self.name(module).replace(".", "/")
        return f"{folder}/__init__.py" if file.name == "__init__.py" else f"{folder}.py"


def recipe_files(folder: Path, package: str, *, tools: str) -> dict[str, Path]:
    """Find the recipe's own files, with example tools in the place of its tools.

    Args:
        folder: Where the recipe lies.
        package: The package's name.
        tools: The template of its tools.

    Returns:
        Files by their paths in the project.
    """
    found = {
        f"{package}/{file.name}": file
        for file in sorted(folder.iterdir())
        if file.is_file() and file.suffix in (".py", ".md")
    }
    return {**found, f"{package}/tools.py": _PROJECT / "tools" / f"{tools}.py"}


def template_files(recipe: str, *, reviewed: bool, bare: bool) -> dict[str, Path]:
    """Find the templates of a recipe: those for all, with its own in their place.

    Args:
        recipe: Its name.
        reviewed: Whether people decide something in its runs.
        bare: Whether to leave out the stand-ins, and the tests that need them.

    Returns:
        Files by their paths in the project.
    """
    found = {}
    own = _PROJECT / "recipes" / recipe
    for folder in (_PROJECT, *([_PROJECT / "reviewed"] if reviewed else []), own):
        for file in sorted(folder.rglob("*.py")):
            path = file.relative_to(folder)
            if folder == _PROJECT and path.parts[0] in ("recipes", "reviewed", "tools"):
                continue
            if not (bare and path.is_relative_to("tests/desk")):
                found[str(path)] = file
    return found


def with_imports(files: dict[str, Path], moved: Moved) -> tuple[dict[str, Path], set[str]]:
    """Add the modules of agentkit that files import, and those that these import.

    Of `agentkit/__init__.py` only the names count that somebody takes from there.

    Args:
        files: Files by their paths in the project.
        moved: Where modules go.

    Returns:
        All files, and the names that are taken from `agentkit`.
    """
    found, used, waiting = dict(files), set[str](), list(files.values())
    init = CHECKOUT / "agentkit/__init__.py"
    names = ast.parse(read(init))
    while waiting:
        file = waiting.pop()
        if file.suffix != ".py" or file == init:
            continue
        tree = ast.parse(read(file))
        taken = names_taken(tree)
        used |= taken
        for module in sorted({*_imported(tree), *_modules_of(names, taken)}):
            source = _file_of(module)
            if source is None or (path := moved.path(module, source)) in found:
                continue
            found[path] = source
            waiting.append(source)
            if source.name == "__init__.py":
                data = source.parent.glob("*.sql")
                found |= {str(Path(path).with_name(each.name)): each for each in data}
    return found, used


def names_taken(tree: ast.Module) -> set[str]:
    """Name what a module takes from `agentkit` itself: imported, or as `agentkit.name`."""
    taken = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "agentkit":
            taken |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            taken |= {node.attr} if node.value.id == "agentkit" else set()
    return taken


def read(file: Path) -> str:
    """Read a source file. A notebook's cell that writes it anew empties it for an instant.

    Args:
        file: The file.

    Raises:
        ClassroomError: It is no Python.
    """
    deadline = time.monotonic() + _READ_SECONDS
    text = file.read_text(encoding="utf8")
    while not text and file.name != "__init__.py" and time.monotonic() < deadline:
        time.sleep(0.02)
        text = file.read_text(encoding="utf8")
    try:
        ast.parse(text if file.suffix == ".py" else "")
    except SyntaxError as err:
        raise ClassroomError(
            f"{file} has a syntax error in line {err.lineno}. Mend it first."
        ) from None
    return text


def _imported(tree: ast.Module) -> Iterator[str]:
    """Name every module that an import statement, wherever it stands, may mean."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            if parts[0] == "agentkit" and not name.startswith(TEMPLATES):
                yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _modules_of(init: ast.Module, names: set[str]) -> set[str]:
    return {
        node.module
        for node in init.body
        if isinstance(node, ast.ImportFrom)
        and node.module
        and names & {alias.name for alias in node.names}
    }


def _file_of(module: str) -> Path | None:
    path = CHECKOUT / module.replace(".", "/")
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.exists():
            return file
    return None
