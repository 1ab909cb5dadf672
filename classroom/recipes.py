"""The recipes that the notebooks leave behind: folders of ordinary files to copy."""

from __future__ import annotations

import ast
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


def _summary(workflow: Path) -> str:
    # Read, not imported: it may be half-written, and it needs what the course's list doesn't.
    try:
        text = ast.get_docstring(ast.parse(workflow.read_text(encoding="utf8"))) or ""
    except SyntaxError as err:
        return f"(its workflow.py has a syntax error in line {err.lineno})"
    return text.partition("\n")[0]
