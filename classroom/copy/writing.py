"""A folder that is there as a whole, or not at all."""

from __future__ import annotations

import asyncio
import errno
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from classroom.copy.wheel import CHECKOUT
from classroom.machine.home import ClassroomError


def check(dest: Path) -> Path:
    """Return the absolute path of a folder that may be written; `~` is the user's home.

    Raises:
        ClassroomError: It may not be written; the message says why.
    """
    dest = dest.expanduser().absolute()
    if dest.resolve().is_relative_to(CHECKOUT):
        raise ClassroomError(
            f"{dest} is inside this repository, whose settings would mix with the project's. "
            "Choose a folder outside, for example ~/support-desk."
        )
    if dest.is_symlink() or (dest.exists() and not dest.is_dir()):
        raise ClassroomError(f"{dest} is there already, and isn't a folder. Choose another one.")
    if dest.exists() and any(dest.iterdir()):
        raise ClassroomError(
            f"{dest} is there already, and isn't empty. Nothing is overwritten: choose another "
            "folder, or remove this one first."
        )
    return dest


async def write(files: Mapping[str, bytes], dest: Path) -> None:
    """Write a project beside its place, format it, and move it there.

    Args:
        files: Contents by path.
        dest: The folder, checked by `check`.

    Raises:
        ClassroomError: It can't be written, as when the disk is full. Nothing is left behind.
    """
    made: list[Path] = []
    beside: Path | None = None
    try:
        for folder in reversed([dest.parent, *dest.parent.parents]):
            if not folder.exists():
                folder.mkdir()
                made.append(folder)
        beside = Path(tempfile.mkdtemp(prefix=f".{dest.name}-", dir=dest.parent))
        beside.chmod(0o755)
        for name, content in files.items():
            file = beside / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        await _format(beside)
        _move(beside, dest)
        beside, made = None, []
    except OSError as err:
        why = "is taken by now" if err.errno in (errno.ENOTEMPTY, errno.EEXIST) else "can't be made"
        raise ClassroomError(
            f"{dest} {why} ({err.strerror}). Nothing was written. Choose another folder, or make "
            f"{dest.parent} writable with some space free."
        ) from None
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)
        for folder in reversed(made):
            folder.rmdir()


def _move(beside: Path, dest: Path) -> None:
    if not dest.exists():
        beside.rename(dest)
        return
    if any(dest.iterdir()):
        raise OSError(errno.ENOTEMPTY, "Directory not empty")
    # An empty folder stays the folder that it is: a shell may stand in it.
    for each in beside.iterdir():
        each.rename(dest / each.name)
    beside.rmdir()


async def _format(folder: Path) -> None:
    """Sort imports, break lines and drop idle `noqa`s, as the project's own settings have it."""
    for arguments in (["check", "--fix", "--exit-zero", "--silent"], ["format"]):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ruff",
            *arguments,
            "--no-cache",
            ".",
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode != 0:
            raise ClassroomError(
                f"The recipe can't be copied. Nothing was written. ruff says: {output.decode()}"
            )
