"""A recipe as a project of its own: `.venv/bin/agentkit copy NAME DEST`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from classroom.copy import writing
from classroom.copy.catalogue import CATALOGUE
from classroom.copy.names import package_name
from classroom.copy.project_files import installed_packages, project_files
from classroom.machine.home import ClassroomError
from classroom.recipes import Recipe, list_recipes

__all__ = ["Copy", "copy_recipe", "plan_copy"]


@dataclass(frozen=True)
class Copy:
    """A project, written or planned.

    Attributes:
        dest: Its folder.
        package: Its package's name.
        files: Its files' paths, in order.
    """

    dest: Path
    package: str
    files: Sequence[str]


def plan_copy(name: str, dest: Path, *, bare: bool = False, package: str | None = None) -> Copy:
    """Plan what `copy_recipe` would write, and write nothing.

    Args:
        name: The recipe's name.
        dest: The project's folder, which must not exist or be empty.
        bare: Whether to leave out the offline Claude, the shop and the tests that need them.
        package: The package's name; by default the last part of `dest`.

    Returns:
        The plan.

    Raises:
        ClassroomError: It can't be done; the message says why, and what to do.
    """
    recipe, dest, package = _checked(name, dest, package)
    files = project_files(recipe, _project(dest), package, bare=bare)
    return Copy(dest, package, list(files))


async def copy_recipe(
    name: str, dest: Path, *, bare: bool = False, package: str | None = None
) -> Copy:
    """Write a recipe as a project that needs nothing of this repository.

    Args:
        name: The recipe's name.
        dest: The project's folder, which must not exist or be empty.
        bare: Whether to leave out the offline Claude, the shop and the tests that need them.
        package: The package's name; by default the last part of `dest`.

    Returns:
        The project.

    Raises:
        ClassroomError: It can't be done, and nothing was written; the message says why, and what
            to do.
    """
    recipe, dest, package = _checked(name, dest, package)
    files = project_files(recipe, _project(dest), package, bare=bare)
    await writing.write(files, dest)
    return Copy(dest, package, list(files))


def _checked(name: str, dest: Path, package: str | None) -> tuple[Recipe, Path, str]:
    recipes = {each.name: each for each in list_recipes() if each.name in CATALOGUE}
    if name not in recipes:
        raise ClassroomError(f"There is no recipe {name!r}. There are: {', '.join(recipes)}.")
    dest = writing.check(dest)
    return recipes[name], dest, package_name(dest, package, installed_packages())


def _project(dest: Path) -> str:
    """Make a project name as package indexes have them: lower case, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", dest.name.lower()).strip("-") or "agent"
