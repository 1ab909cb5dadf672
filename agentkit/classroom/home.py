"""Where the course keeps its state: one git-ignored folder, `.agentkit/` in the repository."""

from __future__ import annotations

import os
from pathlib import Path


class ClassroomError(Exception):
    """Something on this machine is in the way; the message ends with what to do about it."""


def home() -> Path:
    """Find the state folder, and make it if it isn't there.

    Returns:
        `$AGENTKIT_HOME` if that is set, else `.agentkit/` beside the `agentkit` package's
        folder when that is a checkout, else `.agentkit/` in the current folder.

    Raises:
        ClassroomError: The folder can't be written.
    """
    configured = os.environ.get("AGENTKIT_HOME")
    checkout = Path(__file__).resolve().parents[2]
    if configured:
        folder = Path(configured).expanduser().resolve()
    elif (checkout / "pyproject.toml").exists():
        folder = checkout / ".agentkit"
    else:
        folder = Path.cwd() / ".agentkit"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-{os.getpid()}"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as err:
        raise ClassroomError(
            f"Can't write to {folder} ({err.strerror}). Free some space or choose another "
            "folder, for example: export AGENTKIT_HOME=~/agentkit-state"
        ) from None
    return folder
