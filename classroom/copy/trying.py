"""A recipe, copied to a temporary folder and tested there: the end of a lesson."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
import zipfile
from pathlib import Path

from classroom.copy import copy_recipe
from classroom.machine.home import ClassroomError


async def copy_and_test(name: str) -> str:
    """Copy a recipe to a temporary folder, and run the project's tests there.

    One of them kills a worker. The tests use the course's installed packages instead of an
    environment of the project's own, with the same versions; offline Claude and shop come from the
    project's wheel. The folder is removed afterwards.

    Args:
        name: The recipe's name.

    Returns:
        A line for each test.

    Raises:
        ClassroomError: A test failed; the message is pytest's.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = await copy_recipe(name, Path(folder) / "support-desk")
        (wheel,) = copy.dest.glob("tests/*.whl")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(Path(folder) / "wheel")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pytest",
            "-v",
            "--no-header",
            "-pno:cacheprovider",
            "-ppytest_asyncio.plugin",
            "-ppytest_timeout",
            cwd=copy.dest,
            env={**_environment(), "PYTHONPATH": f"{folder}/wheel"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output = (await process.communicate())[0].decode()
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGINT)  # pytest then ends what its tests have started
                await process.wait()
    if process.returncode != 0:
        raise ClassroomError(f"The tests of {name} fail in a copy:\n{output}")
    passed = set(re.findall(r"::(test_\w+)\S* PASSED", output))
    tests = (text for path, text in copy.files.items() if path.startswith("tests/test_"))
    names = re.findall(r"def (test_\w+)", "\n".join(text.decode() for text in tests))
    lines = (name.removeprefix("test_").replace("_", " ") for name in names if name in passed)
    return "\n".join(f"passed  {line}" for line in lines)


def _environment() -> dict[str, str]:
    """Copy the environment, without pytest's settings of a test run of this repository."""
    # Workers and start.py import the same files again and again: these are compiled only once.
    left_out = ("PYTEST_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: v for name, v in os.environ.items() if not name.startswith(left_out)}
    # The course has plugins for pytest that a project hasn't. To load them takes two seconds.
    return {**kept, "NO_COLOR": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
