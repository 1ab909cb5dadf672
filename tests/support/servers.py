"""Finds the tests that start a server or a worker, by following what they and their fixtures call.

`make check` leaves these out, and nobody has to mark them.
"""

from __future__ import annotations

import asyncio
import inspect
import subprocess
from collections.abc import Iterator
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

_STARTERS = (subprocess.Popen, asyncio.create_subprocess_exec, WorkflowEnvironment)
_FOLLOWED = ("tests.", "classroom.", "agentkit.testing")


def starts_a_server(item: pytest.Item) -> bool:
    """Whether a test, or a fixture of it, reaches something that starts a process or a server.

    Args:
        item: The test. A notebook's cell counts as one that does.
    """
    if not isinstance(item, pytest.Function):
        return True
    fixtures = [each for found in item._fixtureinfo.name2fixturedefs.values() for each in found]
    return any(map(reaches_a_starter, [item.obj, *(each.func for each in fixtures)]))


@cache
def reaches_a_starter(function: Any) -> bool:
    """Whether a function calls, directly or through other functions of ours, what starts a process.

    Args:
        function: A test, a fixture or a helper.
    """
    seen: set[Any] = set()
    waiting = [function]
    while waiting:
        found = waiting.pop()
        if found in _STARTERS:
            return True
        if found not in seen:
            seen.add(found)
            waiting += _named_by(found)
    return False


def _named_by(found: Any) -> Iterator[Any]:
    """The functions and classes that a function's code names, or a class's methods name."""
    if inspect.isclass(found) and found.__module__.startswith(_FOLLOWED):
        for member in vars(found).values():
            yield from _named_by(getattr(member, "__func__", member))
    function = inspect.unwrap(found) if callable(found) else None
    if isinstance(function, FunctionType) and function.__module__.startswith(_FOLLOWED):
        names, known = _names_in(function.__code__), function.__globals__
        for name in names & set(known):
            value = known[name]
            inside = vars(value) if isinstance(value, ModuleType) else {}
            for each in [value, *(inside[other] for other in names & set(inside))]:
                if inspect.isroutine(each) or inspect.isclass(each):
                    yield each


def _names_in(code: CodeType) -> set[str]:
    inner = [_names_in(each) for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*inner)
