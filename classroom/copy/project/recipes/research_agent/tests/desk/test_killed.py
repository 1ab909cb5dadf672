"""A real SIGKILL of a real worker process, in the middle of a draft that is being written."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType

from temporalio.client import Client

from agentkit.approvals import Decision, decide
from classroom.copy.project.reviewed.tests.desk.reviewing import what_waits
from classroom.copy.project.tests.desk.conftest import Desk
from offline_claude import OfflineClaude

QUESTION = "Are cancelled orders refunded as promised?"


async def approved(client: Client, run_id: str) -> None:
    run = client.get_workflow_handle(run_id)
    request = (await what_waits(run)).request
    await decide(run, Decision(request.id, request.digest, "approve", "ann"))


async def test_a_worker_killed_in_mid_draft_changes_nothing_that_anyone_can_see(
    client: Client, desk: Desk, claude: OfflineClaude, shop: ModuleType, state: Path
) -> None:
    run = desk.ask("undisturbed", QUESTION)
    await approved(client, "undisturbed")
    undisturbed, _ = await asyncio.to_thread(run.communicate, timeout=120)
    reports = [row["file"] for row in shop.rows("reports")]
    shop.reset()
    claude.reset()

    claude.slow(120, turn=3)
    victim = desk.start()
    run = desk.ask("killed", QUESTION)
    await asyncio.to_thread(claude.wait_for, lambda call: call.turn == 3, 90)
    assert victim.kill() == -9
    desk.start()
    await approved(client, "killed")
    told, _ = await asyncio.to_thread(run.communicate, timeout=120)

    assert told == undisturbed
    assert [row["file"] for row in shop.rows("reports")] == reports
    assert shop.count("ledger") == 1, "one row in the ledger for the one effect"
    assert len(list((state / "reports").glob(Path(reports[0]).name))) == 1
