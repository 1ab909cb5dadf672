"""The SDK's Replayer, with every failure raised in plain words and none logged."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import (
    Interceptor,
    Plugin,
    Replayer,
    StartActivityInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from agentkit.history import value_of


async def replay_all(
    histories: Sequence[WorkflowHistory],
    workflows: Sequence[type],
    plugins: Sequence[Plugin],
    interceptors: Sequence[Interceptor],
) -> None:
    """Replay histories and raise the first failure, as `agentkit.testing.replay` says."""
    for history in histories:
        if not any(map(starts_a_task, history.events)):
            # The Replayer would wait forever.
            raise ValueError("There is nothing to replay: no worker has begun this run.")
    runtime = _quiet_runtime()
    replayer = Replayer(
        workflows=workflows, plugins=plugins, interceptors=interceptors, runtime=runtime
    )

    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    with _failed_tasks() as failed:
        async with replayer.workflow_replay_iterator(each()) as results:
            async for result in results:
                # The Replayer doesn't report tasks that fail after replay has caught up.
                failure = result.replay_failure or (failed[0] if failed else None)
                if failure is not None:
                    error = _in_plain_words(failure)
                    if len(histories) > 1:
                        error.add_note(f"Given the first {len(result.history.events)} events.")
                    raise error from (failed[0] if failed else None)


def starts_a_task(event: HistoryEvent) -> bool:
    """Whether a worker gets the run at this event."""
    return event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED


@cache
def _quiet_runtime() -> Runtime:
    """A runtime whose core logs nothing, because every failure of a replay is raised."""
    return Runtime(telemetry=TelemetryConfig(logging=None))


@contextmanager
def _failed_tasks() -> Iterator[list[BaseException]]:
    """Collect the exceptions that the SDK logs when a Workflow Task fails, and log none."""
    found: list[BaseException] = []

    def note(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            found.append(error)
        return error is None

    filters = {"_workflow_instance": note, "workflow_sandbox._restrictions": lambda _: False}
    loggers = {logging.getLogger(f"temporalio.worker.{name}"): filters[name] for name in filters}
    for logger, each in loggers.items():
        logger.addFilter(each)
    try:
        yield found
    finally:
        for logger, each in loggers.items():
            logger.removeFilter(each)


def _in_plain_words(failure: BaseException) -> Exception:
    """Extract the sentence for people from the core's report."""
    found = re.search(r'message: "((?:[^"\\]|\\.)*)"', str(failure))
    words = found[1].replace('\\"', '"') if found else f"{type(failure).__name__}: {failure}"
    if isinstance(failure, workflow.NondeterminismError):
        return workflow.NondeterminismError(words)
    return RuntimeError(words)


class InputRecorder(Interceptor):
    """Records the input that Workflow code gives to each Activity."""

    def __init__(self) -> None:
        self.inputs: dict[str, Any] = {}

    def workflow_interceptor_class(
        self, _: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        """Watch each Workflow's outbound calls."""
        inputs = self.inputs

        class Outbound(WorkflowOutboundInterceptor):
            count = 0  # the SDK uses an Activity's number as its id

            def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
                self.count += 1
                payloads = workflow.payload_converter().to_payloads(input.args)
                inputs[input.activity_id or str(self.count)] = value_of(payloads)
                return super().start_activity(input)

            def start_local_activity(
                self, input: StartLocalActivityInput
            ) -> workflow.ActivityHandle[Any]:
                self.count += 1
                return super().start_local_activity(input)

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Outbound(outbound))

        return Inbound
