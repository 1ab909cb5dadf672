"""Copies of the code that workers run: one that nobody edits meanwhile, or one with a bug."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.crash.campaign.nursery import ROOT

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.db", "*.ipynb", ".ipynb_checkpoints", "images")

BANK = "tests/crash/bank"
"""Where the worker of the scenario "bank" is."""

Edit = tuple[str, str, str]
"""A file of the tree, a text that it has once, and what stands there instead."""


def copy_tree(to: Path, source: Path = ROOT, edits: Sequence[Edit] = ()) -> Path:
    """Copy `agentkit`, what lies beside the notebooks, and the worker of the scenario "bank".

    Args:
        to: The folder to make.
        source: A checkout, or another such copy.
        edits: What to change in the copy.

    Returns:
        The folder.

    Raises:
        ValueError: A text to be changed isn't there, or is there more than once.
    """
    for part in ("agentkit", "offline_claude", "classroom", "notebooks", BANK):
        shutil.copytree(source / part, to / part, ignore=_LEFT_OUT)
    for file, old, new in edits:
        text = (to / file).read_text(encoding="utf8")
        if text.count(old) != 1:
            raise ValueError(f"{file} has {text.count(old)} times: {old!r}")
        (to / file).write_text(text.replace(old, new), encoding="utf8")
    return to
