"""A process that has imported everything, and forks a worker process on command.

Importing `anthropic` and `temporalio` costs three seconds of CPU, a fork 20 ms. What is imported
here comes from site-packages only: `agentkit` and the recipes are imported by the worker, from
the tree that it is to run. There are no threads here and no Temporal runtime, so that a fork is
safe. A worker is then what `python -m recipes.NAME.worker` is, in a session of its own. Other
programs are started here too, so that nothing outlives the campaign.

Commands come on standard input, reports go to standard output, both as JSON
lines. When the input ends, every worker that still runs is killed.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

IMPORTED = (
    "anthropic",
    "anthropic.types.beta",
    "httpx2",
    "psycopg",
    "pydantic",
    "temporalio.client",
    "temporalio.contrib.pydantic",
    "temporalio.envconfig",
    "temporalio.worker",
    "temporalio.worker.workflow_sandbox",
    "tests.crash.campaign.hooks",
    "uvicorn",
    "starlette.applications",
    "jsonschema",
    "psutil",
)


def main() -> None:
    """Serve until standard input ends."""
    for name in IMPORTED:
        importlib.import_module(name)
    # Its first client reads the certificates and builds its classes.
    sys.modules["anthropic"].AsyncAnthropic(api_key="unused").messages  # noqa: B018
    # A Worker hashes the code of all modules, for 0.3 s to 2 s of CPU; here once for all of them.
    sys.modules["temporalio.worker._worker"].load_default_build_id()
    gc.collect()
    gc.freeze()  # or each worker's first collection would copy all of it
    _tell(ready=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # its end is the end of its input
        signal.signal(number, signal.SIG_IGN)
    running: set[int] = set()
    pending = b""
    while True:
        readable, _, _ = select.select([0], [], [], 0.01 if running else 1)
        if readable:
            more = os.read(0, 1 << 20)
            if not more:
                break
            *lines, pending = (pending + more).split(b"\n")
            for line in lines:
                running.add(_fork(json.loads(line)))
        _collect(running)
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def _collect(running: set[int]) -> None:
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            running.discard(pid)
            _tell(pid=pid, code=os.waitstatus_to_exitcode(status))


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            _become(order)
        finally:
            os._exit(70)  # never back into the loop above
    _tell(id=order["id"], pid=pid)
    return pid


def _become(order: dict[str, Any]) -> NoReturn:
    """Become the process that was ordered."""
    os.setsid()  # Ctrl-C in the terminal is for the campaign alone
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(old, new)
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    if order["program"]:
        os.execv(order["program"], [order["program"], *order["arguments"]])
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    gc.unfreeze()
    sys.path[:] = [*order["path"], *(p for p in sys.path if p not in ("", os.getcwd()))]
    sys.argv = [order["module"], *order["arguments"]]
    if order["plan"] is not None:
        sys.modules["tests.crash.campaign.hooks"].install(order["plan"])
    for name in order["early"]:
        importlib.import_module(name)
    while order["gate"] and not Path(order["gate"]).exists():
        time.sleep(0.005)
    runpy.run_module(order["module"], run_name="__main__", alter_sys=True)
    os._exit(0)


def _tell(**event: Any) -> None:
    os.write(1, json.dumps(event).encode() + b"\n")


if __name__ == "__main__":
    main()
