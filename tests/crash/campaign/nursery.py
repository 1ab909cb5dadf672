"""The campaign's side of the zygote: processes to start, to wait for and to kill."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]

PYTHON = ["python", "-m"]
"""How a command of `Nursery.spawn` begins that is forked, not started."""


@dataclass(eq=False)
class Child:
    """A process that the zygote has forked.

    Attributes:
        name: What it is, for messages.
        pid: Its process id.
        log: What it printed.
        gate: A file that it waits for before it begins; None when it doesn't wait.
        ended: Its exit code, once it has ended; −9 after SIGKILL.
    """

    name: str
    pid: int
    log: Path
    gate: Path | None
    ended: asyncio.Future[int] = field(repr=False)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return not self.ended.done()

    def begin(self) -> None:
        """Let it begin."""
        if self.gate is not None:
            self.gate.touch()

    async def kill(self) -> int:
        """Send SIGKILL, and wait for the end.

        Returns:
            The exit code; -9 unless it had ended before.
        """
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
        return await asyncio.wait_for(asyncio.shield(self.ended), 20)

    def log_tail(self, lines: int = 15) -> str:
        """The end of what it printed."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Nursery:
    """One zygote; `async with` it."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[int]] = {}
        self._children: dict[int, Child] = {}
        self._early: dict[int, int] = {}

    async def __aenter__(self) -> Nursery:
        # Nobody's own server, key or proxy has a part in this.
        strangers = ("ANTHROPIC_", "TEMPORAL_", "AGENTKIT_", "SHOP_", "APPROVAL_")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(strangers)}
        environment |= {
            "PYTHONPATH": str(ROOT),
            "TEMPORAL_CONFIG_FILE": "/nonexistent",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.crash.campaign.zygote",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        if not await self._process.stdout.readline():
            raise RuntimeError("The zygote didn't start; what it said is above.")
        self._listening = asyncio.create_task(self._listen(self._process.stdout))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._listening

    async def spawn(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: Path,
        log: Path,
        env: Mapping[str, str] | None = None,
        path: Sequence[Path] = (),
        plan: dict[str, Any] | None = None,
        early: Sequence[str] = (),
        gate: Path | None = None,
    ) -> Child:
        """Fork a process.

        Args:
            name: What it is, for messages.
            command: The program's path and its arguments; `python -m` and its arguments for a
                Python process, which is spared the start.
            cwd: Its working folder.
            log: Where its output goes.
            env: Variables on top of the zygote's.
            path: Folders to import from first.
            plan: For `hooks.install`; None leaves it as it is.
            early: Modules to import before it waits at its gate.
            gate: A file that it waits for; None begins at once.
        """
        number = next(self._ids)
        python = list(command[:2]) == PYTHON
        order = {
            "id": number,
            "program": None if python else command[0],
            "module": command[2] if python else None,
            "arguments": list(command[3:] if python else command[1:]),
            "cwd": str(cwd),
            "path": [str(p) for p in path],
            "log": str(log),
            "env": dict(env or {}),
            "plan": plan,
            "early": list(early),
            "gate": str(gate) if gate else None,
        }
        loop = asyncio.get_running_loop()
        asked = self._asked[number] = loop.create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        pid = await asked
        child = self._children[pid] = Child(name, pid, log, gate, loop.create_future())
        if pid in self._early:
            child.ended.set_result(self._early.pop(pid))
        return child

    async def _listen(self, output: asyncio.StreamReader) -> None:
        while line := await output.readline():
            event = json.loads(line)
            if "id" in event:
                self._children.pop(event["pid"], None)  # of an older process with this pid
                self._asked.pop(event["id"]).set_result(event["pid"])
            elif event["pid"] in self._children:
                self._children[event["pid"]].ended.set_result(event["code"])
            else:
                self._early[event["pid"]] = event["code"]
        for child in self._children.values():
            if not child.ended.done():
                child.ended.set_result(-signal.SIGKILL)
