"""The offline Claude: a Messages API on loopback, so that no lesson needs a key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from offline_claude.call_log import Call
from offline_claude.client import OfflineClaude

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["Call", "OfflineClaude", "create_app", "serve"]


def create_app(call_log_path: Path | None = None) -> Starlette:
    """Build the offline Claude as an ASGI app; see `server.create_app`.

    Args:
        call_log_path: File to which calls are appended as JSON lines.

    Returns:
        The app.
    """
    # Imported late: a cell that only reads the call log needs no web server.
    import offline_claude.server as server

    return server.create_app(call_log_path)


def serve(port: int, call_log_path: Path | None = None) -> None:
    """Run the offline Claude in the foreground; see `server.serve`.

    Args:
        port: Port on 127.0.0.1; 0 finds a free one.
        call_log_path: File to which calls are appended as JSON lines.
    """
    import offline_claude.server as server

    server.serve(port, call_log_path)
