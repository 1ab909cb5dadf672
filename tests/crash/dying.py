"""Starting the worker that kills itself."""

from __future__ import annotations

import sys
from pathlib import Path

from agentkit.classroom import processes
from agentkit.classroom.workers import NOTEBOOKS


def dying(recipe: str, when: str, activity: str, number: int) -> processes.Background:
    """Start a worker of a recipe that dies before or after the n-th call of an Activity."""
    program = Path(__file__).with_name("dying_worker.py")
    command = [sys.executable, str(program), recipe, when, activity, str(number)]
    return processes.start(
        "worker-dying", command, cwd=NOTEBOOKS, env={"PYTHONPATH": str(NOTEBOOKS)}
    )
