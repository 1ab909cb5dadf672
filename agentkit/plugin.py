"""One Temporal plugin with the settings of a durable agent."""

from __future__ import annotations

import asyncio
import gc
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn, cast

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, DefaultPayloadConverter
from temporalio.exceptions import ApplicationError
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ContinueAsNewInput,
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    StartActivityInput,
    Worker,
    WorkerConfig,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from agentkit.activity_options import DEFAULT_HEARTBEAT
from agentkit.claude import claude_client, close_claude_client
from agentkit.limits import (
    AgentPayloadConverter,
    UnboundedPayloadConverter,
    check_history,
    task_is_full,
)
from agentkit.liveness import Heartbeats, threads


class AgentPlugin(SimplePlugin):
    """Data converter, sandbox, heartbeats and worker settings of a durable agent.

    Give it to the client; every Worker made from that client has it too.

    Args:
        heartbeat: How long an Activity may be silent before the server gives it to another
            worker, for every Activity whose own options set no `heartbeat_timeout`.

    Example:
        ```python
        client = await connect(AgentPlugin())
        worker = Worker(client, task_queue="support", workflows=[Agent], activities=ACTIVITIES)
        ```
    """

    def __init__(self, *, heartbeat: timedelta = DEFAULT_HEARTBEAT) -> None:
        """Collect the parts for clients, workers and replayers."""
        self.heartbeat = heartbeat
        self._heartbeats = Heartbeats(heartbeat)
        super().__init__(
            "agentkit.AgentPlugin",
            data_converter=_with_limits,
            interceptors=[self._heartbeats, _Limits(heartbeat)],
            workflow_runner=_with_passthrough,
            workflow_failure_exception_types=[_WrongArguments],
        )

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """Add the interceptor, and the settings that make recovery quick."""
        config = super().configure_worker(config)
        # A Workflow Task goes to the worker that has the Workflow in its cache; this is how
        # long it waits there when that worker is dead. Measured: 1 s instead of 10 s to resume.
        config["sticky_queue_schedule_to_start_timeout"] = timedelta(seconds=1)
        # A worker that dies within a Workflow Task is noticed after that task's 10 s. Left so: a
        # replay has to end in that time, or it starts again, forever. Measured on a busy
        # machine: 6 s for a history of 16 MB.
        # By default a heartbeat may be held back for 0.8 of its timeout, which leaves a busy
        # worker a fifth of it to be on time. Four beats per timeout instead.
        config["max_heartbeat_throttle_interval"] = self.heartbeat / 4
        # So that a plain `def` Activity, which may block, needs no more than an `async def` one.
        config["activity_executor"] = config.get("activity_executor") or threads()
        # On SIGTERM a call of Claude that is under way may end, and isn't paid for twice.
        # Within the 30 s that Kubernetes gives a process to leave.
        config["graceful_shutdown_timeout"] = timedelta(seconds=20)
        return config

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:
        """Import the SDK before the first task arrives, watch the event loop, close the client."""
        # The import makes 1,400 classes and no garbage; looking for it takes a fifth of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            claude_client()
        finally:
            if collecting:
                gc.enable()
        try:
            with self._heartbeats.watched(worker.client):
                await super().run_worker(worker, next)
        finally:
            await close_claude_client()


def _with_limits(existing: DataConverter | None) -> DataConverter:
    """Replace the standard payload converters, and keep codec, failure converter and the rest."""
    existing = existing or DataConverter.default
    if existing.payload_converter_class not in (DefaultPayloadConverter, PydanticPayloadConverter):
        return existing
    converter = UnboundedPayloadConverter if existing.external_storage else AgentPayloadConverter
    return replace(existing, payload_converter_class=converter)


def _with_passthrough(runner: WorkflowRunner | None) -> WorkflowRunner:
    """Let Workflow files import agentkit and the SDK without a pass-through block."""
    runner = runner or SandboxedWorkflowRunner()
    if not isinstance(runner, SandboxedWorkflowRunner):
        return runner
    # `__package__`: a project may carry its own copy of this package under another name.
    modules = (__package__ or "agentkit", "anthropic", "pydantic", "pydantic_core")
    return replace(runner, restrictions=runner.restrictions.with_passthrough_modules(*modules))


class _Limits(Interceptor):
    """Keeps runs within Temporal's limits, and wrong arguments of Signals out of them."""

    def __init__(self, heartbeat: timedelta) -> None:
        self.heartbeat = heartbeat

    def workflow_interceptor_class(
        self, _: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        return type("_Inbound", (_Inbound,), {"heartbeat": self.heartbeat})


class _Inbound(WorkflowInboundInterceptor):
    heartbeat: timedelta

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Bounded(outbound, self.heartbeat))

    async def handle_signal(self, input: HandleSignalInput) -> None:
        try:
            await super().handle_signal(input)
        except TypeError as err:
            if not _is_of_the_call(err):
                raise
            # As the SDK does with arguments of a wrong type.
            workflow.logger.error("Signal %s was dropped: %s", input.signal, err)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        try:
            return await super().handle_update_handler(input)
        except TypeError as err:
            if not _is_of_the_call(err):
                raise
            raise ApplicationError(str(err), type="invalid_payload", non_retryable=True) from None


class _Bounded(WorkflowOutboundInterceptor):
    """Schedules no more than fits into a Workflow Task or a history, each with a heartbeat."""

    def __init__(self, next: WorkflowOutboundInterceptor, heartbeat: timedelta) -> None:
        super().__init__(next)
        self.heartbeat = heartbeat

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        input.heartbeat_timeout = input.heartbeat_timeout or self.heartbeat
        check_history()
        if task_is_full():
            # A task like the handle that the SDK returns: it can be awaited and cancelled.
            return cast("workflow.ActivityHandle[Any]", asyncio.create_task(self._later(input)))
        return super().start_activity(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        # Written here: where the SDK does it an error is lost, and the run would hang.
        payloads = workflow.payload_converter().to_payloads(input.args)
        input.args = [RawValue(payload) for payload in payloads]
        super().continue_as_new(input)

    async def _later(self, input: StartActivityInput) -> Any:
        while task_is_full():
            await workflow.sleep(0.001)  # a timer ends in another Workflow Task
        return await super().start_activity(input)


_SDK_CALLS = {
    "_instantiate_workflow_object",
    "execute_workflow",
    "handle_signal",
    "handle_update_handler",
    "with_object",
}
"""The SDK's functions that call Workflow code with arguments from outside."""


def _is_of_the_call(err: TypeError) -> bool:
    """Whether it says that these are too few or too many: no code of the Workflow has run yet."""
    *_, (frame, _) = traceback.walk_tb(err.__traceback__)
    return frame.f_globals["__name__"].startswith("temporalio.") and (
        frame.f_code.co_name in _SDK_CALLS
    )


class _OfTheCall(type):
    def __instancecheck__(cls, err: object) -> bool:
        return isinstance(err, TypeError) and _is_of_the_call(err)


class _WrongArguments(TypeError, metaclass=_OfTheCall):
    """More or fewer arguments than a Workflow takes: the run fails, and says so.

    The client has sent them. By default the Workflow Task would fail, again and again.
    """
