"""A second Jupyter kernel for a lesson to use, and to kill.

A notebook can't kill its own kernel and go on; it can kill another one, and be the fresh
kernel that picks up what that one started.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path
from typing import cast

from jupyter_client.manager import AsyncKernelManager, start_new_async_kernel
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from classroom.machine.home import ClassroomError, replace_file
from classroom.workers import NOTEBOOKS


def no_history(folder: Path) -> Path:
    """Make an IPython folder whose kernels keep no history: a cell may hold an API key.

    Args:
        folder: The folder, for the environment variable IPYTHONDIR.
    """
    profile = folder / "profile_default"
    (profile / "startup").mkdir(parents=True, exist_ok=True)
    # Or IPython copies one there, with a mode that lets everybody read it.
    replace_file(profile / "startup" / "README", "Files here are run when a kernel starts.\n")
    replace_file(profile / "ipython_config.py", "c.HistoryManager.enabled = False\n")
    return folder


class SecondKernel:
    """A Jupyter kernel in a process of its own, as another notebook would have."""

    def __init__(self, manager: AsyncKernelManager, client: object) -> None:
        self._manager = manager
        self._client = client

    @classmethod
    async def start(cls, folder: Path = NOTEBOOKS) -> SecondKernel:
        """Start a kernel.

        Args:
            folder: The working folder, from where `recipes` can be imported.
        """
        manager, client = await start_new_async_kernel(
            cwd=str(folder),
            extra_arguments=["--HistoryManager.enabled=False"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return cls(manager, client)

    async def run(self, code: str, *, timeout: float = 60) -> str:
        """Run code in that kernel, top-level await included.

        Args:
            code: Python, as in a cell.
            timeout: Seconds that it may take.

        Returns:
            What it printed.

        Raises:
            ClassroomError: The code failed or took too long, or the kernel has ended.
        """
        printed: list[str] = []

        def collect(message: dict[str, dict[str, object]]) -> None:
            content = message["content"]
            if "text" in content:
                printed.append(str(content["text"]))
            elif "ename" in content:
                raise ClassroomError(
                    f"In the second kernel: {content['ename']}: {content['evalue']}"
                )

        if not await self._manager.is_alive():
            raise ClassroomError("The second kernel has ended: start another one.")
        try:
            await self._client.execute_interactive(  # type: ignore[attr-defined]
                code, output_hook=collect, timeout=timeout, allow_stdin=False
            )
        except TimeoutError:
            raise ClassroomError(f"The second kernel took more than {timeout:.0f} s.") from None
        return "".join(printed)

    async def kill(self) -> int:
        """End the kernel with SIGKILL, as when its machine goes down.

        Returns:
            Its return code, −9.
        """
        kernel = cast(LocalProvisioner, self._manager.provisioner).process
        assert kernel is not None, "start() returns started kernels only"
        await self._manager.signal_kernel(signal.SIGKILL)
        code = await asyncio.to_thread(kernel.wait, 10)
        await self.close()
        return int(code)

    async def close(self) -> None:
        """End the kernel if it still runs, and close the channels to it."""
        self._client.stop_channels()  # type: ignore[attr-defined]
        await self._manager.shutdown_kernel(now=True)
