"""Ports that are free, and that stay free while a killed server is away."""

from __future__ import annotations

import random
import socket

from classroom.machine.home import ClassroomError

_OUR_PORTS = range(20_000, 32_000)
"""The range searched for free ports: below those that systems lend to outgoing connections (from
32,768 on Linux, 49,152 on macOS and Windows). One of those, given up by a killed server, may be
lent to anybody by the time the server comes back, even to a client that tries to reach it."""


def free_port(preferred: int) -> int:
    """Find a port of 127.0.0.1 on which nothing listens.

    Args:
        preferred: The one to take if it is free; 0 for any.
    """
    any_of_ours = random.sample(_OUR_PORTS, 100)
    for port in (*([preferred] if preferred else []), *any_of_ours, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ClassroomError("No free port on 127.0.0.1: close some programs and try again.")
