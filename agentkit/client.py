"""Connecting a process to Temporal, and ending it well."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker


async def connect(*plugins: Plugin) -> Client:
    """Connect to Temporal as the environment says.

    The address, namespace, TLS and API key come from `TEMPORAL_*` variables or the profile in
    Temporal's configuration file (`temporalio.envconfig`), so the same code runs embedded, on
    a cluster and in the cloud.

    Raises:
        ConnectionError: Nothing answers there, or the configuration can't be used; the message
            says where and what to do.
    """
    try:
        config = ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError) as err:
        raise ConnectionError(
            "Temporal's configuration can't be used. Correct TEMPORAL_PROFILE and the file that "
            f"TEMPORAL_CONFIG_FILE names, or unset both. ({_first_line(err)})"
        ) from None
    config.setdefault("target_host", "localhost:7233")
    try:
        return await Client.connect(**config, plugins=list(plugins))
    except (RuntimeError, ValueError, OSError) as err:
        raise ConnectionError(
            f"No Temporal server answers at {config['target_host']}. Start one with "
            "`temporal server start-dev` (in the course: `.venv/bin/agentkit up`), or set "
            f"TEMPORAL_ADDRESS to the HOST:PORT of yours. ({_first_line(err)})"
        ) from None


def _first_line(err: Exception) -> str:
    return next(iter(str(err).splitlines()), type(err).__name__)


async def run_until_signalled(worker: Worker) -> None:
    """Run a worker until SIGTERM or Ctrl-C, then let it finish the Activities under way.

    They have the worker's `graceful_shutdown_timeout`, which `AgentPlugin` sets.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    # Not `async with worker`: when a plugin fails before the worker polls, leaving that block
    # waits forever and hides the reason.
    running = asyncio.ensure_future(worker.run())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not running.done():
        await worker.shutdown()
    await running


def run_main(main: Coroutine[Any, Any, None]) -> None:
    """Run a program's `main()` to its end and leave the process with the right exit code.

    A process that used a Temporal client can abort while Python shuts down ("PyGILState_Release",
    exit code 134: temporalio/sdk-python issue 300). So this leaves by `os._exit`, without that
    shutdown. `ConnectionError` and Ctrl-C end the process with one line and exit code 1 or 130,
    any other exception with its traceback and 1. What a terminal can't show, and a reader of the
    output that has left (`… | head`), end no program.
    """
    code = 0
    print_anything()
    # Bytes that aren't text in the terminal's encoding: no payload holds Python's escapes for them.
    sys.argv = [a.encode("utf8", "surrogateescape").decode("utf8", "replace") for a in sys.argv]
    try:
        asyncio.run(main)
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # what reads our output has had enough, as in `… | head`
        code = 1
    except ConnectionError as err:
        print(err, file=sys.stderr)  # noqa: T201
        code = 1
    except SystemExit as err:
        # As Python itself does: nothing is success, text is a message for the user.
        code = 0 if err.code is None else err.code if isinstance(err.code, int) else 1
        if isinstance(err.code, str):
            print(err.code, file=sys.stderr)  # noqa: T201
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    leave(code)


def print_anything() -> None:
    """Let `print` show "?" for a character that the terminal's encoding lacks, and `input` read it.

    By default Python raises a `UnicodeError`, so that an arrow or a customer's name ends the
    program on a terminal without UTF-8.
    """
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def leave(code: int = 0) -> None:
    """Flush everything and end the process at once; see `run_main` for the reason."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)
