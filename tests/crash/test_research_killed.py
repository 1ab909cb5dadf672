"""The research agent's worker is killed in each stage: there is one report, and it is the same."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from agentkit.approvals import Decision, decide
from agentkit.classroom import processes, workers
from agentkit.classroom.home import home
from agentkit.classroom.offline import OfflineClaude
from agentkit.classroom.show import steps
from agentkit.classroom.show.pending import until_pending
from agentkit.classroom.workers import NOTEBOOKS, WorkerProcess

ROOT = Path(__file__).parents[2]
QUESTION = "Are cancelled orders refunded as promised?"
CALLS = 4
"""Of Claude: the plan, the searches, a draft that is sent back, the draft."""

ON_THE_WAY = [
    ("before", "tool.plan_research", 1),
    ("after", "tool.search_passages", 1),
    ("after", "call_pinned_claude", 1),
]
"""Points at which one worker after the other dies: plan, search, draft."""

STORING = [
    ("before", "tool.publish_report", 1),
    ("between", "tool.publish_report", 1),
    ("after", "tool.publish_report", 1),
]


@pytest.fixture(autouse=True)
def reports(
    shop: ModuleType, claude: OfflineClaude, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Path]:
    monkeypatch.setenv("APPROVAL_INBOX", str(home() / "inbox.jsonl"))
    monkeypatch.setenv("RESEARCH_REPORTS", str(tmp_path / "reports"))
    workers.stop_all()
    yield tmp_path / "reports"
    workers.stop_all()


def dying(when: str, activity: str, number: int) -> processes.Background:
    program = Path(__file__).with_name("dying_research_worker.py")
    return processes.start(
        "worker-dying-research",
        [sys.executable, str(program), when, activity, str(number)],
        cwd=NOTEBOOKS,
        env={
            "PYTHONPATH": f"{NOTEBOOKS}:{ROOT}",
            "AGENTKIT_STORE": str(home() / "store.db"),
        },
    )


async def ask(client: Client) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        "ResearchAgent",
        {"question": QUESTION},
        id=f"research-killed-{uuid.uuid4()}",
        task_queue="research-agent",
        execution_timeout=timedelta(seconds=170),
    )


async def approve(run: WorkflowHandle[Any, Any]) -> None:
    (waiting,) = await until_pending(run)
    await decide(run, Decision(waiting.request.id, waiting.request.digest, "approve", "ann"))


async def check(run: WorkflowHandle[Any, Any], shop: ModuleType, reports: Path) -> None:
    """One file, one row, each step recorded once, and the account that of an undisturbed run."""
    outcome = await run.result()
    (row,), (file,) = shop.rows("reports"), reports.iterdir()
    assert outcome["ended"] == "published"
    assert (row["turns"], row["file"]) == (CALLS, f"reports/{file.name}")
    assert f"*{CALLS} calls of Claude, " in file.read_text()
    made = [step.activity for step in await steps(run)]
    assert made.count("call_pinned_claude") == CALLS
    assert made.count("tool.publish_report") == made.count("tool.plan_research") == 1


async def test_workers_killed_in_every_stage_before_the_review_cost_nothing_but_time(
    client: Client, shop: ModuleType, reports: Path
) -> None:
    run = await ask(client)
    for point in ON_THE_WAY:
        victim = dying(*point)
        assert await asyncio.to_thread(victim.wait, 60) == -9, victim.log_tail()
    await WorkerProcess("research_agent", "standby").start().polling(client)
    await approve(run)
    await check(run, shop, reports)


@pytest.mark.parametrize(("when", "activity", "number"), STORING)
async def test_a_worker_killed_while_it_stores_the_report_leaves_one(
    when: str, activity: str, number: int, client: Client, shop: ModuleType, reports: Path
) -> None:
    victim = dying(when, activity, number)
    run = await ask(client)
    await approve(run)
    assert await asyncio.to_thread(victim.wait, 60) == -9, victim.log_tail()
    files = [each.suffix for each in reports.iterdir()] if reports.exists() else []
    assert (files, shop.count("reports")) == {
        "before": ([], 0),
        "between": ([".md"], 0),
        "after": ([".md"], 1),
    }[when]
    await WorkerProcess("research_agent", "standby").start().polling(client)
    await check(run, shop, reports)
