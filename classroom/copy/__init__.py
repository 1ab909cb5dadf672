"""A recipe as a project of its own: `.venv/bin/agentkit copy NAME DEST`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from classroom.copy import writing
from classroom.copy.catalogue import CATALOGUE
from classroom.copy.names import package_name
from classroom.copy.project_files import installed_packages, project_files
from classroom.machine.home import ClassroomError
from classroom.recipes import list_recipes

__all__ = ["Copy", "copy_recipe", "plan_copy"]


@dataclass(frozen=True)
class Copy:
    """A project, written or planned.

    Attributes:
        dest: Its folder.
        package: Its package's name.
        files: The contents of its files by path, in order; Python before it is formatted.
    """

    dest: Path
    package: str
    files: Mapping[str, bytes]


def plan_copy(name: str, dest: Path, *, bare: bool = False, package: str | None = None) -> Copy:
    """Plan a recipe as a project that needs nothing of this repository, and write nothing.

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
    recipes = {each.name: each for each in list_recipes() if each.name in CATALOGUE}
    if name not in recipes:
        raise ClassroomError(f"There is no recipe {name!r}. There are: {', '.join(recipes)}.")
    dest = writing.check(dest)
    package = package_name(dest, package, installed_packages())
    # As package indexes have it: lower case, dashes.
    project = re.sub(r"[^a-z0-9]+", "-", dest.name.lower()).strip("-") or "agent"
    return Copy(dest, package, project_files(recipes[name], project, package, bare=bare))


async def copy_recipe(
    name: str, dest: Path, *, bare: bool = False, package: str | None = None
) -> Copy:
    """Write what `plan_copy` plans. If that fails, with a `ClassroomError`, nothing is left."""
    copy = plan_copy(name, dest, bare=bare, package=package)
    await writing.write(copy.files, copy.dest)
    return copy
