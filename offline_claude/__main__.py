"""The offline Claude in the foreground: `python -m offline_claude [--port N] [--log FILE]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from offline_claude.errors import OfflineClaudeError
from offline_claude.server import serve


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m offline_claude",
        description="A stand-in for Claude on this machine. It speaks the Messages API.",
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="0 (default) is any")
    parser.add_argument("--log", type=Path, metavar="FILE", help="append every call as a line")
    chosen = parser.parse_args()
    try:
        serve(chosen.port, chosen.log)
    except OfflineClaudeError as err:
        raise SystemExit(str(err)) from None


if __name__ == "__main__":
    main()
