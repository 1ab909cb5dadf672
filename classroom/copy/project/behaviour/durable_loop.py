"""What the loop does: it looks things up, acts once, and answers, whatever happens to a worker."""

from __future__ import annotations

from types import ModuleType

from temporalio.client import Client

from classroom.copy.project.tests.conftest import Desk
from offline_claude import OfflineClaude
from recipes.durable_loop.workflow import AgentWorkflow

QUESTION = "Order 1042 arrived damaged. Please refund it and email me a confirmation."


async def test_it_looks_up_acts_and_answers(
    client: Client, desk: Desk, claude: OfflineClaude, shop: ModuleType
) -> None:
    answer = await (await desk.run(client, AgentWorkflow.run, QUESTION)).result()
    assert "38.50" in answer.text
    assert (answer.stop_reason, answer.turns) == ("end_turn", len(claude.calls()))
    assert [shop.count("refunds"), shop.count("emails")] == [1, 1]


async def test_a_result_that_is_an_error_goes_back_to_claude_and_the_run_goes_on(
    client: Client, desk: Desk
) -> None:
    run = await desk.run(client, AgentWorkflow.run, "Who placed order 7?")
    assert (await run.result()).stop_reason == "end_turn"
    assert "'is_error': True" in str(await run.query(AgentWorkflow.transcript))


def test_the_same_id_is_the_same_run_even_after_its_end(
    desk: Desk, claude: OfflineClaude, shop: ModuleType
) -> None:
    answer = desk.answer("the-same", QUESTION)
    calls = len(claude.calls())
    assert desk.answer("the-same", QUESTION) == answer
    assert len(claude.calls()) == calls
    assert shop.count("refunds") == 1
