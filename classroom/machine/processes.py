"""Processes that the course owns: started once, recorded by pid, found again, ended for sure.

A record under `.agentkit/processes/` names each one, so that another kernel can adopt it and
`.venv/bin/agentkit down` can end it. A pid alone is not trusted: the start time must match too,
the process must be this user's, and its environment must say that the course has started it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import psutil
from pydantic import TypeAdapter

from agentkit.stores.sqlite import private_file
from classroom.machine.home import ClassroomError, folder, home, read_ours, replace_file
from classroom.machine.waiting import eventually, wait_until

STARTED_AS = "AGENTKIT_STARTED_AS"
"""The environment variable of each process of ours; it holds the process's name."""

_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Background:
    """A process of ours that runs in the background.

    Attributes:
        name: What the course calls it: "temporal", "offline-claude", "worker-…".
        pid: Its process id.
        created: When it started, in seconds since the epoch, as the system tells.
        details: What its owner needs to find again, such as ports.
    """

    name: str
    pid: int
    created: float
    details: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """The file that holds everything it printed, unless that went to a terminal."""
        return folder() / "logs" / f"{self.name}.log"

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        child = _children.get(self.pid)
        if child is not None:
            # Not by its state: a killed process with many threads is a zombie for a moment
            # before its return code can be had.
            return child.poll() is None
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created) >= 1:
                return False
            return process.status() != psutil.STATUS_ZOMBIE or _has_threads(self.pid)
        except psutil.NoSuchProcess:
            return False

    def kill(self) -> int | None:
        """End it with SIGKILL, which it can neither catch nor delay.

        Returns:
            Its return code, −9; None when it isn't a child of this process, since the
            system tells only the parent.
        """
        return self._end(signal.SIGKILL, deadline=10)

    def stop(self, grace: float = 10) -> int | None:
        """Ask it to end with SIGTERM, and kill it if it doesn't.

        Args:
            grace: Seconds that it may take.

        Returns:
            Its return code, or None when it isn't a child of this process.
        """
        return self._end(signal.SIGTERM, deadline=grace)

    def wait(self, timeout: float = 60) -> int | None:
        """Wait until it ends by itself.

        Args:
            timeout: Seconds to wait.

        Returns:
            Its return code, or None when it isn't a child of this process.

        Raises:
            ClassroomError: It still runs.
        """
        if not wait_until(lambda: not self.alive, timeout=timeout):
            raise ClassroomError(
                f"{self.name} still runs after {timeout:.0f} s. The end of its log:\n"
                f"{self.log_tail()}"
            )
        _forget(self)
        return self.returncode

    def _end(self, number: signal.Signals, deadline: float) -> int | None:
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
            # Not psutil's wait(): a container whose first process collects nobody's dead
            # children would let it wait for a zombie.
            ended = wait_until(lambda: not self.alive, timeout=deadline, every=0.01)
            if not ended and number != signal.SIGKILL:
                return self.kill()
        _forget(self)
        return self.returncode

    @property
    def returncode(self) -> int | None:
        """Its exit code, or minus the signal's number; None while unknown."""
        child = _children.get(self.pid)
        return child.poll() if child is not None else None

    def log_tail(self, lines: int = 20) -> str:
        """Read the end of what it printed.

        Args:
            lines: How many lines at most.
        """
        try:
            text = read_ours(self.log).decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


_STORED = TypeAdapter(Background)


def _has_threads(zombie: int) -> bool:
    """Whether threads of a dead process still end: its ports are taken until the last has."""
    try:
        return len(os.listdir(f"/proc/{zombie}/task")) > 1
    except OSError:  # it is gone by now, or this isn't Linux
        return False


def start(
    name: str,
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    details: Mapping[str, str] | None = None,
) -> Background:
    """Start a process in the background and record it.

    It gets a session of its own, so that Ctrl-C or a kernel's interrupt doesn't reach it.

    Args:
        name: What to call it; an earlier process of that name is stopped first.
        command: The program and its arguments.
        env: Variables on top of this process's own.
        cwd: Its working folder.
        details: Kept in the record.

    Raises:
        ClassroomError: The program can't be started.
    """
    before = find(name)
    if before is not None:
        before.stop()  # or its record would be lost, and nothing could end it any more
    log = home() / "logs" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    try:
        with private_file(log).open("wb") as output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {}), STARTED_AS: name},
                cwd=cwd,
                start_new_session=True,
            )
    except OSError as err:
        raise ClassroomError(
            f"Can't start {command[0]}: {err.strerror}. "
            "`.venv/bin/agentkit doctor` says what is missing."
        ) from None
    _children[child.pid] = child
    try:
        return remember(name, child.pid, details)
    except BaseException:
        child.kill()
        child.wait()
        raise


def remember(name: str, pid: int, details: Mapping[str, str] | None = None) -> Background:
    """Record a process of ours, so that `.venv/bin/agentkit down` finds and ends it.

    Args:
        name: What to call it; its environment holds that name as `STARTED_AS`.
        pid: Its process id.
        details: Kept in the record.
    """
    created = psutil.Process(pid).create_time()
    process = Background(name, pid, created, dict(details or {}))
    (home() / "processes").mkdir(exist_ok=True)
    replace_file(_record(name), json.dumps(asdict(process)))
    return process


async def until(condition: Callable[[], bool], process: Background, *, timeout: float = 60) -> None:
    """Wait until something has happened that a process of ours is to bring about.

    Args:
        condition: Whether it has happened.
        process: The process that is at work on it.
        timeout: Seconds to wait.

    Raises:
        ClassroomError: The process ended or the time was up before; its log's end is shown.
    """

    def failed(how: str) -> ClassroomError:
        return ClassroomError(f"{process.name} {how}. The end of its log:\n{process.log_tail()}")

    async def check() -> bool:
        if not (holds := condition()) and not process.alive:
            raise failed("ended before it")
        return holds

    late = f"didn't get there within {timeout:.0f} s"
    await eventually(check, timeout=timeout, otherwise=lambda: failed(late), every=0.02)


def find(name: str) -> Background | None:
    """Find a process by name, whichever program started it.

    Args:
        name: The name it was started under.

    Returns:
        The running process; None when there is none. A record is dropped when its process
        has died or its pid now belongs to another program.

    Raises:
        ClassroomError: Others may have put records there.
    """
    try:
        process = replace(_STORED.validate_json(read_ours(_record(name))), name=name)
    except OSError:
        return None
    except ValueError:
        with suppress(OSError):
            _record(name).unlink()
        return None
    if not process.alive or not _started_here(process):
        _forget(process)
        return None
    return process


def _started_here(process: Background) -> bool:
    """Whether it is this user's, and `start` or JupyterLab's start has named it."""
    try:
        found = psutil.Process(process.pid)
        # One that has ended has no environment; one that begins has none for a moment.
        while not (environ := found.environ()):
            if found.status() == psutil.STATUS_ZOMBIE:
                return True
            if time.time() - process.created > 1:
                return False
            time.sleep(0.01)
        return found.uids().real == os.getuid() and environ[STARTED_AS] == process.name
    except (psutil.Error, KeyError):
        return False


def everything() -> list[Background]:
    """List all our running processes, by name."""
    names = sorted(p.stem for p in (folder() / "processes").glob("*.json"))
    return [process for name in names if (process := find(name)) is not None]


def _record(name: str) -> Path:
    # Not home(): what runs must be found, and ended, on a full or read-only disk too.
    return folder() / "processes" / f"{name}.json"


def _forget(process: Background) -> None:
    """Drop a record, unless another process has taken over the name."""
    record = _record(process.name)
    try:
        if json.loads(read_ours(record)).get("pid") == process.pid:
            record.unlink(missing_ok=True)
    except (OSError, ValueError):
        pass
