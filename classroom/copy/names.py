"""The name of the package that a project gets."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

from classroom.machine.home import ClassroomError

_OURS = frozenset({"agentkit", "local", "recipes", "run", "tests"})
"""What a project has beside its package, or what its own files would be mistaken for."""


def package_name(dest: Path, wanted: str | None, installed: set[str]) -> str:
    """Choose the package's name: the one wanted, else the last part of DEST made to fit.

    Args:
        dest: Where the project goes, such as ~/support-desk.
        wanted: What the user asked for.
        installed: Top-level modules that the project installs, or that come with what it does.

    Returns:
        A name that can be imported and that takes no other module's place.

    Raises:
        ClassroomError: It can't be used; the message says why, and how to choose another one.
    """
    name = wanted or re.sub(r"\W+", "_", dest.name.strip().lower()).strip("_")
    choose = "Choose one: --package support_desk"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ClassroomError(
            f"{name or dest.name!r} can't be a package's name: that has lower-case letters, digits "
            f"and underscores, and starts with a letter. {choose}"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise ClassroomError(f"{name!r} is a word of Python's own. {choose}")
    if name in sys.stdlib_module_names:
        raise ClassroomError(f"{name!r} would take the place of Python's own module. {choose}")
    if name in _OURS:
        raise ClassroomError(f"{name!r} is taken by another part of the project. {choose}")
    if name in installed:
        raise ClassroomError(f"{name!r} would take the place of an installed package. {choose}")
    return name
