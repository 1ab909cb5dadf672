"""The recipes that the notebooks leave behind: folders of ordinary files to copy."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from classroom.machine.home import ClassroomError
from classroom.workers import NOTEBOOKS


@dataclass(frozen=True)
class Recipe:
    """One recipe.

    Attributes:
        name: Its folder's name under notebooks/recipes/.
        summary: The first line of its workflow.py's docstring.
        folder: Where it lies.
    """

    name: str
    summary: str
    folder: Path


def list_recipes(folder: Path = NOTEBOOKS / "recipes") -> list[Recipe]:
    """List the folders that hold a workflow.py, by name.

    Args:
        folder: Where recipes lie.

    Raises:
        ClassroomError: There are none, as when this isn't a checkout.
    """
    workflows = sorted(folder.glob("*/workflow.py"))
    if not workflows:
        raise ClassroomError(
            f"There are no recipes in {folder}. They come with the repository: run this in a "
            "checkout, after `make lab` has set it up."
        )
    return [Recipe(w.parent.name, _summary(w), w.parent) for w in workflows]


def derive(
    recipe: str, files: Sequence[str], *, based_on: str, replace: Mapping[str, str] | None = None
) -> str:
    """Write those files of a recipe that equal another recipe's but for names.

    The recipe's own name is replaced everywhere, in module names and in the task queue. Like
    `%%writefile recipes/…`, it writes below the current folder.

    Args:
        recipe: The recipe's name.
        files: Names of its files, such as "worker.py".
        based_on: The recipe whose files are copied.
        replace: Other names to replace, old to new.

    Returns:
        Each file with the lines that differ, for a cell to print.

    Raises:
        ClassroomError: The other recipe doesn't have such a file.
    """
    names = {
        based_on: recipe,
        based_on.replace("_", "-"): recipe.replace("_", "-"),
        **(replace or {}),
    }
    words = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")
    report: list[str] = []
    for file in files:
        source, target = (Path("recipes", name, file) for name in (based_on, recipe))
        if not source.is_file():
            raise ClassroomError(f"There is no {source} in {Path.cwd()} to copy.")
        before = source.read_text(encoding="utf8")
        after = words.sub(lambda found: names[found[0]], before)
        target.parent.mkdir(exist_ok=True)
        target.write_text(after, encoding="utf8")
        lines = zip(before.splitlines(), after.splitlines(), strict=True)
        report += [str(target), *(f"    {new.strip()}" for old, new in lines if old != new)]
    return "\n".join(report)


def _summary(workflow: Path) -> str:
    # Read, not imported: it may be half-written, and it needs what the course's list doesn't.
    try:
        text = ast.get_docstring(ast.parse(workflow.read_text(encoding="utf8"))) or ""
    except SyntaxError as err:
        return f"(its workflow.py has a syntax error in line {err.lineno})"
    return text.partition("\n")[0]
