"""README's promise that any cell can be run twice; `make twice` tries it in all notebooks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.notebooks.twice import problems

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


@pytest.mark.parametrize("name", ["00_setup", "01_plain_loop"])
def test_every_cell_runs_twice_in_a_row_and_after_a_restart(name: str) -> None:
    assert problems(NOTEBOOKS / f"{name}.ipynb") == []


def test_a_cell_that_runs_only_once_is_found(tmp_path: Path) -> None:
    solved = {"output_type": "stream", "name": "stdout", "text": "Solved.\n"}
    sources = {
        "waiting = [1]": [],
        "waiting.pop()": [],
        "print('Not yet.' if waiting else 'Solved.'); waiting.append(2)": [solved],
    }
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "source": source,
            "execution_count": number,
            "outputs": outputs,
        }
        for number, (source, outputs) in enumerate(sources.items(), start=1)
    ]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    (tmp_path / "once.ipynb").write_text(json.dumps(notebook))
    assert problems(tmp_path / "once.ipynb") == [
        "once [2] twice in a row: IndexError: pop from empty list",
        "once [3] twice in a row: 'Solved' is stored, and it printed 'Not yet.\\n'",
    ]
