"""A recipe copied to where nobody looks, and its tests run there: how a lesson ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
from pathlib import Path

from classroom.copy import copy_recipe
from classroom.machine.home import ClassroomError


async def copy_and_test(name: str) -> str:
    """Copy a recipe to a temporary folder, and run its tests there, in a process of their own.

    One of them kills a worker. The folder is removed.

    Args:
        name: The recipe's name.

    Returns:
        A line for each test.

    Raises:
        ClassroomError: One failed; the message is pytest's.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = await copy_recipe(name, Path(folder) / "support-desk")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", "-v", "--no-header", "-p", "no:cacheprovider"),
            cwd=copy.dest,
            env={**_without_pytest(), "NO_COLOR": "1"},
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
    passed = re.findall(r"^\S+::test_(\w+)\S* PASSED", output, re.MULTILINE)
    lines = (each.replace("_", " ") for each in dict.fromkeys(passed))
    return "\n".join(f"passed  {line}" for line in lines)


def _without_pytest() -> dict[str, str]:
    """The environment, without what a test run of this repository would tell the other one."""
    return {name: v for name, v in os.environ.items() if not name.startswith("PYTEST_")}
