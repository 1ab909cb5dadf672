"""What a newcomer waits for: from a fresh clone to the first answer, and for all notebooks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from classroom.machine.home import ClassroomError

CHECKOUT = Path(__file__).resolve().parents[2]
NOTEBOOKS = CHECKOUT / "notebooks"

STEPS = (
    "git clone",
    "set-up of .venv, with the package caches filled",
    "Temporal server and offline Claude",
    "a worker",
    "the first answer",
)


def first_answer() -> list[float]:
    """Clone this checkout's last commit, set it up, and ask a question there.

    Returns:
        Seconds for each of `STEPS`.

    Raises:
        ClassroomError: A step failed; the end of what it printed is shown.
    """
    folder = Path(tempfile.mkdtemp(prefix="agentkit-newcomer-"))
    clone = folder / "agentkit"
    env = {**os.environ, "AGENTKIT_HOME": str(clone / ".agentkit"), "AGENTKIT_TEMPORAL_PORT": "0"}
    try:
        cloning, _ = _timed(["git", "clone", "--quiet", str(CHECKOUT), str(clone)], folder, env)
        setting_up, _ = _timed(["make", ".venv/.made"], clone, env)
        asking = [".venv/bin/python", "-m", "tests.bench.first_answer"]
        _, told = _timed(asking, clone, env)
        return [cloning, setting_up, *json.loads(told.splitlines()[-1])]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def notebooks() -> tuple[float, int]:
    """Execute all notebooks and compare each output, as `make test` does.

    Returns:
        Seconds, and how many cells were compared.

    Raises:
        ClassroomError: A cell failed, or its output differs.
    """
    files = sorted(str(file.relative_to(CHECKOUT)) for file in NOTEBOOKS.glob("*.ipynb"))
    nbval = ["--nbval", "--nbval-cell-timeout=120"]
    nbval += ["--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
    command = [sys.executable, "-m", "pytest", "-q", *nbval, *files]
    seconds, told = _timed(command, CHECKOUT, os.environ)
    found = re.search(r"(\d+) passed", told)
    return seconds, int(found[1]) if found else 0


def _timed(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[float, str]:
    began = time.monotonic()
    # Not a pipe: what a command leaves running would hold it open.
    with tempfile.TemporaryFile("w+", encoding="utf8") as output:
        code = subprocess.run(command, cwd=cwd, env=env, stdout=output, stderr=output).returncode
        output.seek(0)
        text = output.read()
    if code:
        raise ClassroomError(f"`{' '.join(command)}` ended with {code}:\n{text[-2000:]}")
    return time.monotonic() - began, text
