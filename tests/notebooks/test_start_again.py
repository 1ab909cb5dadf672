"""Every recipe's start.py: one id is one run, and pays once, however often it is started."""

from __future__ import annotations

import asyncio
import importlib
import sys
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError
from temporalio.worker import Worker

from agentkit.approvals import Decision, decide, pending_approvals
from classroom.workers import NOTEBOOKS
from offline_claude import OfflineClaude
from tests.crash.campaign.scenarios import REFUND

RESEARCH = "Are cancelled orders refunded as promised?"
STARTED = {
    # recipe: arguments after the id, calls of Claude, rows of effects
    "durable_loop": ([REFUND], 4, {"refunds": 1, "emails": 1}),
    "structured_retries": ([REFUND, "1.0"], 4, {"refunds": 1, "emails": 1}),
    "parallel_tools": ([REFUND], 4, {"refunds": 1, "emails": 1}),
    "versioned_prompts": ([REFUND], 4, {"refunds": 1, "emails": 1}),
    "approval_gate": ([REFUND], 4, {"refunds": 1, "emails": 1}),
    "long_running": (["1"], 2, {"answers": 1}),
    "research_agent": ([RESEARCH], 4, {"reports": 1}),
}


def test_every_recipe_is_started_again() -> None:
    assert set(STARTED) == {each.parent.name for each in NOTEBOOKS.glob("recipes/*/start.py")}


@pytest.mark.parametrize("recipe", STARTED)
async def test_same_id_started_twice_pays_once(
    recipe: str,
    client: Client,
    claude: OfflineClaude,
    shop: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments, calls, rows = STARTED[recipe]
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    monkeypatch.setenv("AGENTKIT_STORE", str(tmp_path / "store.db"))
    monkeypatch.setenv("APPROVAL_INBOX", str(tmp_path / "inbox.jsonl"))
    monkeypatch.setenv("RESEARCH_REPORTS", str(tmp_path / "reports"))
    start, workflow, activities = (
        importlib.import_module(f"recipes.{recipe}.{each}")
        for each in ("start", "workflow", "activities")
    )
    monkeypatch.setattr(start, "TASK_QUEUE", f"test-{uuid.uuid4()}")
    id = f"again-{uuid.uuid4()}"
    monkeypatch.setattr(sys, "argv", ["start.py", id, *arguments])
    (defined,) = (
        found
        for found in vars(workflow).values()
        if isinstance(found, type) and hasattr(found, "__temporal_workflow_definition")
    )
    async with Worker(
        client,
        task_queue=start.TASK_QUEUE,
        workflows=[defined],
        activities=list(activities.ACTIVITIES),
    ):
        approving = asyncio.create_task(approve_all(client, id))
        await asyncio.gather(start.main(), start.main())  # the second attaches to a running one
        approving.cancel()
        answers = capsys.readouterr()
        await start.main()  # and this one to one that has ended
    again = capsys.readouterr()
    assert answers.out == again.out * 2 != ""
    assert again.err == f"{id} has run already; this is how it ended.\n"
    assert len(claude.calls()) == calls
    assert {table: shop.count(table) for table in rows} == rows
    assert shop.count("ledger") == sum(rows.values())


async def approve_all(client: Client, id: str) -> None:
    """Be the reviewer until the run has ended."""
    run: Any = client.get_workflow_handle(id)
    while True:
        await asyncio.sleep(0.05)
        try:
            if (await run.describe()).status != WorkflowExecutionStatus.RUNNING:
                return
            for each in await pending_approvals(run):
                request = each.request
                decision = Decision(request.id, request.digest, "approve", "ann", "")
                await decide(run, decision)
        except RPCError:  # not begun, or a Workflow without a gate
            continue
