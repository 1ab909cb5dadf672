"""The ports on which processes listen, each named by who owns it and what it speaks."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

API = ("/api/v1/namespaces", "/api/v1/namespaces/default/workflows", "/api/v1/cluster-info")
TEMPORAL = "Temporal"
GRPC = "Temporal: gRPC"
HTTP_API = "Temporal: HTTP API"
METRICS = "Temporal: metrics"
WEB_UI = "Temporal: Web UI"
DOOR = "Web UI's door"
OFFLINE = "Offline Claude"
LAB = "JupyterLab"
KERNEL = "Jupyter kernel"
_BY_COMMAND = {
    "classroom.machine.web_ui": DOOR,
    "classroom offline": OFFLINE,
    "offline_claude": OFFLINE,
    "jupyterlab": LAB,
    "ipykernel_launcher": KERNEL,
}


def listeners_of(processes: Iterable[psutil.Process], *, ask: bool = True) -> dict[int, str]:
    """Name the listening ports of these processes; all must be those of 127.0.0.1.

    Unless Temporal's ports are asked what they are, as those of a server that may end meanwhile
    can't be, each is just "Temporal".
    """
    found = {}
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            command = " ".join(process.cmdline())
            for each in process.net_connections("inet"):
                # A datagram socket with a remote address listens to that one alone.
                datagrams = each.type == socket.SOCK_DGRAM and not each.raddr
                if each.status == psutil.CONN_LISTEN or datagrams:
                    assert each.laddr.ip == "127.0.0.1", f"{command} listens on {each.laddr}"
                    found[each.laddr.port] = _name(command, each.laddr.port, ask=ask)
    return found


def _name(command: str, port: int, *, ask: bool) -> str:
    if " server start-dev " in command:
        if not ask:
            return TEMPORAL
        if f"--ui-port {port} " in command:
            return WEB_UI
        for _ in range(100):  # it listens before it answers
            if "200 OK" in exchange(port, "GET", "/metrics"):
                return METRICS
            if "Host not allowed" in exchange(port, "GET", API[0]):
                return HTTP_API
            if _speaks_http2(port):
                return GRPC
            time.sleep(0.1)
    names = (n for start, n in _BY_COMMAND.items() if re.search(rf" -m {start}( |$)", command))
    return next(names, f"unnamed: {command}")


def _speaks_http2(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        return client.recv(4)[3:] == b"\x04"  # its greeting is a frame of settings
    return False


def exchange(port: int, method: str, path: str, body: str = "", **headers: str) -> str:
    """Send one request as it is, and return the answer; "" if it isn't one of HTTP."""
    sent = {"host": f"127.0.0.1:{port}", "content-length": str(len(body)), "connection": "close"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    answer = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
        while (data := client.recv(65_536)) and (answer + data).startswith(b"HTTP"):
            answer += data
    return answer.decode(errors="replace")


def status_of(answer: str) -> int:
    """The status of an answer; 0 if it isn't one of HTTP."""
    return int(answer.split()[1]) if answer else 0
