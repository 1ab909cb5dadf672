"""Real SIGKILLs of real worker processes; what must hold is checked from outside.

The run ends with the clean run's transcript, every effect is there once, and no model call is
repeated but the one in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from agentkit.classroom import workers
from agentkit.classroom.offline import OfflineClaude
from agentkit.classroom.show import Step, steps, transcript, until
from agentkit.classroom.workers import WorkerProcess
from tests.crash.dying import dying

QUESTION = "Order 1042 arrived damaged. Please refund it and email me a confirmation."
CLEAN_CALLS = 4


@pytest.fixture(autouse=True)
def _no_worker_is_left(shop: ModuleType) -> Any:
    workers.stop_all()
    yield
    workers.stop_all()


@pytest.fixture
async def standby(client: Client) -> AsyncIterator[WorkerProcess]:
    """A worker that is not started yet."""
    worker = WorkerProcess("durable_loop", "standby")
    yield worker
    worker.stop()


async def ask(client: Client, question: str = QUESTION) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        "DurableLoop",
        question,
        id=f"crash-{id(object())}-{question[:12]}",
        task_queue="durable-loop",
        execution_timeout=timedelta(seconds=120),
    )


async def said(run: WorkflowHandle[Any, Any]) -> str:
    return transcript(await run.query("transcript"), width=0)


@pytest.fixture(scope="module")
def clean_transcript() -> list[str]:
    """Filled by the first test that needs it."""
    return []


async def clean(client: Client, kept: list[str], claude: OfflineClaude, shop: ModuleType) -> str:
    """The transcript of a run that nobody disturbs."""
    if not kept:
        worker = await WorkerProcess("durable_loop", "clean").start().polling(client)
        run = await ask(client)
        await run.result()
        kept.append(await said(run))
        worker.stop()
        assert len(claude.calls()) == CLEAN_CALLS
        claude.reset()
        shop.reset()
    return kept[0]


async def attempts(run: WorkflowHandle[Any, Any]) -> list[tuple[str, int]]:
    return [(s.activity, s.attempts) for s in await steps(run) if s.attempts > 1]


@pytest.mark.parametrize(
    ("when", "activity", "number", "extra_calls"),
    [
        ("before", "call_claude", 3, 0),
        ("after", "call_claude", 3, 1),
        ("before", "tool.refund", 1, 0),
        ("after", "tool.refund", 1, 0),
        ("after", "tool.send_email", 1, 0),
        ("before", "call_claude", 1, 0),
    ],
)
async def test_a_worker_killed_at_a_step_changes_nothing_that_anyone_can_see(
    when: str,
    activity: str,
    number: int,
    extra_calls: int,
    client: Client,
    claude: OfflineClaude,
    shop: ModuleType,
    standby: WorkerProcess,
    clean_transcript: list[str],
) -> None:
    expected = await clean(client, clean_transcript, claude, shop)
    victim = dying("durable_loop", when, activity, number)
    run = await ask(client)
    assert victim.wait(60) == -9, victim.log_tail()
    await standby.start().polling(client)
    await run.result()

    assert await said(run) == expected
    assert [name for name, _ in await attempts(run)] == [activity]
    assert shop.count("refunds") == 1
    assert shop.count("emails") == 1
    assert len(claude.calls()) == CLEAN_CALLS + extra_calls


async def test_a_worker_killed_while_claude_thinks_repeats_that_call_only(
    client: Client,
    claude: OfflineClaude,
    shop: ModuleType,
    standby: WorkerProcess,
    clean_transcript: list[str],
) -> None:
    expected = await clean(client, clean_transcript, claude, shop)
    claude.slow(60, turn=3)
    victim = await WorkerProcess("durable_loop", "victim").start().polling(client)
    run = await ask(client)
    await until(run, lambda seen: last(seen) == ("call_claude", "running") and len(seen) == 6)
    await standby.start().polling(client)
    assert victim.kill() == -9
    await run.result()

    assert await said(run) == expected
    assert await attempts(run) == [("call_claude", 2)]
    assert shop.count("refunds") == 1
    assert len(claude.calls()) == CLEAN_CALLS + 1


async def test_a_worker_killed_in_mid_tool_runs_that_tool_again(
    client: Client, claude: OfflineClaude, standby: WorkerProcess
) -> None:
    victim = await WorkerProcess("durable_loop", "victim").start().polling(client)
    run = await ask(client, "Where is order 1036?")
    await until(run, lambda seen: last(seen) == ("tool.track_shipment", "running"))
    assert victim.kill() == -9
    await standby.start().polling(client)
    await run.result()

    assert await attempts(run) == [("tool.track_shipment", 2)]
    assert len(claude.calls()) == 2


async def test_a_worker_told_to_leave_finishes_its_call_of_claude_first(
    client: Client, claude: OfflineClaude, standby: WorkerProcess
) -> None:
    claude.slow(2, turn=1)
    leaving = await WorkerProcess("durable_loop", "leaving").start().polling(client)
    run = await ask(client, "Who placed order 1042?")
    await until(run, lambda seen: last(seen) == ("call_claude", "running"))
    assert await asyncio.to_thread(leaving.stop) == 0
    await standby.start().polling(client)
    await run.result()

    assert await attempts(run) == []
    assert len(claude.calls()) == 2


async def test_without_the_ledger_the_same_kill_would_pay_twice(
    client: Client, claude: OfflineClaude, shop: ModuleType, standby: WorkerProcess
) -> None:
    # The crash test itself under test: take the guard away, and it must see a second row.
    victim = dying("durable_loop", "after", "tool.refund", 1)
    run = await ask(client)
    assert victim.wait(60) == -9, victim.log_tail()
    with shop.connect() as db:
        db.execute("delete from ledger")
    db.close()
    await standby.start().polling(client)
    await run.result()
    assert shop.count("refunds") == 2


def last(seen: list[Step]) -> tuple[str, str]:
    """The step that is under way."""
    return (seen[-1].activity, seen[-1].state) if seen else ("", "")
