"""Each part of the benchmark, small: so that it still measures what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import newcomer
from tests.bench.kills import recoveries
from tests.bench.newcomer import notebooks
from tests.bench.parts import crowds, long_runs, tools
from tests.bench.workplace import workplace


async def test_a_kill_is_followed_by_another_call_of_claude() -> None:
    async with workplace("smoke") as place:
        (seconds,) = await recoveries(place, "agentkit", 1)
    assert seconds > 1  # a heartbeat timeout has passed: it was a kill, and no second question


async def test_both_loops_run_ten_tools_and_only_one_of_them_at_once() -> None:
    measured = await tools(times=1)
    ten, start = measured.rows
    assert ten.bars is not None
    naive, ours = ten.bars
    assert naive > 10 > ours
    assert start.bars is not None


async def test_crowds_are_counted_by_turn() -> None:
    (table,) = (await crowds(sizes=(1, 3), workers=(1, 2), times=1)).tables
    assert [row[:2] for row in table.rows] == [["1", "1"], ["3", "1"], ["1", "2"], ["3", "2"]]
    assert all(len(row) == len(table.columns) for row in table.rows)


async def test_long_runs_are_compared() -> None:
    rows = {row.what: row for row in (await long_runs(turns=12, letters=6)).rows}
    last = rows["its history per turn, last turns"]
    assert float(last.gain) > 5
    assert rows["a conversation with 10 KB of tool results a turn"].ours.startswith("completed: ")


@pytest.mark.server
def test_a_first_answer_is_given_in_an_empty_home(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench.first_answer"]
    env = {**os.environ, "AGENTKIT_HOME": str(tmp_path)}
    told = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180)
    assert told.returncode == 0, told.stderr
    assert len(json.loads(told.stdout)) == 3
    assert not list((tmp_path / "processes").glob("*.json"))


@pytest.mark.server
def test_notebooks_are_executed_and_their_cells_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (tmp_path / "tests").symlink_to(newcomer.CHECKOUT / "tests")
    cell = {
        "cell_type": "code",
        "id": "one",
        "metadata": {},
        "execution_count": 1,
        "source": "print(6 * 7)",
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "42\n"}],
    }
    kernel = {"name": "python3", "display_name": "Python 3"}
    book = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "one.ipynb").write_text(json.dumps(book))
    monkeypatch.setattr(newcomer, "NOTEBOOKS", folder)
    monkeypatch.setattr(newcomer, "CHECKOUT", tmp_path)
    seconds, cells = notebooks()
    assert seconds > 0
    assert cells == 1
