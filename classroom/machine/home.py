"""The course's state: one git-ignored folder, `.agentkit/` in the repository.

It holds customers' words and what a learner types. So only its owner may read it, and nothing in
it is believed that somebody else could have written.
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from agentkit.stores.sqlite import OTHERS, OTHERS_WRITE, not_private, private_folder

_OURS = ("processes", "shop.db", "store.db", "temporal.db")
_ELSEWHERE = "choose another folder, for example: export AGENTKIT_HOME=~/agentkit-state"


class ClassroomError(Exception):
    """Something on this machine is in the way; the message ends with what to do about it."""


def folder() -> Path:
    """Name the state folder without touching it.

    Returns:
        `$AGENTKIT_HOME` if that is set, else `.agentkit/` beside the `agentkit` package's
        folder when that is a checkout, else `.agentkit/` in the current folder.

    Raises:
        ClassroomError: It is there, and others may have put something into it.
    """
    configured = os.environ.get("AGENTKIT_HOME")
    checkout = Path(__file__).resolve().parents[2]
    if configured:
        state = Path(configured).expanduser().absolute()
    else:
        state = (checkout if (checkout / "pyproject.toml").exists() else Path.cwd()) / ".agentkit"
    if (why := not_private(state)) is not None:
        raise ClassroomError(f"{state} {why}, or {_ELSEWHERE}")
    return state.resolve()


def home() -> Path:
    """Find the state folder, and make it if it isn't there.

    From then on nobody else can read what this process makes, and what it starts.

    Returns:
        What `folder` names, once it has been seen to take data.

    Raises:
        ClassroomError: The folder can't be written, or isn't the course's alone.
    """
    state = folder()
    os.umask(0o077)
    try:
        there = set(os.listdir(state)) if state.exists() else set()
        if there and there.isdisjoint(_OURS) and state.stat().st_mode & OTHERS:
            # It may be a home directory, or a whole disk.
            raise ClassroomError(
                f"Others can read {state}, and not all in it is the course's: close it with "
                f"chmod go-rwx, or {_ELSEWHERE}"
            )
        private_folder(state)
        with tempfile.TemporaryFile(dir=state, buffering=0) as probe:
            probe.write(b"x" * 4096)
    except OSError as err:
        raise ClassroomError(
            f"Can't write to {state} ({err.strerror}). Free some space or {_ELSEWHERE}"
        ) from None
    return state


def read_ours(file: Path) -> bytes:
    """Read a file that nobody else can have written.

    Raises:
        OSError: There is none, it is a symbolic link, or others may write it.
    """

    def regular(path: str, flags: int) -> int:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)

    with open(file, "rb", opener=regular) as stream:
        found = os.fstat(stream.fileno())
        if found.st_uid != os.geteuid() or found.st_mode & OTHERS_WRITE:
            raise PermissionError(errno.EPERM, "Others may have written it", str(file))
        return stream.read()


def replace_file(file: Path, text: str) -> None:
    """Write a file for its owner alone, in one step, in the place of whatever has its name."""
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with open(descriptor, "w", encoding="utf8") as stream:
            stream.write(text)
        os.replace(draft, file)
    except BaseException:
        os.unlink(draft)
        raise
