"""The settings that clients, workers and replayers get from the plugin."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    DefaultPayloadConverter,
    ExternalStorage,
    PayloadCodec,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ActivityOutboundInterceptor,
    Replayer,
    UnsandboxedWorkflowRunner,
    Worker,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from agentkit import AgentPlugin, ClaudeReply, ToolCall, ask_claude, connect, tool
from agentkit.activity_options import (
    CLAUDE_OPTIONS,
    DEFAULT_HEARTBEAT,
    NOTIFY_OPTIONS,
    PIN_OPTIONS,
    VERIFY_OPTIONS,
    tool_options,
)
from agentkit.claude import _clients
from agentkit.limits import MAX_PAYLOAD_BYTES, AgentPayloadConverter, UnboundedPayloadConverter
from agentkit.messages import Usage
from classroom.show import steps
from tests.support.agents import (
    Blocking,
    Hold,
    RunTool,
    RunToolOnce,
    desk,
    seen,
    sleep_in_a_thread,
)


@tool(effect="none")
async def stubborn(times: int) -> str:
    """Block the event loop, again and again.

    Args:
        times: How often, 0.8 s each.
    """
    for _ in range(times):
        time.sleep(0.8)  # noqa: ASYNC251
        await asyncio.sleep(0.02)
    return "done"


# Heartbeats.


async def scheduled_heartbeats(handle: WorkflowHandle[Any, Any]) -> list[timedelta]:
    """The heartbeat timeouts of a run's Activities, as the server has them."""
    history = await handle.fetch_history()
    return [
        event.activity_task_scheduled_event_attributes.heartbeat_timeout.ToTimedelta()
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]


async def test_one_setting_is_timeout_beat_and_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[float] = []
    send = ActivityOutboundInterceptor.heartbeat

    def note(self: ActivityOutboundInterceptor, *details: Any) -> None:
        beats.append(time.monotonic())
        send(self, *details)

    monkeypatch.setattr(ActivityOutboundInterceptor, "heartbeat", note)
    async with desk(AgentPlugin(heartbeat=timedelta(seconds=4))) as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "nap", {"seconds": 3.5}))
        assert (await handle.result())["content"] == "rested"
        assert await scheduled_heartbeats(handle) == [timedelta(seconds=4)]
        config = running.worker.config(active_config=True)
    assert config["max_heartbeat_throttle_interval"] == timedelta(seconds=1)
    gaps = [later - earlier for earlier, later in itertools.pairwise(beats)]
    assert len(beats) == 3
    assert min(gaps) >= 0.9


async def test_worker_with_a_long_heartbeat_beats_at_most_four_times_in_it() -> None:
    plugin = AgentPlugin(heartbeat=timedelta(seconds=10))
    async with desk(plugin) as running:
        config = running.worker.config(active_config=True)
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "nap", {"seconds": 1}))
        await handle.result()
        assert await scheduled_heartbeats(handle) == [timedelta(seconds=10)]
    assert config["max_heartbeat_throttle_interval"] == timedelta(seconds=2.5)


async def test_default_heartbeat_is_set_for_every_activity_that_names_none() -> None:
    async with desk() as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "add", {"a": 1}))
        await handle.result()
        assert await scheduled_heartbeats(handle) == [DEFAULT_HEARTBEAT]


async def test_explicit_heartbeat_timeout_is_left_alone() -> None:
    async with desk(AgentPlugin(heartbeat=timedelta(seconds=30))) as running:
        handle = await running.start(RunToolOnce.run, ToolCall("toolu_1", "nap", {"seconds": 3.5}))
        assert (await handle.result())["content"] == "rested"
        assert await scheduled_heartbeats(handle) == [timedelta(seconds=1)]
        (step,) = await steps(handle)
    assert (step.state, step.attempts) == ("completed", 1)
    assert seen.beating_tasks == 1


async def test_without_the_interceptor_the_same_activity_times_out() -> None:
    plugin = AgentPlugin()
    plugin.interceptors = None
    async with desk(plugin) as running:
        handle = await running.start(RunToolOnce.run, ToolCall("toolu_1", "nap", {"seconds": 3.5}))
        result = await handle.result()
        (step,) = await steps(handle)
    assert result["is_error"]
    assert step.state == "timed out"
    assert "heartbeat" in result["content"].lower()


async def test_event_loop_blocked_for_most_of_a_second_at_a_time_counts_as_alive() -> None:
    async with desk(tools=[stubborn]) as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "stubborn", {"times": 8}))
        assert (await handle.result())["content"] == "done"
        (step,) = await steps(handle)
    assert (step.state, step.attempts) == ("completed", 1)


async def test_short_activity_sends_no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[str] = []
    send = ActivityOutboundInterceptor.heartbeat

    def count(self: ActivityOutboundInterceptor, *details: Any) -> None:
        beats.append(activity.info().activity_type)
        send(self, *details)

    monkeypatch.setattr(ActivityOutboundInterceptor, "heartbeat", count)
    async with desk() as running:
        for _ in range(5):
            await running.run_tool("add", a=1)
        await running.run_tool("nap", seconds=2)
    assert beats.count("tool.add") < 5
    assert "tool.nap" in beats


async def test_beating_ends_with_the_activity() -> None:
    async with desk() as running:
        assert (await running.run(RunTool.run, ToolCall("1", "refuse", {})))["is_error"]
        assert (await running.run(RunTool.run, ToolCall("1", "add", {"a": 1})))["content"] == "11"
        names = [getattr(t.get_coro(), "__name__", "") for t in asyncio.all_tasks()]
    assert "_beat" not in names


async def test_plain_function_activity_needs_no_executor_and_beats_too() -> None:
    plugin = AgentPlugin(heartbeat=timedelta(seconds=1))
    async with desk(plugin, workflows=[Blocking], activities=[sleep_in_a_thread]) as running:
        handle = await running.start(Blocking.run, 3.0)
        assert await handle.result() == "slept"
        (step,) = await steps(handle)
    assert (step.state, step.attempts) == ("completed", 1)


@pytest.mark.parametrize(
    "options", [CLAUDE_OPTIONS, PIN_OPTIONS, NOTIFY_OPTIONS, VERIFY_OPTIONS, tool_options()]
)
def test_every_activity_has_bounded_attempts_and_time_and_leaves_the_heartbeat_to_the_plugin(
    options: dict[str, Any],
) -> None:
    policy = options["retry_policy"]
    assert 1 < policy.maximum_attempts <= 10
    assert options["start_to_close_timeout"] <= options["schedule_to_close_timeout"]
    assert options["schedule_to_close_timeout"] <= timedelta(minutes=15)
    assert "heartbeat_timeout" not in options


# Client, worker and replayer.


async def test_worker_inherits_settings_and_interceptor_once_from_its_client(
    client: Client,
) -> None:
    config = Worker(client, task_queue="unused", workflows=[Hold]).config(active_config=True)
    assert config["sticky_queue_schedule_to_start_timeout"] == timedelta(seconds=1)
    assert config["max_heartbeat_throttle_interval"] == DEFAULT_HEARTBEAT / 4
    interceptors = [type(each).__name__ for each in config["interceptors"]]
    assert interceptors.count("Heartbeats") == 1
    assert config["activities"] == []


async def test_client_and_replayer_read_what_agents_write(client: Client) -> None:
    assert client.data_converter.payload_converter_class is AgentPayloadConverter
    replayer = Replayer(workflows=[Hold], plugins=[AgentPlugin()])
    converter = replayer.config(active_config=True)["data_converter"]
    assert converter.payload_converter_class is AgentPayloadConverter


class Reversing(PayloadCodec):
    """A codec that encrypts badly."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload(metadata={"encoding": b"reversed"}, data=p.SerializeToString()[::-1])
            for p in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [Payload.FromString(p.data[::-1]) for p in payloads]


class Shelf(StorageDriver):
    """External storage in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def name(self) -> str:
        return "shelf"

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        claims = []
        for payload in payloads:
            key = str(len(self.kept))
            self.kept[key] = payload.SerializeToString()
            claims.append(StorageDriverClaim(claim_data={"key": key}))
        return claims

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        return [Payload.FromString(self.kept[claim.claim_data["key"]]) for claim in claims]


class OwnConverter(DefaultPayloadConverter):
    """A payload converter of the user's own."""


def test_plugin_adds_to_the_data_converter_and_replaces_no_part_that_was_chosen() -> None:
    convert = AgentPlugin().data_converter
    assert callable(convert)
    for standard in (None, DataConverter.default, pydantic_data_converter):
        assert convert(standard).payload_converter_class is AgentPayloadConverter
    chosen = DataConverter(
        payload_codec=Reversing(),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
    converter = convert(chosen)
    assert converter.payload_converter_class is AgentPayloadConverter
    assert converter.payload_codec is chosen.payload_codec
    assert converter.failure_converter_class is chosen.failure_converter_class
    storage = ExternalStorage(drivers=[Shelf()])
    converter = convert(DataConverter(external_storage=storage))
    assert converter.payload_converter_class is UnboundedPayloadConverter
    assert converter.external_storage is storage
    own = DataConverter(payload_converter_class=OwnConverter)
    assert convert(own) is own


async def test_codec_of_the_client_still_encrypts_what_the_plugin_converts(client: Client) -> None:
    plugin = AgentPlugin()
    client = await connect(plugin, data_converter=DataConverter(payload_codec=Reversing()))
    async with desk(client=client) as running:
        handle = await running.start(RunTool.run, ToolCall("toolu_1", "add", {"a": 1}))
        assert (await handle.result())["content"] == "11"
        history = await handle.fetch_history()
    assert "toolu_1" not in history.to_json()
    replayer = Replayer(workflows=[RunTool], plugins=[plugin], data_converter=client.data_converter)
    await replayer.replay_workflow(history)


async def test_payloads_above_the_limit_go_to_the_external_storage_of_the_client(
    client: Client,
) -> None:
    shelf = Shelf()
    storage = ExternalStorage(drivers=[shelf])
    client = await connect(AgentPlugin(), data_converter=DataConverter(external_storage=storage))
    async with desk(client=client) as running:
        words = "x" * (MAX_PAYLOAD_BYTES + 1)
        reply = ClaudeReply([{"type": "text", "text": words}], "end_turn", Usage(1, 1), "m")
        assert await running.run(Hold.run, reply) == reply
    assert len(shelf.kept) >= 2


# The sandbox.


def test_sandbox_passes_the_package_and_the_sdk_through_and_keeps_what_else_is_set() -> None:
    adapt = AgentPlugin().workflow_runner
    assert callable(adapt)
    before = SandboxedWorkflowRunner()
    before = dataclasses.replace(
        before, restrictions=before.restrictions.with_passthrough_modules("mine")
    )
    after = adapt(before)
    assert isinstance(after, SandboxedWorkflowRunner)
    passed = after.restrictions.passthrough_modules
    assert passed == before.restrictions.passthrough_modules | {"agentkit", "anthropic"}
    other = UnsandboxedWorkflowRunner()
    assert adapt(other) is other


async def test_workflow_imports_agentkit_without_a_pass_through_block() -> None:
    from tests.support.plain_workflow import PlainImports

    async with desk(workflows=[PlainImports]) as running:
        assert await running.run(PlainImports.run) == id(ask_claude)


# Start and end of a worker.


class Watch(SimplePlugin):
    """Looks at what is there when a worker is about to poll."""

    def __init__(self) -> None:
        super().__init__("tests.Watch")
        self.ready: list[bool] = []

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:
        self.ready = ["anthropic" in sys.modules, asyncio.get_running_loop() in _clients]
        await next(worker)


async def test_sdk_is_imported_before_the_first_poll() -> None:
    watch = Watch()
    async with desk(AgentPlugin(), watch) as running:
        # The worker's run begins in a task of its own: a result proves that it has begun.
        assert (await running.run_tool("add", a=1))["content"] == "11"
    assert watch.ready == [True, True]


async def test_client_alone_does_not_import_the_sdk() -> None:
    code = (
        "import sys, agentkit, agentkit.prompts, agentkit.transcript\n"
        "agentkit.AgentPlugin()\n"
        "print('anthropic' in sys.modules)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.strip() == b"False"
    assert await connect(AgentPlugin())
