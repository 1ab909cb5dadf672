"""From a question to a report that a supervisor has signed off, even if a worker is killed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType

from temporalio.client import Client

from agentkit.approvals import Decision, decide
from classroom.copy.project.tests.conftest import Desk
from classroom.show.pending import until_pending
from offline_claude import OfflineClaude
from recipes.research_agent.workflow import ResearchAgentWorkflow, ResearchTask

QUESTION = "Are cancelled orders refunded as promised?"


async def test_a_report_that_was_approved_is_stored_once_and_all_its_citations_resolve(
    client: Client, desk: Desk, shop: ModuleType, state: Path
) -> None:
    run = await desk.run(client, ResearchAgentWorkflow.run, ResearchTask(QUESTION))
    request = (await until_pending(run))[0].request
    assert shop.count("reports") == 0
    await decide(run, Decision(request.id, request.digest, "approve", "ann"))
    assert (await run.result()).ended == "published"
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
    run = await desk.run(client, ResearchAgentWorkflow.run, ResearchTask(QUESTION))
    first = (await until_pending(run))[0].request
    missing = "Also mention the deadline for e-books."
    await decide(run, Decision(first.id, first.digest, "reject", "ann", missing))
    second = (await until_pending(run))[0].request
    assert "e-book" in str(second.arguments)
    assert "e-book" not in str(first.arguments)
    await decide(run, Decision(second.id, second.digest, "approve", "ann"))
    assert (await run.result()).ended == "published"
    assert shop.count("reports") == 1


async def test_a_worker_killed_in_mid_draft_changes_nothing_that_anyone_can_see(
    client: Client, desk: Desk, claude: OfflineClaude, shop: ModuleType, state: Path
) -> None:
    async def approved(run_id: str) -> str:
        """Approve the draft of a run that start.py starts, and return what it prints."""
        await asyncio.to_thread(claude.wait_for, lambda call: call.turn == 3, 90)
        run = client.get_workflow_handle(run_id)
        request = (await until_pending(run))[0].request
        await decide(run, Decision(request.id, request.digest, "approve", "ann"))
        return (await asyncio.to_thread(printing.communicate, timeout=120))[0]

    claude.slow(120, turn=3)
    victim = desk.open()
    printing = desk.ask("killed", QUESTION)
    await asyncio.to_thread(claude.wait_for, lambda call: call.turn == 3, 90)
    assert victim.kill() == -9
    desk.open()
    answer = await approved("killed")
    reports = [row["file"] for row in shop.rows("reports")]
    assert shop.count("ledger") == 1, "one row in the ledger for the one effect"

    shop.reset()
    claude.reset()
    printing = desk.ask("undisturbed", QUESTION)
    assert await approved("undisturbed") == answer
    assert [row["file"] for row in shop.rows("reports")] == reports
    assert len(list((state / "reports").glob(Path(reports[0]).name))) == 1
