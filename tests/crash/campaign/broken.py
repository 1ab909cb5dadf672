"""Code with a bug in it: each must be caught, and for its own reason."""
from __future__ import annotations
from typing import Any
BROKEN: list[Any] = []
async def caught(a: Any, b: Any) -> list[str]:
    return []
