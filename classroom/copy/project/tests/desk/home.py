"""Where the stand-ins keep what they keep."""

from __future__ import annotations

import tempfile
from pathlib import Path


class ClassroomError(Exception):
    """Something on this machine is in the way; the message says what to do about it."""


def home() -> Path:
    """Name a folder for databases of the stand-ins; tests choose their own by SHOP_DB."""
    return Path(tempfile.gettempdir())
