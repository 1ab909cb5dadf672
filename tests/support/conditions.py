"""Waiting for what is to come true, and ports that are taken or free."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from classroom.machine.waiting import wait_until


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    assert wait_until(lambda: bool(condition()), timeout=seconds), "the condition never came true"


@contextmanager
def taken(port: int = 0) -> Iterator[int]:
    """Listen on a port, unless another program does so already."""
    with socket.socket() as listener:
        if port == 0 or listener.connect_ex(("127.0.0.1", port)) != 0:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        yield port or listener.getsockname()[1]


def closed_port() -> int:
    with taken() as port:
        return port


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
