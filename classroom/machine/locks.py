"""Locks in the state folder, so that two programs don't start the same thing twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from filelock import FileLock, Timeout

from classroom.machine.home import ClassroomError, home
from classroom.machine.waiting import eventually


@asynccontextmanager
async def exclusively(timeout: float = 60) -> AsyncIterator[None]:
    """Lock the state folder, so that two notebooks don't start the same server twice.

    While it waits, the event loop goes on: for Ctrl-C, and for a task that holds the lock.

    Args:
        timeout: Seconds to wait.

    Raises:
        ClassroomError: Another program has held the lock all that time.
    """
    lock = FileLock(home() / "lock", mode=0o600)

    async def acquired() -> bool:
        with suppress(Timeout):
            lock.acquire(timeout=0)
        return lock.is_locked

    await eventually(
        acquired,
        timeout=timeout,
        otherwise=lambda: ClassroomError(
            f"Another program has been starting the same for {timeout:.0f} s. End it, "
            "then: .venv/bin/agentkit down"
        ),
    )
    try:
        yield
    finally:
        lock.release()


def one_at_a_time(name: str) -> FileLock:
    """Lock one process's name, for a start that never waits for the event loop.

    Args:
        name: The process's name.

    Returns:
        A context manager; it waits up to a minute.
    """
    locks = home() / "locks"
    locks.mkdir(exist_ok=True)
    return FileLock(locks / name, timeout=60, mode=0o600)
