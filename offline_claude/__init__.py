"""The offline Claude: a Messages API on loopback, so that no lesson needs a key."""

from __future__ import annotations

from pathlib import Path

from offline_claude.call_log import Call
from offline_claude.client import OfflineClaude

__all__ = ["Call", "OfflineClaude", "serve"]


def serve(port: int, call_log_path: Path | None = None) -> None:
    """Run the offline Claude in the foreground, until Ctrl-C or SIGTERM.

    Args:
        port: Port on 127.0.0.1; 0 finds a free one. The first line printed shows the URL, and the
            control token unless `OFFLINE_CLAUDE_TOKEN` holds one.
        call_log_path: File to append calls to as JSON lines; None (default) for memory only.

    Raises:
        OfflineClaudeError: The port can't be used.
    """
    # Imported late: a cell that only reads the call log needs no web server.
    from offline_claude import server

    server.serve(port, call_log_path)
