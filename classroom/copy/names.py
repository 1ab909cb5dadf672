"""The name of a project's package."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from classroom.machine.home import ClassroomError

_TAKEN = frozenset({"agentkit", "classroom", "offline_claude", "recipes", "run", "tests"})
"""Modules of the project itself or of its wheel, and the name that recipes have here."""


def package_name(dest: Path, wanted: str | None, packages: set[str]) -> str:
    """Choose the package's name: the one wanted, or else one made of the last part of DEST.

    Args:
        dest: The project's folder, such as ~/support-desk.
        wanted: The name that the user asked for.
        packages: The packages that the project installs.

    Returns:
        A name that can be imported and doesn't hide another module.

    Raises:
        ClassroomError: The name can't be used; the message says why, and how to choose another.
    """
    name = wanted or re.sub(r"\W+", "_", dest.name.strip().lower()).strip("_")
    choose = "Choose one: --package support_desk"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ClassroomError(
            f"{name or dest.name!r} can't be a package's name: use lower-case letters, digits and "
            f"underscores, and start with a letter. {choose}"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise ClassroomError(f"{name!r} is a word of Python's own. {choose}")
    if name in sys.stdlib_module_names:
        raise ClassroomError(f"{name!r} would hide Python's own module. {choose}")
    if name in _TAKEN:
        raise ClassroomError(f"{name!r} is taken by another part of the project. {choose}")
    if packages & {each.lower() for each in packages_distributions().get(name, [])}:
        raise ClassroomError(f"{name!r} would hide an installed package. {choose}")
    return name
