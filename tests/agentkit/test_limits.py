"""What Temporal can't carry, or isn't what its type says, ends in a plain error, never a hang."""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import Replayer, Worker

from agentkit import AgentPlugin, Messages, claude_activity, limits, user_message
from agentkit.limits import MAX_PAYLOAD_BYTES, AgentPayloadConverter, UnboundedPayloadConverter
from agentkit.messages import ClaudeRequest
from offline_claude import OfflineClaude
from tests.support.agents import Desk, desk
from tests.support.limits import (
    ACTIVITIES,
    WORKFLOWS,
    AsksThree,
    Fills,
    Misreads,
    Order,
    OwnMistake,
    Passes,
    TakesBiggerOrder,
    TakesOrder,
    TakesOrderInRunOnly,
    TakesTwo,
)

CONVERTER = AgentPayloadConverter()

# The SDK leaves a coroutine behind when a Workflow's `__init__` fails.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .*run_workflow. was never awaited"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <coroutine object _WorkflowInst"),
]


@pytest.fixture(autouse=True)
def _leave_no_coroutine_behind() -> Iterator[None]:
    yield
    gc.collect()


@pytest_asyncio.fixture
async def running() -> AsyncIterator[Desk]:
    activities = [claude_activity(""), *ACTIVITIES]
    async with desk(workflows=WORKFLOWS, activities=activities) as running:
        yield running


def refused(*values: Any) -> ApplicationError:
    with pytest.raises(ApplicationError) as err:
        CONVERTER.to_payloads(values)
    assert err.value.non_retryable
    return err.value


async def failure_of(handle: WorkflowHandle[Any, Any]) -> ApplicationError:
    """The error that a run failed with, the Activity's if that failed; no task may have failed."""
    with pytest.raises(WorkflowFailureError) as failed:
        await asyncio.wait_for(handle.result(), 20)
    cause: BaseException | None = failed.value.cause
    if isinstance(cause, ActivityError):
        cause = cause.cause
    assert isinstance(cause, ApplicationError)
    await no_task_failed(handle)
    return cause


async def task_failed(handle: WorkflowHandle[Any, Any]) -> str:
    """Wait until a Workflow Task has failed; return why."""
    while True:
        async for event in handle.fetch_history_events():
            if event.HasField("workflow_task_failed_event_attributes"):
                return event.workflow_task_failed_event_attributes.failure.message
        await asyncio.sleep(0.05)


async def no_task_failed(handle: WorkflowHandle[Any, Any]) -> None:
    failed = [
        event.workflow_task_failed_event_attributes
        for event in (await handle.fetch_history()).events
        if event.HasField("workflow_task_failed_event_attributes")
    ]
    # The server has a task done again when something arrived in the moment of its end.
    cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
    assert [each for each in failed if each.cause != cause] == []


# Writing.


class Card(pydantic.BaseModel):
    """A pydantic model."""

    rows: list[Any]


@dataclass
class Shelf:
    """A dataclass."""

    cards: dict[str, Card]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (b"\xff".decode("latin-1") + "\ud83d", "[0] holds text with half a surrogate pair."),
        ({"rows": [1, {"name": "\ud83d"}]}, "[0].rows[1].name holds text with half"),
        ({"photo": b"\xff\xd8"}, "[0].photo holds bytes."),
        ([[], [object()]], "[0][1][0] holds object."),
        ((1, {2, float("inf")}), "is inf, which JSON doesn't have."),
        ({"usd": float("nan")}, "[0].usd is nan, which JSON doesn't have."),
        (Shelf({"a": Card(rows=[]), "b": Card(rows=[print])}), "[0].cards.b.rows[0] holds builtin"),
        (lambda: None, "[0] holds function."),
    ],
)
def test_what_json_can_not_hold_is_refused_with_its_place(value: Any, place: str) -> None:
    err = refused(value)
    assert err.type == "invalid_payload"
    assert place in err.message


def test_request_that_holds_half_a_surrogate_pair_names_the_block() -> None:
    messages: Messages = [user_message("a"), user_message("b")]
    messages.append({"role": "user", "content": [{"type": "text", "text": "secret \udead"}]})
    err = refused(ClaudeRequest(messages))
    assert "[0].messages[2].content[0].text holds text with half a surrogate pair" in err.message
    assert "secret" not in err.message


def test_second_argument_cycles_and_deep_nests_are_refused_too() -> None:
    assert "[1].a holds object" in refused("fine", {"a": object()}).message
    cycle: list[Any] = []
    cycle.append(cycle)
    assert "nested too deeply" in refused(cycle).message
    deep: Any = object()
    for _ in range(300):
        deep = [deep]
    assert "nested too deeply" in refused(deep).message


@pytest.mark.parametrize("value", ["NaN", {"Infinity": ["-Infinity"]}, [1e308, -0.0], b"\xff"])
def test_what_only_looks_odd_is_written_and_read_back(value: Any) -> None:
    payloads = CONVERTER.to_payloads([value])
    assert CONVERTER.from_payloads(payloads, [type(value)]) == [value]


def test_bound_is_on_all_arguments_of_a_call_together() -> None:
    half = "x" * (MAX_PAYLOAD_BYTES // 2)
    assert CONVERTER.to_payloads([half])
    err = refused(half, half)
    assert err.type == "payload_too_large"
    assert "at most 2,000,000 fit" in err.message
    raw = RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"1" * MAX_PAYLOAD_BYTES))
    assert refused(raw).type == "payload_too_large"
    assert UnboundedPayloadConverter().to_payloads([half, half])


# Reading.


@pytest.mark.parametrize(
    ("sent", "wanted", "why"),
    [
        ({"count": 1}, Order, "This can't be read as Order: item: Field required"),
        ({"item": "a", "count": "secret"}, Order, "count: Input should be a valid integer"),
        (None, Order, "read as Order: it: "),
        (["a"], str, "read as str: it: Input should be a valid string"),
    ],
)
def test_what_is_not_of_its_type_is_refused_without_quoting_it(
    sent: Any, wanted: type, why: str
) -> None:
    with pytest.raises(ApplicationError) as err:
        CONVERTER.from_payloads(CONVERTER.to_payloads([sent]), [wanted])
    assert (err.value.type, err.value.non_retryable) == ("invalid_payload", True)
    assert why in err.value.message
    assert "secret" not in err.value.message


@pytest.mark.parametrize(
    "payload",
    [
        Payload(metadata={"encoding": b"json/plain"}, data=b"{"),
        Payload(metadata={"encoding": b"json/plain"}, data=b"\xff"),
        Payload(metadata={"encoding": b"json/plain"}, data=b"[" * 5000),
        Payload(metadata={"encoding": b"binary/encrypted"}, data=b"x"),
        Payload(data=b"x"),
    ],
)
def test_bytes_that_are_no_json_are_refused(payload: Payload) -> None:
    with pytest.raises(ApplicationError, match="can't be read as JSON"):
        CONVERTER.from_payloads([payload])


@pytest.mark.parametrize("data", [b"NaN", b"-Infinity", b'"nan"', b'"inf"', b' "+Infinity" '])
@pytest.mark.parametrize("form", [b"%s", b'{"count": %s, "item": "nan"}', b"[1, %s]"])
def test_numbers_that_json_does_not_have_reach_no_limit_and_no_budget(
    data: bytes, form: bytes
) -> None:
    hints: dict[bytes, Any] = {b"%s": float, b"[1, %s]": list[float]}
    payload = Payload(metadata={"encoding": b"json/plain"}, data=form % data)
    with pytest.raises(ApplicationError, match=r"JSON doesn't have|integer|finite"):
        CONVERTER.from_payloads([payload], [hints.get(form, Order)])


def test_texts_that_read_like_such_numbers_stay_texts() -> None:
    value = {"a": ["nan", "inf", "-Infinity"], "b": "NaN"}
    assert CONVERTER.from_payloads(CONVERTER.to_payloads([value])) == [value]


# A run that is started with nonsense fails, and says why.


@pytest.mark.parametrize("workflow", [TakesOrder.run, TakesOrderInRunOnly.run])
@pytest.mark.parametrize(
    ("args", "why"),
    [
        ([5], "This can't be read as Order"),
        ([{"count": 2}], "item: Field required"),
        ([None], "This can't be read as Order"),
        ([], "missing 1 required positional argument: 'order'"),
        ([{"item": "a"}, {"item": "b"}], "takes 2 positional arguments but 3 were given"),
    ],
)
async def test_run_started_with_nonsense_fails_and_says_why(
    running: Desk, workflow: Any, args: list[Any], why: str
) -> None:
    assert why in (await failure_of(await running.start(workflow, *args))).message


async def test_signals_updates_and_queries_take_nonsense_and_the_run_goes_on(
    running: Desk,
) -> None:
    handle = await running.start(TakesOrder.run, Order("book"))
    for nonsense in ([], [5], [{"item": "a"}, 2], [None], [{"item": 1}]):
        await handle.signal("change", args=nonsense)
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update("replace", args=nonsense)
    with pytest.raises(WorkflowQueryFailedError):
        await handle.query("item", args=["a", "b"])
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await handle.execute_update("replace", {"count": "many"})
    assert "item: Field required" in str(failed.value.cause)
    for kind in ("large", "surrogate", "nan"):
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update("odd", kind)
    assert await handle.execute_update("replace", Order("atlas")) == "atlas"
    await handle.signal("change", Order("map"))
    await handle.signal("end", "with an argument too many")
    await handle.signal("end")
    log = await handle.result()
    assert [each["item"] for each in log.said] == ["atlas", "map"]
    await no_task_failed(handle)


async def test_activity_result_of_another_type_fails_the_run(running: Desk) -> None:
    assert await running.run(Misreads.run, {"item": "a"}) == "a"
    err = await failure_of(await running.start(Misreads.run, {"item": None}))
    assert "This can't be read as Order: item: Input should be a valid string" in err.message


async def test_type_error_of_the_workflow_itself_still_waits_for_a_better_deploy(
    running: Desk,
) -> None:
    handle = await running.start(OwnMistake.run)
    assert "int" in await asyncio.wait_for(task_failed(handle), 30)
    await handle.terminate()


# Sizes, each way in which a Workflow passes values.


@pytest.mark.parametrize("how", ["returned", "continued", "result", "argument"])
@pytest.mark.parametrize(
    ("kind", "type", "why"),
    [
        ("large", "payload_too_large", "at most 2,000,000 fit"),
        ("surrogate", "invalid_payload", ".rows[1].name holds text with half a surrogate pair."),
        ("object", "invalid_payload", ".rows[0] holds object."),
        ("nan", "invalid_payload", ".rows[1] is nan"),
        ("bytes", "invalid_payload", ".rows[0] holds bytes."),
    ],
)
async def test_what_can_not_be_carried_fails_at_once(
    running: Desk, how: str, kind: str, type: str, why: str
) -> None:
    handle = await running.start(Passes.run, how, kind)
    err = await failure_of(handle)
    assert err.type == type
    assert why in err.message
    starts = [
        event.activity_task_started_event_attributes.attempt
        async for event in handle.fetch_history_events()
        if event.HasField("activity_task_started_event_attributes")
    ]
    assert starts == ([1] if how == "result" else [])


async def test_client_hears_at_once_that_an_input_is_too_large(running: Desk) -> None:
    with pytest.raises(ApplicationError, match="at most 2,000,000 fit"):
        await running.start(TakesOrderInRunOnly.run, Order("x" * MAX_PAYLOAD_BYTES))


async def test_three_large_requests_at_once_are_sent_one_after_the_other(
    claude: OfflineClaude, running: Desk
) -> None:
    handle = await running.start(AsksThree.run, 1_500_000)
    assert (await handle.result())[3] == "1500000"
    assert [call.status for call in claude.calls()] == [200] * 3
    await no_task_failed(handle)


# A full history.


async def test_loop_that_looks_ends_before_its_history_is_full(
    running: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FULL_HISTORY_BYTES", 60_000)
    turns = await running.run(Fills.run, True)
    assert 3 <= turns <= 6
    monkeypatch.setattr(limits, "FULL_HISTORY_BYTES", 10_000_000)
    monkeypatch.setattr(limits, "FULL_HISTORY_EVENTS", 30)
    assert 3 <= await running.run(Fills.run, True) <= 6


async def test_loop_that_does_not_look_fails_before_the_server_terminates_it(
    running: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_HISTORY_BYTES", 60_000)
    err = await failure_of(await running.start(Fills.run, False))
    assert (err.type, err.non_retryable) == ("history_full", True)
    assert "agentkit.limits.history_is_full()" in err.message


# A deploy that can't read what runs in flight have recorded: Temporal notices that the commands
# differ from the history's, which fails the task. The run waits for a better deploy.


@pytest.mark.parametrize("later", [TakesBiggerOrder, TakesTwo])
async def test_deploy_that_can_not_read_runs_in_flight_fails_no_run(
    client: Client, later: type
) -> None:
    queue = f"test-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[TakesOrder]):
        handle = await client.start_workflow(
            "TakesOrder", Order("book"), id=queue, task_queue=queue
        )
        assert await handle.execute_update("replace", Order("atlas")) == "atlas"
    async with Worker(client, task_queue=queue, workflows=[later]):
        await handle.signal("end")
        await asyncio.wait_for(task_failed(handle), 30)
        assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    async with Worker(client, task_queue=queue, workflows=[TakesOrder]):
        log = await asyncio.wait_for(handle.result(), 40)
    assert log["said"] == [{"item": "atlas", "count": 1}]


@pytest.mark.parametrize("args", [[5], [], [{"item": "a"}, {"item": "b"}]])
async def test_run_that_failed_for_its_input_replays(running: Desk, args: list[Any]) -> None:
    handle = await running.start(TakesOrder.run, *args)
    await failure_of(handle)
    replayer = Replayer(workflows=[TakesOrder], plugins=[AgentPlugin()])
    await replayer.replay_workflow(await handle.fetch_history())
