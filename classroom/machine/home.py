"""The course's state: one git-ignored folder, `.agentkit/` in the repository."""

from __future__ import annotations

import os
from pathlib import Path


class ClassroomError(Exception):
    """Something on this machine is in the way; the message ends with what to do about it."""


def folder() -> Path:
    """Name the state folder without touching it.

    Returns:
        `$AGENTKIT_HOME` if that is set, else `.agentkit/` beside the `agentkit` package's
        folder when that is a checkout, else `.agentkit/` in the current folder.
    """
    configured = os.environ.get("AGENTKIT_HOME")
    checkout = Path(__file__).resolve().parents[2]
    if configured:
        return Path(configured).expanduser().resolve()
    if (checkout / "pyproject.toml").exists():
        return checkout / ".agentkit"
    return Path.cwd() / ".agentkit"


def home() -> Path:
    """Find the state folder, and make it if it isn't there.

    Returns:
        What `folder` names, once it has been seen to take data.

    Raises:
        ClassroomError: The folder can't be written.
    """
    state = folder()
    probe = state / f".write-{os.getpid()}"
    try:
        try:
            state.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"x" * 4096)
        finally:
            probe.unlink(missing_ok=True)
    except OSError as err:
        raise ClassroomError(
            f"Can't write to {state} ({err.strerror}). Free some space or choose another "
            "folder, for example: export AGENTKIT_HOME=~/agentkit-state"
        ) from None
    return state
