"""Recipes with a server that answers what the API never would: each effect once, each told rightly.

The server keeps to its script, whatever it is sent. So every request it got is checked against
the API's rules afterwards.
"""

from __future__ import annotations

import importlib
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from agentkit.claude import close_claude_client
from classroom.workers import NOTEBOOKS
from offline_claude import rules
from tests.support import canned
from tests.support.agents import cause_of

WORKFLOWS = {
    "durable_loop": "AgentWorkflow",
    "parallel_tools": "ParallelToolsWorkflow",
    "versioned_prompts": "VersionedPromptsWorkflow",
    "approval_gate": "ApprovalGateWorkflow",
    "structured_retries": "RetryingAgentWorkflow",
    "long_running": "LongRunningAgentWorkflow",
    "research_agent": "ResearchAgentWorkflow",
}
ANSWERED = ("end_turn", "done")
DONE = canned.message({"type": "text", "text": "Done."})
SENT = {"to": "mira.okafor@example.com", "subject": "Refund", "body": "Dear Mira, done."}


def refund(amount: float, **fields: Any) -> dict[str, Any]:
    order = {"order_id": 1042, "amount": amount, "reason": "damaged"}
    return {"type": "tool_use", "id": "call_0", "name": "refund", "input": order, **fields}


EMAIL = {"type": "tool_use", "id": "call_0", "name": "send_email", "input": SENT}


@pytest.fixture(autouse=True)
async def _surroundings(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    await close_claude_client()
    yield
    await close_claude_client()


@pytest.fixture(params=[each for each in WORKFLOWS if each != "research_agent"])
def recipe(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(WORKFLOWS)[:5])
def inline(request: pytest.FixtureRequest) -> str:
    """A recipe whose result is the answer, and whose history holds the conversation."""
    return str(request.param)


async def run(
    recipe: str, client: Client, monkeypatch: pytest.MonkeyPatch, *answers: bytes
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run a recipe with these answers of Claude's; return its result and the requests."""
    task: Any = "Order 1042 arrived damaged."
    if recipe in ("structured_retries", "research_agent"):
        task = {"question": task, "budget": {"turns": 20}}
    if recipe == "long_running":
        task = {"most": 1}
    activities = importlib.import_module(f"recipes.{recipe}.activities").ACTIVITIES
    module = importlib.import_module(f"recipes.{recipe}.workflow")
    queue = f"test-{uuid.uuid4()}"
    async with (
        canned.answering(monkeypatch, *answers) as requests,
        Worker(
            client,
            task_queue=queue,
            workflows=[getattr(module, WORKFLOWS[recipe])],
            activities=activities,
        ),
    ):
        result = await client.execute_workflow(
            WORKFLOWS[recipe],
            task,
            id=queue,
            task_queue=queue,
            execution_timeout=timedelta(seconds=60),
        )
    bodies = [json.loads(each.partition(b"\r\n\r\n")[2]) for each in requests]
    for body in bodies:
        rules.check(body, "messages", version="2026-10-21", beta=False)
    result["ended"] = result.get("ended", result.get("stop_reason"))
    return result, bodies


def results_in(messages: Sequence[Any]) -> list[dict[str, Any]]:
    contents = [each["content"] for each in messages if isinstance(each["content"], list)]
    return [b for content in contents for b in content if b["type"] == "tool_result"]


async def test_too_deep_an_input_is_answered_once_and_the_run_goes_on(
    recipe: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = [f'{{"order_id":{"[" * levels}{"]" * levels}}}' for levels in (197, 250, 100_000)]
    deep = [canned.tool_use(each, name="find_order") for each in inputs]
    result, bodies = await run(recipe, client, monkeypatch, *deep, DONE)
    assert result["ended"] in ANSWERED
    told = [each["content"] for each in results_in(bodies[-1]["messages"])]
    assert len(told) == 3
    assert all("input_must_not_be_nested_more_than_100_levels" in each for each in told)


async def test_three_calls_with_one_id_are_three_effects(
    recipe: str, client: Client, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = refund(9) if recipe == "long_running" else EMAIL  # its desk sends no email
    turns = [canned.message(each, stop_reason="tool_use") for each in (refund(5), refund(7), last)]
    result, bodies = await run(recipe, client, monkeypatch, *turns, DONE)
    assert result["ended"] in ANSWERED
    assert [row["amount_cents"] for row in shop.rows("refunds")][:2] == [500, 700]
    assert shop.count("refunds") + shop.count("emails") == 3
    paid, more, third = results_in(bodies[-1]["messages"])
    assert '"amount":5.0' in paid["content"]
    assert '"amount":7.0' in more["content"]
    assert ('"amount":9.0' if last is not EMAIL else SENT["to"]) in third["content"]


@pytest.mark.parametrize("id", ["call_0", "", None])
async def test_two_calls_with_one_id_in_one_message_are_two_effects(
    client: Client, shop: ModuleType, monkeypatch: pytest.MonkeyPatch, id: str | None
) -> None:
    both = canned.message(refund(5, id=id), refund(7, id=id), stop_reason="tool_use")
    for recipe in ("durable_loop", "parallel_tools", "approval_gate"):
        shop.reset()
        _, bodies = await run(recipe, client, monkeypatch, both, DONE)
        assert {row["amount_cents"] for row in shop.rows("refunds")} == {500, 700}
        paid, more = results_in(bodies[-1]["messages"])
        assert ('"amount":5.0' in paid["content"], '"amount":7.0' in more["content"]) == (
            True,
            True,
        )


async def test_call_runs_whatever_the_stop_reason_says(
    recipe: str, client: Client, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = ("end_turn", "stop_sequence", "pause_turn", "next_year")
    turns = [canned.message(refund(n), stop_reason=each) for n, each in enumerate(reasons, 1)]
    result, _ = await run(recipe, client, monkeypatch, *turns, DONE)
    assert result["ended"] in ANSWERED
    assert [row["amount_cents"] for row in shop.rows("refunds")] == [100, 200, 300, 400]


@pytest.mark.parametrize("stop_reason", ["max_tokens", "refusal"])
async def test_call_of_a_cut_reply_does_not_run(
    client: Client, shop: ModuleType, monkeypatch: pytest.MonkeyPatch, stop_reason: str
) -> None:
    cut = canned.message(refund(5), stop_reason=stop_reason)
    result, _ = await run("durable_loop", client, monkeypatch, cut)
    assert result["ended"] == stop_reason
    assert shop.count("refunds") == 0


async def test_reply_without_words_and_calls_ends_as_empty(
    inline: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = canned.message({"type": "text", "text": " "}, stop_reason="tool_use")
    result, bodies = await run(inline, client, monkeypatch, nothing)
    assert (result["ended"], result["text"], len(bodies)) == ("empty", "", 1)


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ([{"name": each} for each in ("", None, "x" * 300, "shop.refund")], "There is no tool"),
        ([{"input": [1]}, {"input": "5 EUR", "id": None}], "input_must_be_an_object"),
        ([{"input": None}], "order_id"),
    ],
    ids=["names", "inputs", "no input"],
)
async def test_what_is_not_fit_to_be_sent_back_is_repaired_and_told(
    recipe: str,
    client: Client,
    shop: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    odd: list[dict[str, Any]],
    told: str,
) -> None:
    if recipe == "approval_gate" and told != "There is no tool":
        return  # what its policy can't judge waits for a person
    blank = {"type": "text", "text": "\n"}
    asked = canned.message(blank, *(refund(5, **each) for each in odd), blank, usage=None)
    result, bodies = await run(recipe, client, monkeypatch, asked, DONE)
    assert result["ended"] in ANSWERED
    assert shop.count("refunds") == 0
    results = results_in(bodies[-1]["messages"])
    assert [block["is_error"] for block in results] == [True] * len(odd)
    assert all(told in block["content"] for block in results)


async def test_research_goes_on_with_searches_that_share_an_empty_id(
    client: Client, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = {"type": "tool_use", "id": "", "name": "search_passages"}
    queries = [{"query": "refund"}, {"query": "shipping"}]
    asked = canned.message(*({**search, "input": each} for each in queries), search, usage=None)
    result, bodies = await run("research_agent", client, monkeypatch, asked, DONE)
    assert (result["ended"], result["detail"]) == ("no report", "Done.")
    refunds, shipping, nothing = results_in(bodies[-1]["messages"])
    assert "handbook:refund" in refunds["content"]
    assert "handbook:shipping" in shipping["content"]
    assert "query" in nothing["content"]
    assert [each.get("is_error", False) for each in (refunds, shipping, nothing)] == [0, 0, 1]


async def test_half_a_surrogate_pair_is_replaced(
    client: Client, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = canned.message({"type": "text", "text": "It is \ud83d here."})
    result, bodies = await run("durable_loop", client, monkeypatch, half)
    assert (result["text"], len(bodies)) == ("It is \ufffd here.", 1)


async def test_reply_that_stays_malformed_fails_the_run_after_two_calls(
    recipe: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [canned.tool_use('{"order_id": 1042, "amount": 12')] * 2
    # The third would be a good one: it must not be asked for.
    with pytest.raises(WorkflowFailureError) as failed:
        await run(recipe, client, monkeypatch, *answers, DONE)
    cause = cause_of(failed.value)
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.non_retryable) == ("malformed_reply", True)


async def test_run_ends_before_its_history_is_full(
    inline: str, client: Client, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentkit.limits.FULL_HISTORY_EVENTS", 20)
    look = {"type": "tool_use", "id": "x", "name": "find_order", "input": {"order_id": 1042}}
    again = canned.message(look, stop_reason="tool_use")
    result, bodies = await run(inline, client, monkeypatch, again)
    assert result["ended"] == "history_full"
    assert 1 <= len(bodies) < 20
