"""From a question to a report that a supervisor has signed off, even if a worker is killed."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from agentkit.approvals import Decision, Pending, decide, pending_approvals
from classroom.copy.project.tests.conftest import Desk
from offline_claude import OfflineClaude
from recipes.research_agent.worker import TASK_QUEUE
from recipes.research_agent.workflow import ResearchAgentWorkflow, ResearchResult, ResearchTask

QUESTION = "Are cancelled orders refunded as promised?"

Run = WorkflowHandle[ResearchAgentWorkflow, ResearchResult]


async def what_waits(run: WorkflowHandle[Any, Any]) -> Pending:
    """Return the request that waits in a run, once there is one."""
    async with asyncio.timeout(90):
        while True:
            with suppress(RPCError, TimeoutError):
                if found := await asyncio.wait_for(pending_approvals(run), 5):
                    return found[0]
            await asyncio.sleep(0.05)


async def ask(client: Client) -> Run:
    return await client.start_workflow(
        ResearchAgentWorkflow.run,
        ResearchTask(QUESTION),
        id=f"test-{uuid.uuid4()}",
        task_queue=TASK_QUEUE,
    )


async def test_a_report_that_was_approved_is_stored_once_and_all_its_citations_resolve(
    client: Client, desk: Desk, shop: ModuleType, state: Path
) -> None:
    run = await ask(client)
    request = (await what_waits(run)).request
    assert shop.count("reports") == 0
    await decide(run, Decision(request.id, request.digest, "approve", "ann"))
    outcome = await run.result()
    assert outcome.ended == "published"
    (row,) = shop.rows("reports")
    text = (state / row["file"]).read_text()
    assert "## Where sources disagree" in text
    transcript = str(await run.query(ResearchAgentWorkflow.transcript))
    for paragraph in request.arguments["paragraphs"]:
        for citation in paragraph["citations"]:
            assert citation["source"] in transcript
            assert citation["quote"] in text


async def test_what_the_supervisor_misses_is_searched_for_before_the_next_draft(
    client: Client, desk: Desk, claude: OfflineClaude, shop: ModuleType
) -> None:
    run = await ask(client)
    first = (await what_waits(run)).request
    missing = "Also mention the deadline for e-books."
    await decide(run, Decision(first.id, first.digest, "reject", "ann", missing))
    second = (await what_waits(run)).request
    assert "e-book" in str(second.arguments)
    assert "e-book" not in str(first.arguments)
    await decide(run, Decision(second.id, second.digest, "approve", "ann"))
    assert (await run.result()).ended == "published"
    assert shop.count("reports") == 1


async def test_a_worker_killed_in_mid_draft_changes_nothing_that_anyone_can_see(
    client: Client, desk: Desk, claude: OfflineClaude, shop: ModuleType, state: Path
) -> None:
    async def approved(run_id: str) -> None:
        run = client.get_workflow_handle(run_id)
        request = (await what_waits(run)).request
        await decide(run, Decision(request.id, request.digest, "approve", "ann"))

    run = desk.ask("undisturbed", QUESTION)
    await approved("undisturbed")
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
    await approved("killed")
    answer, _ = await asyncio.to_thread(run.communicate, timeout=120)

    assert answer == undisturbed
    assert [row["file"] for row in shop.rows("reports")] == reports
    assert shop.count("ledger") == 1, "one row in the ledger for the one effect"
    assert len(list((state / "reports").glob(Path(reports[0]).name))) == 1
