"""JupyterLab in a terminal: the course's notebooks, on 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import os
import sys

from classroom.kernels import no_history
from classroom.machine import processes
from classroom.machine.home import ClassroomError, home, replace_file
from classroom.workers import NOTEBOOKS

_STOP_SECONDS = 10


async def serve(port: int | None = None, *, browser: bool = True) -> None:
    """Serve JupyterLab on this machine until it is shut down from its menu, or cancelled.

    Args:
        port: The port, if it is free; None is JupyterLab's own choice.
        browser: Open one, where there is a display.

    Raises:
        ClassroomError: JupyterLab failed; it has printed why.
    """
    # Without a display, Python would open a text browser in this very terminal.
    headless = sys.platform != "darwin" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.root_dir={NOTEBOOKS}"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    # Its address is what it prints at any level; the rest is for those who look for a fault.
    command += ["--ServerApp.log_level=WARN", "--LabApp.log_level=WARN"]
    command += [f"--ServerApp.port={port}"] if port else []
    command += [] if browser and not headless else ["--no-browser"]
    command += ["--allow-root"] if os.getuid() == 0 else []
    # In a session of its own Ctrl-C doesn't reach it, which it would answer with a question.
    server = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **_folders(), processes.STARTED_AS: "jupyterlab"},
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        # When this process is killed and can't end it, `down` does.
        processes.remember("jupyterlab", server.pid)
        code = await server.wait()
    except asyncio.CancelledError:
        print("Ending JupyterLab and what runs behind it.", flush=True)
        return
    finally:
        if server.returncode is None:
            server.terminate()
            try:
                await asyncio.wait_for(server.wait(), _STOP_SECONDS)
            except TimeoutError:
                server.kill()
                await server.wait()
    if code != 0:
        raise ClassroomError(
            f"JupyterLab ended with exit code {code}; the reason is above. "
            "Check this machine with: .venv/bin/agentkit doctor"
        )


def _folders() -> dict[str, str]:
    """Keep JupyterLab's files with the course's, so that it needs no home directory."""
    base = home() / "jupyter"
    folders = {f"JUPYTER_{n}_DIR": base / n.lower() for n in ("CONFIG", "DATA", "RUNTIME")}
    # Or JupyterLab asks every newcomer whether to fetch news from the internet.
    news = base / "config/lab/user-settings/@jupyterlab/apputils-extension"
    news.mkdir(parents=True, exist_ok=True)
    replace_file(news / "notification.jupyterlab-settings", '{"fetchNews": "false"}\n')
    chosen = {name: os.environ.get(name) or str(path) for name, path in folders.items()}
    return {**chosen, "IPYTHONDIR": str(no_history(base / "ipython"))}
