"""Waiting for a person costs nothing: real SIGKILLs of real workers while a request is pending."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from agentkit.approvals import Decision, decide
from agentkit.classroom import processes, workers
from agentkit.classroom.home import home
from agentkit.classroom.offline import OfflineClaude
from agentkit.classroom.show.pending import until_pending
from agentkit.classroom.workers import NOTEBOOKS, WorkerProcess
from tests import gates

QUESTION = "Order 1025 arrived damaged. Please refund it."
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _no_worker_is_left(
    shop: ModuleType, claude: OfflineClaude, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setenv("APPROVAL_INBOX", str(home() / "inbox.jsonl"))
    workers.stop_all()
    yield
    workers.stop_all()


@pytest.fixture
async def standby() -> AsyncIterator[WorkerProcess]:
    """A worker that is not started yet."""
    worker = WorkerProcess("approval_gate", "standby")
    yield worker
    worker.stop()


async def ask(client: Client) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        "ApprovalGate",
        QUESTION,
        id=f"gate-killed-{uuid.uuid4()}",
        task_queue="approval-gate",
        execution_timeout=timedelta(seconds=120),
    )


async def seen_and_killed(run: WorkflowHandle[Any, Any], victim: WorkerProcess) -> Decision:
    """Look at what waits, then kill the worker; gives an approval of what was seen."""
    (waiting,) = await until_pending(run)
    assert victim.kill() == -9
    return Decision(waiting.request.id, waiting.request.digest, "approve", "ann")


async def test_a_decision_left_while_no_worker_runs_counts_once_when_one_comes(
    client: Client, shop: ModuleType, standby: WorkerProcess
) -> None:
    victim = await WorkerProcess("approval_gate", "victim").start().polling(client)
    run = await ask(client)
    approval = await seen_and_killed(run, victim)
    await run.signal("submit_decision", approval)
    await run.signal("submit_decision", approval)
    assert shop.count("refunds") == 0
    await standby.start().polling(client)
    answer = await run.result()
    assert shop.count("refunds") == 1
    events = [entry["event"] for entry in answer["audit"]]
    assert sorted(events) == ["approved", "asked", "ran", "refused"]


async def test_an_update_sent_while_no_worker_runs_waits_for_one(
    client: Client, shop: ModuleType, standby: WorkerProcess
) -> None:
    victim = await WorkerProcess("approval_gate", "victim").start().polling(client)
    run = await ask(client)
    approval = await seen_and_killed(run, victim)
    deciding = asyncio.create_task(decide(run, approval))
    await standby.start().polling(client)
    assert (await deciding).event == "approved"
    await run.result()
    assert shop.count("refunds") == 1


async def test_a_request_is_the_same_for_the_next_worker(
    client: Client, shop: ModuleType, standby: WorkerProcess
) -> None:
    victim = await WorkerProcess("approval_gate", "victim").start().polling(client)
    run = await ask(client)
    (before,) = await until_pending(run)
    assert victim.kill() == -9
    await standby.start().polling(client)
    (after,) = await until_pending(run)
    assert after.request == before.request
    reject = Decision(after.request.id, after.request.digest, "reject", "ann", "no")
    await decide(run, reject)
    await run.result()
    assert shop.count("refunds") == 0


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_worker_killed_at_an_approved_effect_leaves_one_effect(
    when: str, client: Client, shop: ModuleType, standby: WorkerProcess
) -> None:
    program = Path(__file__).with_name("dying_gate_worker.py")
    victim = processes.start(
        "worker-dying-gate",
        [sys.executable, str(program), when],
        cwd=NOTEBOOKS,
        env={"PYTHONPATH": f"{NOTEBOOKS}:{ROOT}"},
    )
    run = await ask(client)
    (waiting,) = await until_pending(run)
    await decide(run, Decision(waiting.request.id, waiting.request.digest, "approve", "ann"))
    assert await asyncio.to_thread(victim.wait, 60) == -9, victim.log_tail()
    await standby.start().polling(client)
    answer = await run.result()
    assert shop.count("refunds") == 1
    assert [entry["event"] for entry in answer["audit"]] == ["asked", "approved", "ran"]


# What is too late, when nobody was there to see it come in time


@pytest.mark.parametrize(
    ("answer", "on_timeout", "paid"),
    [("approve", "deny", 0), ("reject", "allow", 0), ("approve", "allow", 1)],
)
async def test_what_a_worker_first_sees_after_the_end_is_taken_on_the_safe_side(
    answer: str, on_timeout: str, paid: int, client: Client
) -> None:
    gates.world.__init__()  # type: ignore[misc]
    queue = f"late-{uuid.uuid4()}"
    given = gates.Given(
        [gates.paying(80.0)], timeout=timedelta(seconds=2), on_timeout=on_timeout, signed=True
    )
    address = client.service_client.config.target_host
    plain = await Client.connect(address, data_converter=pydantic_data_converter)
    async with gates.worker(plain, queue):
        run: Any = await plain.start_workflow(gates.Desk.run, given, id=queue, task_queue=queue)
        (waiting,) = await gates.pending(run)
    made = gates.decision(waiting, answer, key=gates.KEYS["ann"])
    await run.signal("submit_decision", made)
    while datetime.now(UTC) <= waiting.request.expires_at:
        await asyncio.sleep(0.05)
    async with gates.worker(plain, queue):
        got = await run.result()
    assert len(gates.world.paid) == paid
    if answer == "reject":
        assert "rejected" in [e.event for e in got.audit]
    else:
        refused = next(e for e in got.audit if e.event == "refused")
        assert refused.note == "The request has expired."


async def test_the_remaining_time_runs_down_though_nothing_happens(client: Client) -> None:
    queue = f"clock-{uuid.uuid4()}"
    plain = await Client.connect(
        client.service_client.config.target_host, data_converter=pydantic_data_converter
    )
    async with gates.worker(plain, queue):
        run: Any = await plain.start_workflow(
            gates.Desk.run, gates.Given([gates.paying(80.0)]), id=queue, task_queue=queue
        )
        (before,) = await gates.pending(run)
        deadline = asyncio.get_running_loop().time() + 20
        while (await gates.pending(run))[0].remaining_seconds > before.remaining_seconds - 0.5:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        await run.terminate()
