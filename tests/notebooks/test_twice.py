"""README's promise that any cell can be run twice; `make twice` tries it in all notebooks."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.notebooks.twice import problems

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.mark.parametrize("name", ["00_setup", "01_plain_loop"])
def test_every_cell_runs_twice_in_a_row_and_after_a_restart(name: str) -> None:
    assert problems(NOTEBOOKS / f"{name}.ipynb") == []


def test_a_cell_that_runs_only_once_is_found(tmp_path: Path) -> None:
    cells = [
        new_code_cell("waiting = [1]", execution_count=1),
        new_code_cell("waiting.pop()", execution_count=2),
        new_code_cell(
            "print('Not yet.' if waiting else 'Solved.'); waiting.append(2)",
            execution_count=3,
            outputs=[new_output("stream", text="Solved.\n")],
        ),
    ]
    notebook = new_notebook(cells=cells)
    nbformat.write(notebook, tmp_path / "once.ipynb")
    assert problems(tmp_path / "once.ipynb") == [
        "once [2] twice in a row: IndexError: pop from empty list",
        "once [3] twice in a row: 'Solved' is stored, and it printed 'Not yet.\\n'",
    ]
