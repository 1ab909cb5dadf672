"""`make demo`: the story in a terminal, and nothing left running after it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from classroom.machine import processes

COMMAND = [sys.executable, "-m", "classroom", "demo"]


@pytest.fixture(autouse=True)
def _a_home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AGENTKIT_HOME", str(tmp_path))
    for name in [v for v in os.environ if v.startswith(("ANTHROPIC_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("AGENTKIT_EMBEDDED_TEMPORAL", raising=False)
    monkeypatch.delenv("AGENTKIT_EMBEDDED_CLAUDE", raising=False)
    yield
    for process in processes.everything():
        process.kill()


def left_over(home: Path) -> list[str]:
    """Every process that works in this home, whether it is recorded or not."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("AGENTKIT_HOME") == str(home):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.mark.server
@pytest.mark.parametrize(
    "surroundings", [{}, {"PYTHONIOENCODING": "ascii", "ALL_PROXY": "socks5://127.0.0.1:9"}]
)
def test_it_kills_a_worker_and_shows_one_refund_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, surroundings: dict[str, str]
) -> None:
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    told = subprocess.run(COMMAND, capture_output=True, text=True, timeout=120)
    assert (told.returncode, told.stderr) == (0, "")
    assert "return code -9" in told.stdout
    assert re.search(r"After \d+\.\d s the other worker called Claude again\.", told.stdout)
    assert re.search(r"6 +call_claude +completed +2 +activity Heartbeat timeout", told.stdout)
    timeline = told.stdout.partition("the other worker")[2]
    calls = sum(map(int, re.findall(r"\d+ +call_claude +completed +(\d+)", timeline)))
    counted = f"1 refund, 1 email, {calls} model calls (4, and {calls - 4} that was cut off)."
    assert counted in told.stdout
    assert "Claude: I have refunded 38.50 EUR" in told.stdout
    assert left_over(tmp_path) == []


def test_ctrl_c_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as telling:
        assert telling.stdout is not None
        assert telling.stderr is not None
        for line in telling.stdout:
            if b"worker-durable_loop-first" in line:
                break
        telling.send_signal(signal.SIGINT)
        telling.stdout.read()
        assert telling.stderr.read() == b"Stopped.\n"
    assert telling.returncode == 130
    assert left_over(tmp_path) == []
