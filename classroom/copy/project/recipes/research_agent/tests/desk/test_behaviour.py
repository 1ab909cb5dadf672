"""From a question to a report that somebody has signed off, and to none that nobody has."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import ModuleType

from temporalio.client import Client, WorkflowHandle

from agentkit.approvals import Decision, decide
from classroom.copy.project.reviewed.tests.desk.reviewing import what_waits
from classroom.copy.project.tests.desk.conftest import Desk
from offline_claude import OfflineClaude
from recipes.research_agent.task import Outcome, Task
from recipes.research_agent.worker import TASK_QUEUE
from recipes.research_agent.workflow import ResearchAgent

QUESTION = "Are cancelled orders refunded as promised?"

Run = WorkflowHandle[ResearchAgent, Outcome]


async def ask(client: Client) -> Run:
    return await client.start_workflow(
        ResearchAgent.run, Task(QUESTION), id=f"test-{uuid.uuid4()}", task_queue=TASK_QUEUE
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
    transcript = str(await run.query(ResearchAgent.transcript))
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
