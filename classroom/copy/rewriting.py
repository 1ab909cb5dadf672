"""Source texts as they are in a project: imports by their new names, and no more than is used."""

from __future__ import annotations

import ast
import re

from classroom.copy.sources import PLACEHOLDERS, TEMPLATES, Moved

_COMMANDS = {
    ".venv/bin/agentkit up": "temporal server start-dev",
    ".venv/bin/agentkit offline --port 0": "python -m tests.desk.offline",
    ".venv/bin/agentkit down": "make clean",
    "classroom": "tests.desk",
    "unset SHOP_DB; export AGENTKIT_HOME=~/agentkit-state": "export SHOP_DB=~/shop.db",
}
"""What messages of the course tell people to do, and what says the same in a project."""


def rewrite(source: str, moved: Moved) -> str:
    """Give modules the names that they have in the project.

    Args:
        source: A module of a recipe, of agentkit or of the templates.
        moved: Where modules go.

    Returns:
        The text, not formatted.

    Raises:
        ValueError: It imports in a way that can't be rewritten.
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            old, new = f"from {node.module} import", f"from {moved.name(node.module)} import"
        elif isinstance(node, ast.Import) and node.names[0].name.split(".")[0] in _MOVED:
            (alias,) = node.names  # ruff sees to one import a line
            old = f"import {alias.name}"
            if alias.asname:
                new = f"import {moved.name(alias.name)}"
            elif "." not in alias.name:
                folder, _, name = moved.name(alias.name).rpartition(".")
                new = f"from {folder} import {name}"
            else:
                raise ValueError(f"`import {alias.name}` has no name that could stay")
        else:
            continue
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = line[: node.col_offset] + line[node.col_offset :].replace(
            old, new, 1
        )
    text = "".join(lines)
    names = "|".join((moved.recipe, *PLACEHOLDERS))
    text = re.sub(rf"\brecipes\.({names})\b", moved.package, text)
    text = text.replace(f"{TEMPLATES}.", "")
    for course, project in _COMMANDS.items():
        text = text.replace(course, project)
    return text


_MOVED = ("agentkit", "recipes")


def only(names: set[str], init: str) -> str:
    """Reduce a package's `__init__.py`, which only re-exports, to the names that are used.

    Args:
        names: Those.
        init: Its text.

    Returns:
        The text, not formatted.
    """
    tree = ast.parse(init)
    for node in list(tree.body):
        if isinstance(node, ast.ImportFrom):
            node.names = [alias for alias in node.names if alias.name in names]
            if not node.names:
                tree.body.remove(node)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            node.value.elts = [each for each in node.value.elts if ast.literal_eval(each) in names]
    return ast.unparse(tree) + "\n"
