"""Connecting a process to Temporal, and ending it well."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import re
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from textwrap import indent
from typing import Any

from temporalio.api.enums.v1 import PendingWorkflowTaskState
from temporalio.client import Client, Plugin
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfig
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError
from temporalio.types import MethodAsyncSingleParam, ParamType, ReturnType, SelfType
from temporalio.worker import Worker

from agentkit.history import newest_events
from agentkit.messages import printable

_QUIET = timedelta(seconds=15)
"""How long a run may wait for a worker before `run_once` says so: ten times of what a worker that
was killed costs."""


async def connect(
    *plugins: Plugin, data_converter: DataConverter = DataConverter.default
) -> Client:
    """Connect to Temporal as the environment says.

    The address, namespace, TLS and API key come from `TEMPORAL_*` variables or the profile in
    Temporal's configuration file (`temporalio.envconfig`), so the same code runs embedded, on
    a cluster and in the cloud.

    Args:
        *plugins: The plugins of the client and its workers.
        data_converter: Codec, external storage and the rest, to which `AgentPlugin` adds.

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
        return await Client.connect(**config, plugins=list(plugins), data_converter=data_converter)
    except (RuntimeError, ValueError, OSError) as err:
        raise ConnectionError(
            f"No Temporal server answers at {host_of(config['target_host'])}. Start one with "
            "`temporal server start-dev` (in the course: `.venv/bin/agentkit up`), or set "
            f"TEMPORAL_ADDRESS to the HOST:PORT of yours. ({_first_line(err)})"
        ) from None


def host_of(address: str) -> str:
    """Name the host and port of an address: what may be printed, for the rest can hold a secret.

    Args:
        address: HOST:PORT, or a URL with a user, a password, a path or a query.
    """
    rest = address.partition("://")[2] or address
    authority = re.split(r"[/?#\\\s]", rest, maxsplit=1)[0]
    if "@" in rest and "@" not in authority:  # a password with a slash in it, or a query
        return "the configured address"
    return authority.rpartition("@")[2]


def _first_line(err: Exception) -> str:
    return next(iter(str(err).splitlines()), type(err).__name__)


async def run_once(
    client: Client,
    workflow: MethodAsyncSingleParam[SelfType, ParamType, ReturnType],
    arg: ParamType,
    *,
    id: str,
    task_queue: str,
) -> ReturnType:
    """Start a run, or attach to the one that has this id, and return its result.

    An id is one run's, also after its end: started again, a run that has paid doesn't pay again,
    for as long as the server keeps it (the namespace's retention). It says so on stderr if the run
    has ended before, and why if it can't go on: its code fails, or no worker takes its next step.

    Args:
        client: From `connect`.
        workflow: The Workflow's run method, such as `AgentWorkflow.run`.
        arg: Its argument; without effect on a run that has begun.
        id: The run's id.
        task_queue: Where its workers poll.

    Raises:
        WorkflowFailureError: The run fails, or has failed.
    """
    try:
        # No retry policy: a second attempt of a whole Workflow would repeat its effects.
        handle = await client.start_workflow(
            workflow,
            arg,
            id=id,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        )
    except WorkflowAlreadyStartedError:  # and ended
        print(f"{id} has run already; this is how it ended.", file=sys.stderr)  # noqa: T201
        handle = client.get_workflow_handle_for(workflow, id)
    telling = asyncio.ensure_future(_tell_what_holds_up(client, id))
    try:
        return await handle.result()
    finally:
        telling.cancel()
        await asyncio.wait([telling])


async def _tell_what_holds_up(client: Client, id: str) -> None:
    """Print why a run doesn't go on, each reason once."""
    told, wait = {""}, 1.0
    while True:
        await asyncio.sleep(wait)
        wait = min(wait * 1.2, 20)
        try:
            why = await _what_holds_up(client, id)
        except RPCError:
            continue  # the call that waits for the result will say what is wrong with the server
        if why not in told:
            told.add(why)
            print(f"Still waiting for {id}. {why}", file=sys.stderr)  # noqa: T201


async def _what_holds_up(client: Client, id: str) -> str:
    found = (await client.get_workflow_handle(id).describe()).raw_description
    task = found.pending_workflow_task
    if task.attempt > 1 and (failure := await _last_failure(client, id)):
        return f"Its Workflow code fails, and is tried again until that is mended: {failure}"
    scheduled = task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED
    waits = datetime.now(UTC) - task.original_scheduled_time.ToDatetime(UTC)
    if scheduled and waits > _QUIET:
        queue = found.execution_config.task_queue.name
        return f"No worker takes its next step. Does one run for the task queue {queue!r}?"
    return ""


async def _last_failure(client: Client, id: str) -> str:
    """Read why the Workflow Task fails; "" if it doesn't, as when a worker was killed."""
    for event in await newest_events(client, id):
        failure = event.workflow_task_failed_event_attributes.failure
        if failure.HasField("application_failure_info"):
            return str(await client.data_converter.decode_failure(failure))
        if event.HasField("workflow_task_completed_event_attributes"):
            break
    return ""


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
    """Make all that this process prints and logs safe to look at, whatever text is in it.

    Of what a terminal must not get, line ends alone are left, and the rest shows (`printable`); a
    log record is one line, and its traceback is indented. A character that the encoding lacks shows
    as "?", where Python would end the program, and `input` reads any bytes.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.write = partial(_write, stream)  # type: ignore[method-assign]
    os.environ["PYTHON_COLORS"] = "0"  # those of tracebacks and --help would show as escapes
    logging.setLogRecordFactory(_Record)


def _write(stream: io.TextIOWrapper, text: str) -> int:
    return io.TextIOWrapper.write(stream, printable(text, newlines=True))


class _Record(logging.LogRecord):
    """A log record that no text in it can make look like two."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if self.exc_info:
            self.exc_text = indent(logging.Formatter().formatException(self.exc_info), "    ")

    def getMessage(self) -> str:
        return printable(super().getMessage())


def leave(code: int = 0) -> None:
    """Flush everything and end the process at once; see `run_main` for the reason."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 1
    os._exit(code)
