"""Cells run as learners run them: twice in a row, and from the top after a kernel's restart.

`python -m tests.notebooks.twice NOTEBOOK …`, as `make twice` does.
"""

from __future__ import annotations

import os
import sys
from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from agentkit.client import print_anything
from classroom.workers import stop_all
from tests.support.notebook_copies import copied_repository

_LONGEST_SECONDS = 300
_VERDICTS = ("Solved", "Not yet")


def problems(path: Path) -> list[str]:
    """Run half of a notebook and restart its kernel; then run every cell twice in a row.

    Args:
        path: The notebook. It runs in a copy of the repository, and stays as it is.

    Returns:
        One line for each cell that raised an error, took more than five minutes, or judged an
        exercise otherwise than its stored output does.
    """
    stored = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    cells = [cell for cell in stored.cells if cell.cell_type == "code"]
    folder = copied_repository(path.stem) / "notebooks"
    half, twice = cells[: len(cells) // 2], [cell for cell in cells for _ in range(2)]
    found = []
    try:
        for run, expected in (("before the restart", half), ("twice in a row", twice)):
            for cell, ran in zip(expected, _run(expected, folder), strict=True):
                if problem := _compared(cell, ran):
                    found.append(f"{path.stem} [{cell.execution_count}] {run}: {problem}")
    finally:
        stop_all()
    return found


def _run(cells: list[NotebookNode], folder: Path) -> list[NotebookNode]:
    """Run cells in a new kernel, past their errors, and return them with their outputs."""
    ran = [deepcopy(cell) for cell in cells]
    for number, cell in enumerate(ran):
        cell["id"] = f"cell-{number}"
    notebook = nbformat.v4.new_notebook(cells=ran)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        timeout=_LONGEST_SECONDS,
        interrupt_on_timeout=True,
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, "PYTHONPATH": str(folder.parent)})
    return ran


def _compared(stored: NotebookNode, ran: NotebookNode) -> str:
    """Say what is wrong with a cell's outputs; "" if nothing is."""
    for output in ran.outputs:
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}"
    for verdict in _VERDICTS:
        if _printed(stored).startswith(verdict) and not _printed(ran).startswith(verdict):
            return f"{verdict!r} is stored, and it printed {_printed(ran)[:200]!r}"
    return ""


def _printed(cell: NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def main() -> None:
    """Print the problems of the notebooks that the command line names; exit with 1 if any."""
    print_anything()
    found = []
    for name in sys.argv[1:]:
        found += (new := problems(Path(name)))
        print(*new or [f"{Path(name).stem}: every cell ran twice"], sep="\n", flush=True)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
