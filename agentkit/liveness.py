"""What keeps a worker alive, or honest about it: heartbeats, a watchdog, threads.

Heartbeats come from the event loop, so that a loop that hangs falls silent. A call that blocks
the loop for a few seconds, such as `time.sleep` in an `async def`, would so lose everything else
that the worker has in hand. The watchdog, in a thread of its own, then sends the heartbeats for
a bounded time, and names what blocks.
"""

from __future__ import annotations

import asyncio
import logging
import math
import selectors
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from datetime import timedelta
from functools import cache
from types import CodeType
from typing import Any, TypeVar

from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState, TimeoutType
from temporalio.api.workflowservice.v1 import ResetStickyTaskQueueRequest
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from agentkit.history import RPC_TIMEOUT, newest_events

R = TypeVar("R")

LONGEST_BLOCK = 60.0
"""Seconds that the watchdog stands in for a blocked event loop, at most."""

NAMES: defaultdict[CodeType, set[str]] = defaultdict(set)
"""The code of tools and Activities, and how to call them in a log line: several may share code."""

_NOTICED = 1.0
"""Seconds after which a blocked event loop is worth a line in the log."""

_SHORT_HISTORY = 1_000_000
"""Bytes of history whose replay takes less than the second that a dead worker's cache costs."""

_log = logging.getLogger(__name__)


# Heartbeats.


class Heartbeats(Interceptor):
    """Beats for the Activities of a worker; `timeout` is that of most of them."""

    def __init__(self, timeout: timedelta) -> None:
        self.timeout = timeout
        self.running: dict[bytes, _Beating] = {}
        self.blocked_until = -math.inf
        self._client: Client | None = None
        self._workers = 0
        self._ended = threading.Event()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Beat for one more Activity."""
        return _Beating(next, self)

    async def confirm(self, beating: _Beating) -> None:
        """Ask the server whether an attempt that a blocked loop may have kept waiting is lost.

        Another attempt of it has begun then, and this one must not run too.
        """
        if time.monotonic() > self.blocked_until or self._client is None:
            return
        try:
            await beating.beat_by(self._client)
        except AsyncActivityCancelledError:
            pass  # it will hear of it
        except RPCError as err:
            if err.status is RPCStatusCode.NOT_FOUND:
                why = "The event loop was blocked for so long that this attempt is lost."
                raise ApplicationError(why, type="AttemptLost") from None

    async def forget_cache(self, info: activity.Info) -> None:
        """Have the server forget that a run is in the cache of a worker that may have died.

        That is so if the attempt before this one fell silent, and another worker has run the
        newest Workflow Task. The next task would wait there for
        `sticky_queue_schedule_to_start_timeout`. If that worker lives, the run is replayed in
        vain; so only one with a short history is forgotten.
        """
        client = self._client
        if client is None or not info.workflow_id:
            return
        run = client.get_workflow_handle(info.workflow_id, run_id=info.workflow_run_id)
        with suppress(RPCError):
            found = (await run.describe(rpc_timeout=RPC_TIMEOUT)).raw_description
            own = [a for a in found.pending_activities if a.activity_id == info.activity_id]
            lost = [each.last_failure.timeout_failure_info.timeout_type for each in own]
            size = found.workflow_execution_info.history_size_bytes
            if lost != [TimeoutType.TIMEOUT_TYPE_HEARTBEAT] or size > _SHORT_HISTORY:
                return
            newest = await newest_events(client, run.id, run.run_id)
            tasks = (e.workflow_task_completed_event_attributes for e in newest)
            if next((t.identity for t in tasks if t.identity), "") != own[0].last_worker_identity:
                execution = WorkflowExecution(workflow_id=run.id, run_id=run.run_id or "")
                await client.workflow_service.reset_sticky_task_queue(
                    ResetStickyTaskQueueRequest(namespace=client.namespace, execution=execution),
                    timeout=RPC_TIMEOUT,
                )

    @contextmanager
    def watched(self, client: Client) -> Iterator[None]:
        """Watch the running event loop; workers of one client share a watchdog."""
        self._workers += 1
        self._client = client
        loop = asyncio.get_running_loop()
        if loop.get_task_factory() is None:
            loop.set_task_factory(_make_task)
        if self._workers == 1:
            self._ended = threading.Event()
            dog = _Watchdog(client, self, self._ended)
            threading.Thread(target=dog.watch, name="watchdog", daemon=True).start()
        try:
            yield
        finally:
            self._workers -= 1
            if not self._workers:
                self._ended.set()


class _Beating(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, worker: Heartbeats) -> None:
        super().__init__(next)
        self.worker = worker

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self.info = activity.info()
        self.outbound = _FromAnyThread(outbound, self.info)
        super().init(self.outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        every = self.info.heartbeat_timeout
        if every is None:
            return await super().execute_activity(input)
        if code := getattr(input.fn, "__code__", None):
            NAMES[code].add(f"The Activity {input.fn.__name__}")
        self.worker.running[self.info.task_token] = self
        beating = asyncio.create_task(self._beat(every / 4))
        try:
            await self.worker.confirm(self)
            if self.info.attempt > 1:
                await self.worker.forget_cache(self.info)
            return await super().execute_activity(input)
        finally:
            beating.cancel()
            del self.worker.running[self.info.task_token]

    async def beat_by(self, client: Client) -> None:
        """Send a heartbeat from whatever event loop this is."""
        handle = client.get_async_activity_handle(task_token=self.info.task_token)
        await handle.heartbeat(*self.outbound.details, rpc_timeout=RPC_TIMEOUT)

    async def _beat(self, every: timedelta) -> None:
        # The server counts from the start. Most Activities end before the first beat, and so
        # cost no call of the server but the one that they end with.
        while True:
            await asyncio.sleep(every.total_seconds())
            self.outbound.heartbeat(*self.outbound.details)


class _FromAnyThread(ActivityOutboundInterceptor):
    """Takes heartbeats from plain tools, whose thread has no event loop, and keeps the details."""

    def __init__(self, next: ActivityOutboundInterceptor, info: activity.Info) -> None:
        super().__init__(next)
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        # A beat without the latest details would take them from the next attempt.
        self.details = tuple(info.heartbeat_details)

    def heartbeat(self, *details: Any) -> None:
        self.details = details
        if threading.get_ident() == self.thread:
            super().heartbeat(*details)
            return
        with suppress(RuntimeError):  # a thread that has outlived its worker
            self.loop.call_soon_threadsafe(super().heartbeat, *details)


# The watchdog.


class _Watchdog:
    def __init__(self, client: Client, worker: Heartbeats, ended: threading.Event) -> None:
        self.client = client
        self.worker = worker
        self.ended = ended
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()

    def watch(self) -> None:
        while not self.ended.wait(self._beat() / 2):
            ticked = threading.Event()
            try:
                self.loop.call_soon_threadsafe(ticked.set)
            except RuntimeError:  # the loop is closed
                return
            asked = time.monotonic()
            if not ticked.wait(self._beat() / 2) and self.worker.running:
                self.worker.blocked_until = math.inf
                asyncio.run(self._stand_in(ticked, asked))
                while not ticked.wait(1) and not self.ended.is_set():
                    pass  # given up
                self.worker.blocked_until = time.monotonic() + 2

    def _beat(self) -> float:
        timeouts = [each.info.heartbeat_timeout for each in list(self.worker.running.values())]
        return min([1.0, *(each.total_seconds() / 4 for each in timeouts if each)])

    async def _stand_in(self, ticked: threading.Event, began: float) -> None:
        """Send heartbeats until the loop goes on, and log once what blocked it."""
        what, limit, blocked = "", LONGEST_BLOCK, 0.0
        beating = asyncio.create_task(self._keep_beating())
        while not ticked.is_set() and not self.ended.is_set():
            await asyncio.sleep(0.05)  # the events are another thread's
            blocked = time.monotonic() - began
            if not what and blocked >= _NOTICED:
                what, limit = self._culprit()
            if blocked >= limit:
                break
        beating.cancel()
        if not what:
            return
        _log.error(
            "%s blocked the event loop for %.1f s: make it a plain `def`, which runs in a "
            "thread.%s",
            what,
            blocked,
            "" if ticked.is_set() else " It still does: this worker counts as dead from now on.",
        )

    async def _keep_beating(self) -> None:
        while True:
            running = list(self.worker.running.values())
            runs = {each.info.workflow_run_id: each.info.workflow_id for each in running}
            beats = [each.beat_by(self.client) for each in running]
            beats += [self._beat_for_unseen(id, run) for run, id in runs.items() if id]
            # An Activity that is over or being cancelled, or a server that is away: no matter.
            await asyncio.gather(*beats, return_exceptions=True)
            await asyncio.sleep(self._beat())

    async def _beat_for_unseen(self, workflow_id: str, run_id: str | None) -> None:
        """Beat for what the server has given to this process and the loop hasn't begun."""
        described = await self.client.get_workflow_handle(workflow_id, run_id=run_id).describe()
        seen = {each.info.activity_id for each in list(self.worker.running.values())}
        unseen = (
            self.client.get_async_activity_handle(
                workflow_id=workflow_id, run_id=run_id, activity_id=each.activity_id
            ).heartbeat(rpc_timeout=RPC_TIMEOUT)
            for each in described.raw_description.pending_activities
            if each.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
            and each.last_worker_identity == self.client.identity
            and each.activity_id not in seen
        )
        await asyncio.gather(*unseen, return_exceptions=True)

    def _culprit(self) -> tuple[str, float]:
        """Name what the loop's thread is in, and the seconds that it may be there."""
        innermost = frame = sys._current_frames().get(self.thread)
        if innermost is None or innermost.f_code.co_filename == selectors.__file__:
            return "", LONGEST_BLOCK  # it waits for its turn: the machine is busy
        place = f"{innermost.f_code.co_filename}:{innermost.f_lineno}"
        while frame and frame.f_code not in NAMES:
            frame = frame.f_back
        infos = [each.info for each in list(self.worker.running.values())]
        if frame is None:
            types = ", ".join(sorted({info.activity_type for info in infos}))
            return f"Code at {place}, with {types} in hand,", LONGEST_BLOCK
        names = NAMES[frame.f_code]
        limits = {
            name: info.start_to_close_timeout.total_seconds()
            for name in names
            for info in infos
            if name.split()[-1] == info.activity_type.removeprefix("tool.")
            and info.start_to_close_timeout
        }
        what = " or ".join(sorted(limits or names))
        return f"{what} ({place})", min([LONGEST_BLOCK, *limits.values()])


# Tasks and threads.


def _make_task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    """Make a task; in one that an Activity starts, `sys.exit` doesn't end the event loop."""
    coro = _Contained(coro) if activity.in_activity() else coro
    return asyncio.Task(coro, loop=loop, **options)


class _Contained(Coroutine[Any, Any, Any]):
    """A coroutine that fails where it would have the event loop, and so the worker, end.

    Not an `async def` around it: that would never begin in a task that is cancelled at once.
    """

    def __init__(self, inner: Coroutine[Any, Any, Any]) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)  # its state, which anyio asks for

    def send(self, value: Any) -> Any:
        return self._go_on(self.inner.send, value)

    def throw(self, *error: Any) -> Any:
        return self._go_on(self.inner.throw, *error)

    def close(self) -> None:
        self.inner.close()

    def __await__(self) -> Any:
        raise NotImplementedError  # tasks don't

    def _go_on(self, step: Callable[..., Any], *given: Any) -> Any:
        try:
            return step(*given)
        except (SystemExit, KeyboardInterrupt) as err:
            raise RuntimeError(f"{err!r} in a task of the tool") from err


class ThreadPerCall(ThreadPoolExecutor):
    """An executor with a thread of its own for each call.

    A thread can't be stopped. In a pool of a hundred, a hundred calls that hang would stop all
    that come after; and a process would wait at its end for those that never end.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start the function in a thread, and return its future."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()

        def run() -> None:
            try:
                result = fn(*args, **kwargs)
            except StopIteration as err:  # a future can't hold it: who awaits it would hang
                why = f"{err!r}: next() found nothing, and had no default"
                future.set_exception(RuntimeError(why))
            except BaseException as err:
                future.set_exception(err)
            else:
                future.set_result(result)

        threading.Thread(target=run, name=self._thread_name_prefix, daemon=True).start()
        return future


@cache  # not when this is imported: the Workflow sandbox forbids to make one
def threads() -> ThreadPerCall:
    """Get the executor for plain tools and plain Activities.

    Its size only keeps the SDK from warning that it is small: what bounds it is how many
    Activities a Worker runs at once.
    """
    return ThreadPerCall(max_workers=1_000_000, thread_name_prefix="tool")


_hanging: set[asyncio.Future[Any]] = set()


async def in_thread(function: Callable[[], R], what: str) -> R:
    """Run a function in a thread, with the context (idempotency key, Activity) of the caller.

    Args:
        function: The function.
        what: Its name in the log line about a thread that outlives its attempt.
    """
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    running = loop.run_in_executor(threads(), copy_context().run, function)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        # A run that a person cancels ends after the thread has; a timeout, or the end of the
        # Worker, doesn't wait for it.
        details = activity.cancellation_details() if activity.in_activity() else None
        if details is not None and details.cancel_requested:
            limit = activity.info().start_to_close_timeout
            await asyncio.wait([running], timeout=limit.total_seconds() if limit else None)
        if not running.done():
            _hanging.add(running)
            running.add_done_callback(_hanging.discard)
            _log.warning(
                "The thread of %s runs on after %.1f s, though its attempt is over; %d such "
                "threads hang in this process. A thread can't be stopped: give what it waits for "
                "a shorter timeout than the attempt's.",
                what,
                time.monotonic() - began,
                len(_hanging),
            )
        raise
