"""The recipe long_running with a real worker process, and two mistakes that would break it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)

from agentkit.stores import SQLiteStore
from agentkit.transcript import recorded_heads, verify, verify_history, walk
from agentkit.transcript.window import LEAST_TOKENS
from classroom import workers
from classroom.machine.home import home
from classroom.show.progress import runs_until_over
from classroom.workers import NOTEBOOKS, WorkerProcess, scratch_copy
from offline_claude import OfflineClaude

TICKETS = 4
STEPS = 6
MOST_RUNS = 8
"""Four tickets take some twenty steps: four runs of six."""


@pytest.fixture(autouse=True)
def _no_worker_is_left(shop: ModuleType, claude: OfflineClaude) -> Any:
    workers.stop_all()
    yield
    workers.stop_all()


@pytest.fixture
async def worker(client: Client) -> WorkerProcess:
    return await WorkerProcess("long_running").start().polling(client)


async def begin(client: Client, **queue: Any) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        "LongRunningAgentWorkflow",
        {"most": TICKETS, "steps_per_run": STEPS, **queue},
        id=f"long-{uuid.uuid4()}",
        task_queue="long-running",
        execution_timeout=timedelta(seconds=150),
    )


async def test_each_ticket_is_answered_once_over_several_runs(
    client: Client, shop: ModuleType, worker: WorkerProcess
) -> None:
    run = await begin(client)
    progress = await run.result()
    assert (progress["tickets"], progress["ended"]) == (TICKETS, "done")
    assert 3 <= progress["runs"] <= MOST_RUNS
    assert [row["ticket_id"] for row in shop.rows("answers")] == [1, 2, 3, 4]
    assert "Luca Ferrantino" in shop.rows("answers")[0]["text"]
    assert shop.count("refunds") == 1
    assert run.first_execution_run_id is not None
    heads = await recorded_heads(client, run.id, run.first_execution_run_id)
    seen = verify_history(SQLiteStore(home() / "store.db"), heads)
    assert (heads[-1], seen.messages) == (progress["head"], seen.links * 2)


async def test_idempotency_keys_carry_the_first_run_id_in_all_runs(
    client: Client, shop: ModuleType, worker: WorkerProcess
) -> None:
    run = await begin(client)
    await run.result()
    keys = [row["key"].split(":")[0] for row in shop.rows("ledger")]
    assert keys == [run.first_execution_run_id] * (TICKETS + 1)


async def test_signals_in_between_are_answered_across_continue_as_new(
    client: Client, shop: ModuleType, worker: WorkerProcess
) -> None:
    run = await begin(client)
    for number in range(1041, 1046):
        await run.signal("say", f"Who placed order {number}?")
        await asyncio.sleep(0)
    progress = await run.result()
    assert progress["tickets"] == TICKETS
    assert shop.count("answers") == TICKETS, "a message in between isn't a ticket"
    assert await questions(progress["head"], "Who placed order 104") == 5


async def test_nothing_that_a_signal_brings_hangs_the_run(
    client: Client, shop: ModuleType, worker: WorkerProcess
) -> None:
    run = await begin(client, most=1)
    odd: list[Any] = ["", " ", None, 7, ["Who?"], {"kept": "sha256:" + "0" * 64}, {"text": "Hi"}]
    for each in odd:
        await run.signal("say", each)
    await run.signal("say")
    await run.signal("say", args=["Who placed order 1041?", "too many", 3])
    progress = await run.result()
    assert (progress["tickets"], progress["ended"]) == (1, "done")
    assert progress["refused"] == len(odd) + 1
    assert await questions(progress["head"], "Who placed order 1041") == 1


async def test_fifty_long_messages_go_along_by_reference_and_none_is_lost(
    client: Client, shop: ModuleType, worker: WorkerProcess
) -> None:
    run = await begin(client, most=1, steps_per_run=5)
    for number in range(50):
        await run.signal("say", f"Message {number}. " + "Who placed order 1041? " * 2_600)
    progress = await run.result()
    assert (progress["tickets"], progress["ended"], progress["refused"]) == (1, "done", 0)
    assert progress["runs"] > 5
    assert await questions(progress["head"], "Message ") == 50
    assert max([size async for size in inputs(client, run)]) < 100_000


async def inputs(client: Client, run: WorkflowHandle[Any, Any]) -> AsyncIterator[int]:
    """The bytes that each run but the first was handed."""
    run_id = run.first_execution_run_id
    while run_id:
        handle = client.get_workflow_handle(run.id, run_id=run_id)
        run_id = None
        async for event in handle.fetch_history_events():
            if event.HasField("workflow_execution_continued_as_new_event_attributes"):
                ended = event.workflow_execution_continued_as_new_event_attributes
                run_id = ended.new_execution_run_id
                yield ended.input.ByteSize()


async def test_agent_with_the_smallest_window_still_knows_its_own_refunds(
    client: Client, shop: ModuleType, worker: WorkerProcess
) -> None:
    window = {"tokens": LEAST_TOKENS}
    run = await begin(client, most=16, steps_per_run=40, talk={"window": window})
    progress = await run.result()
    store = SQLiteStore(home() / "store.db")
    notes = [link.summary for link in walk(store, progress["head"]) if link.summary]
    refunds = [str(row["order_id"]) for row in shop.rows("refunds")]
    assert len(refunds) == 2
    assert len(notes) > 3
    refunded = [line for line in notes[0].splitlines() if "called “refund" in line]
    assert all(f'"order_id": {order}' in str(refunded) for order in refunds), notes[0]
    verify(store, progress["head"])


@pytest.mark.parametrize("wrong", [{"steps_per_run": 0}, {"steps_per_run": -3}, {"most": -1}])
async def test_a_queue_that_makes_no_sense_fails_the_run_and_says_why(
    wrong: dict[str, int], client: Client, worker: WorkerProcess
) -> None:
    run = await begin(client, **wrong)
    with pytest.raises(WorkflowFailureError) as failed:
        await run.result()
    assert next(iter(wrong)) in str(failed.value.cause)


async def questions(head: str, text: str) -> int:
    from agentkit.transcript import read_all

    said = read_all(SQLiteStore(home() / "store.db"), head)
    return sum(str(each["content"]).startswith(text) for each in said)


async def test_budget_covers_all_runs_together(
    client: Client, shop: ModuleType, worker: WorkerProcess
) -> None:
    progress = await (await begin(client, budget={"turns": 5})).result()
    assert (progress["turns"], progress["ended"]) == (5, "turns")
    assert progress["runs"] >= 2


async def test_progress_query_works_in_every_run(
    client: Client, claude: OfflineClaude, worker: WorkerProcess
) -> None:
    run = await begin(client, steps_per_run=2)
    seen = set()
    while (await run.describe()).status == WorkflowExecutionStatus.RUNNING:
        progress = await run.query("progress")
        seen.add((progress["runs"], progress["tickets"]))
    assert len({runs for runs, _ in seen}) >= 2
    assert (await run.query("progress"))["tickets"] == TICKETS


# Mistakes 2 and 3 of public recipes, put into ours. Each continues as new forever.


def right(source: str) -> str:
    return source


def without_the_call(source: str) -> str:
    return source.replace("is_continue_as_new_suggested()", "is_continue_as_new_suggested")


def counting_all_runs(source: str) -> str:
    return source.replace(
        "self.steps == queue.steps_per_run",
        "queue.talk.spent.turns % 3 == 0 and queue.talk.spent.turns",
    )


@pytest.mark.parametrize(
    ("change", "terminates"),
    [(right, True), (without_the_call, False), (counting_all_runs, False)],
)
async def test_continue_as_new_makes_progress(
    change: Callable[[str], str], terminates: bool, client: Client, shop: ModuleType
) -> None:
    folder = scratch_copy("long_running")
    file = folder / "recipes" / "long_running" / "workflow.py"
    source = (NOTEBOOKS / "recipes" / "long_running" / "workflow.py").read_text()
    assert (change(source) != source) is not terminates
    file.write_text(change(source))
    await WorkerProcess("long_running", "changed", folder=folder).start().polling(client)
    run = await begin(client)

    await runs_until_over(client, run, most=MOST_RUNS)
    finished = (await run.describe()).status == WorkflowExecutionStatus.COMPLETED
    if not finished:
        await run.terminate()
    assert finished is terminates
