"""Ports that are free, and that stay free while a killed server is away."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable

from classroom.machine.home import ClassroomError

_OUR_PORTS = range(20_000, 32_000)
"""The range searched for free ports: below those that systems lend to outgoing connections (from
32,768 on Linux, 49,152 on macOS and Windows). One of those, given up by a killed server, may be
lent to anybody by the time the server comes back, even to a client that tries to reach it."""

_NO_BROWSER = (10080, 6697, 6679, *range(6665, 6670), 6566, 6000, 5061, 5060)
_NO_BROWSER += (4190, 4045, 3659, 2049, 1723, 1720, 1719)
"""The unprivileged ports to which no browser connects, whatever a page asks for: "port blocking" in
the Fetch standard (https://fetch.spec.whatwg.org/#port-blocking)."""


def free_port(preferred: int) -> int:
    """Find a port of 127.0.0.1 on which nothing listens.

    Args:
        preferred: The one to take if it is free; 0 for any.
    """
    wishes = [preferred] if preferred else []
    if (found := _first_free([*wishes, *random.sample(_OUR_PORTS, 100), 0])) is None:
        raise ClassroomError("No free port on 127.0.0.1: close some programs and try again.")
    return found


def port_without_browsers() -> int | None:
    """Find a free port of 127.0.0.1 that no web page can reach; None if all are taken."""
    return _first_free(random.sample(_NO_BROWSER, len(_NO_BROWSER)))


def listens(port: int) -> bool:
    """Tell whether a program takes connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _first_free(ports: Iterable[int]) -> int | None:
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return None
