"""Waiting for what is to come true, and ports that are taken or free."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)


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
