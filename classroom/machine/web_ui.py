"""The door of Temporal's Web UI: `python -m classroom.machine.web_ui PORT BEHIND`.

The Web UI answers whatever `Host` a request names, so that a web page whose own name points to
this machine (DNS rebinding) could read every history. It therefore listens on a port that
browsers refuse to connect to, `BEHIND`. This process listens on one that they accept, and passes
on only what was asked of this machine by its name.
"""

from __future__ import annotations

import re
import shutil
import sys
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_THIS_MACHINE = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
_OF_ONE_CONNECTION = ("connection", "keep-alive", "transfer-encoding", "upgrade")
_READ_SECONDS = 120


class _Door(BaseHTTPRequestHandler):
    """Answers one request, and closes its connection: no later one passes unchecked."""

    behind: int
    timeout = _READ_SECONDS

    def _pass_on(self) -> None:
        if why := self._refusal():
            self.send_error(403, why)
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {n: v for n, v in self.headers.items() if n.lower() not in _OF_ONE_CONNECTION}
        with closing(HTTPConnection("127.0.0.1", self.behind, timeout=_READ_SECONDS)) as web_ui:
            try:
                web_ui.request(self.command, self.path, body or None, headers)
                answer = web_ui.getresponse()
            except (OSError, HTTPException):
                self.send_error(502, "Temporal isn't running: .venv/bin/agentkit up")
                return
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_ONE_CONNECTION:
                    self.send_header(name, value)
            self.end_headers()
            shutil.copyfileobj(answer, self.wfile)

    def _refusal(self) -> str:
        hosts = self.headers.get_all("host", [])
        if len(hosts) != 1 or not _THIS_MACHINE.fullmatch(hosts[0]):
            return "Only 127.0.0.1 and localhost are answered"
        origin = self.headers.get("origin")
        if self.command not in ("GET", "HEAD") and origin not in (None, f"http://{hosts[0]}"):
            return "Another page's requests aren't answered"
        return ""

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing: requests name runs, and what was refused is the browser's to show."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a browser that has left in the middle of an answer, or sent nonsense."""


def main() -> None:
    """Serve until a signal comes."""
    port, _Door.behind = map(int, sys.argv[1:])
    _Server(("127.0.0.1", port), _Door).serve_forever()


if __name__ == "__main__":
    main()
