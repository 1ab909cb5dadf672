"""SIGKILLs sprinkled over a run that continues as new many times: nobody can see a difference."""

from __future__ import annotations

import json
import sys
import uuid
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client

from agentkit.classroom import processes, workers
from agentkit.classroom.home import home
from agentkit.classroom.offline import OfflineClaude
from agentkit.classroom.workers import NOTEBOOKS, WorkerProcess
from agentkit.store import SQLiteStore
from agentkit.transcript import read_all, recorded_heads, verify_history

TICKETS = 6
KILLS = [
    ("after", "take_turn", 2),
    ("before", "hand_in", 1),
    ("after", "tool.refund", 1),
    ("after", "hand_in", 1),
    ("before", "take_turn", 1),
    ("after", "take_turn", 1),
]
"""Points at which one worker after the other dies; the third pays before it does."""


@pytest.fixture(autouse=True)
def _no_worker_is_left(shop: ModuleType, claude: OfflineClaude) -> Any:
    workers.stop_all()
    yield
    workers.stop_all()


def dying(when: str, activity: str, number: int) -> processes.Background:
    program = Path(__file__).with_name("dying_long_worker.py")
    return processes.start(
        "worker-dying",
        [sys.executable, str(program), when, activity, str(number)],
        cwd=NOTEBOOKS,
        env={"PYTHONPATH": str(NOTEBOOKS), "AGENTKIT_STORE": str(home() / "store.db")},
    )


async def work(client: Client, shop: ModuleType, kills: list[tuple[str, str, int]]) -> Any:
    """Work through the queue while worker after worker dies; what is there to see at the end."""
    shop.reset()
    run = await client.start_workflow(
        "LongRunning",
        {"most": TICKETS, "steps_per_run": 4, "talk": {"window": {"tokens": 1200}}},
        id=f"killed-{uuid.uuid4()}",
        task_queue="long-running",
        execution_timeout=timedelta(seconds=170),
    )
    for kill in kills:
        victim = dying(*kill)
        assert victim.wait(60) == -9, victim.log_tail()
    worker = WorkerProcess("long_running").start()
    progress = await run.result()
    worker.stop()
    assert run.first_execution_run_id is not None
    heads = await recorded_heads(client, run.id, run.first_execution_run_id)
    store = SQLiteStore(home() / "store.db")
    verify_history(store, heads)
    assert heads[-1] == progress["head"]
    answers = [(row["ticket_id"], row["text"]) for row in shop.rows("answers")]
    refunds = [(row["order_id"], row["amount_cents"]) for row in shop.rows("refunds")]
    return without_ids(read_all(store, progress["head"])), answers, refunds, progress["runs"]


async def test_a_run_whose_workers_die_says_and_does_what_an_undisturbed_one_does(
    client: Client, shop: ModuleType
) -> None:
    clean = await work(client, shop, [])
    said, answers, refunds, runs = await work(client, shop, KILLS)
    assert (said, answers, refunds) == clean[:3]
    assert len(answers) == TICKETS
    assert len(refunds) == 1
    assert runs == clean[3] >= 6


async def test_without_the_ledger_the_same_kill_would_answer_a_ticket_twice(
    client: Client, shop: ModuleType
) -> None:
    # The crash test itself under test: take the guard away, and it must see a second row.
    run = await client.start_workflow(
        "LongRunning",
        {"most": 2, "steps_per_run": 4},
        id=f"killed-{uuid.uuid4()}",
        task_queue="long-running",
        execution_timeout=timedelta(seconds=100),
    )
    victim = dying("after", "hand_in", 2)
    assert victim.wait(60) == -9, victim.log_tail()
    with shop.connect() as db:
        db.execute("delete from ledger")
    db.close()
    WorkerProcess("long_running").start()
    await run.result()
    assert [row["ticket_id"] for row in shop.rows("answers")] == [1, 1, 2]


def without_ids(messages: Any) -> str:
    """A conversation without the ids, which are new in every reply."""
    text = json.dumps(messages)
    ids = [b["id"] for m in messages for b in m["content"] if isinstance(b, dict) and "id" in b]
    for n, each in enumerate(ids):
        text = text.replace(each, f"id-{n}")
    return text
