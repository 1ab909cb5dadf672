"""Two starts at once: in one kernel, and in two programs."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from filelock import FileLock

from classroom.machine import dev_server, locks, which_claude
from classroom.machine.home import ClassroomError, home


async def test_two_tasks_of_one_kernel_can_start_things_at_the_same_time() -> None:
    begun = time.monotonic()
    await asyncio.gather(dev_server.ensure(), which_claude.ensure(), dev_server.ensure())
    assert time.monotonic() - begun < 50, "waiting blocked the task that holds the lock"


async def test_a_lock_that_is_never_released_gives_a_plain_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AGENTKIT_HOME", str(tmp_path))
    with (
        FileLock(home() / "lock"),
        pytest.raises(ClassroomError, match=r".venv/bin/agentkit down"),
    ):
        async with locks.exclusively(timeout=0.2):
            pass
    async with locks.exclusively(timeout=0.2):
        pass
