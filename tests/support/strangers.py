"""Other users of the machine, and the files that they can see."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

_LOOK = f"""
import os, sys
os.setgroups([])
os.setegid({NOBODY})
os.seteuid({NOBODY})
for each in sys.argv[1:]:
    try:
        os.listdir(each) if os.path.isdir(each) else os.close(os.open(each, os.O_RDONLY))
        print(each)
    except PermissionError:
        pass
"""


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def everything_below(folder: Path) -> list[Path]:
    return [folder, *sorted(folder.rglob("*"))]


def open_to_others(folder: Path) -> list[str]:
    """What others may read or write in a folder, itself included, by their modes."""
    modes = {each: each.lstat().st_mode for each in everything_below(folder)}
    return [
        f"{stat.filemode(mode)} {each}"
        for each, mode in modes.items()
        if mode & 0o077 and not stat.S_ISLNK(mode)
    ]


def seen_by_a_stranger(folder: Path) -> list[str]:
    """What another user can in fact list or open there; for that, the tests must run as root."""
    paths = list(map(str, everything_below(folder)))
    command = [sys.executable, "-c", _LOOK, *paths]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
