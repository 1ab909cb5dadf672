"""How the loop fails: after the wait that the API asks for, at once, or within its budget."""

from __future__ import annotations

from types import ModuleType

import pytest
from temporalio.client import Client

from agentkit import Budget
from agentkit.stop_reasons import Outcome
from classroom.copy.project.tests.conftest import Desk
from offline_claude import OfflineClaude
from recipes.structured_retries.workflow import RetryingAgentWorkflow, SupportTask

REFUND = "Order 1042 arrived damaged. Please refund it and email me a confirmation."
TURNS = Budget(turns=20)


async def ask(client: Client, desk: Desk, question: str, budget: Budget = TURNS) -> Outcome:
    run = await desk.run(client, RetryingAgentWorkflow.run, SupportTask(question, budget))
    outcome: Outcome = await run.result()
    return outcome


async def test_it_looks_up_acts_and_answers(client: Client, desk: Desk, shop: ModuleType) -> None:
    outcome = await ask(client, desk, REFUND)
    assert outcome.answered
    assert "38.50" in outcome.text
    assert [shop.count("refunds"), shop.count("emails")] == [1, 1]


async def test_a_429_waits_as_long_as_it_says_and_is_tried_again(
    client: Client, desk: Desk, claude: OfflineClaude
) -> None:
    claude.fail(429, headers={"retry-after": "1"})
    assert (await ask(client, desk, "Who placed order 1042?")).answered
    refused, tried_again = claude.calls()[:2]
    assert (refused.status, tried_again.status) == (429, 200)


def test_a_400_fails_once_in_the_words_of_the_api(desk: Desk, claude: OfflineClaude) -> None:
    claude.fail(400, message="max_tokens: Field required")
    run = desk.ask("refused", "Who placed order 1042?")
    run.communicate(timeout=120)
    assert run.returncode == 1
    assert [call.status for call in claude.calls()] == [400]


@pytest.mark.parametrize("kind", ["refusal", "empty", "model_context_window_exceeded"])
async def test_every_stop_reason_has_an_end(
    client: Client, desk: Desk, claude: OfflineClaude, kind: str
) -> None:
    claude.reply(kind)
    outcome = await ask(client, desk, "Who placed order 1042?")
    assert outcome.ended == kind
    assert not outcome.answered
    assert outcome.detail


async def test_a_budget_ends_the_run(client: Client, desk: Desk) -> None:
    outcome = await ask(client, desk, REFUND, Budget(turns=1))
    assert (outcome.answered, outcome.spent.turns) == (False, 1)
