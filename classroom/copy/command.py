"""The output of `.venv/bin/agentkit recipes` and `copy`."""

from __future__ import annotations

import argparse
import shlex

from classroom.copy import copy_recipe, plan_copy
from classroom.copy.catalogue import CATALOGUE, change_first
from classroom.recipes import list_recipes


def print_recipes() -> int:
    """List the recipes: name, one line, and what you'd change first."""
    recipes = list_recipes()
    width = max(len(recipe.name) for recipe in recipes)
    for recipe in recipes:
        print(f"{recipe.name:<{width}}  {recipe.summary}".rstrip())
        if recipe.name in CATALOGUE:
            print(f"{'':<{width}}  Change first: {change_first(recipe)}")
    return 0


async def copy(arguments: argparse.Namespace) -> int:
    """Write a project, or with `--dry-run` name its files.

    Args:
        arguments: As `classroom.cli` has parsed them.
    """
    name, dest, bare, package = arguments.name, arguments.dest, arguments.bare, arguments.package
    if arguments.dry_run:
        plan = plan_copy(name, dest, bare=bare, package=package)
        print("\n".join(str(plan.dest / file) for file in plan.files))
        return 0
    written = await copy_recipe(name, dest, bare=bare, package=package)
    print(f"Wrote the recipe {name} to {written.dest}: {len(written.files)} files.")
    print(f"Try it:  cd {shlex.quote(str(written.dest))} && make run")
    print(f"Test it: make test. Your own tools go into {written.package}/tools.py.")
    return 0
