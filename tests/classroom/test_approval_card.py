"""The card: its real buttons send real decisions, and it says what became of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from agentkit import ToolCall
from agentkit.approvals.requests import Pending
from classroom.machine.home import ClassroomError
from classroom.show.approval_card import ApprovalCard
from classroom.show.pending import until_pending
from tests.support.agents import eventually
from tests.support.gates import KEYS, Bank, bank, decide, decision, paying, world


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Bank]:
    async with bank() as running:
        yield running


@pytest.fixture
def cards() -> Iterator[list[ApprovalCard]]:
    made: list[ApprovalCard] = []
    yield made
    for card in made:
        card.close()


async def card_for(
    desk: Bank, cards: list[ApprovalCard], *calls: ToolCall, **given: Any
) -> tuple[Any, Pending, ApprovalCard]:
    run = await desk.start(*(calls or (paying(80.0),)), **given)
    waiting = (await until_pending(run))[0]
    key = KEYS["ann"] if given.get("signed") else None
    card = ApprovalCard(run, waiting, reviewer="ann", key=key)
    cards.append(card)
    return run, waiting, card


async def test_approve_button_runs_the_call(desk: Bank, cards: list[ApprovalCard]) -> None:
    run, _, card = await card_for(desk, cards, signed=True)
    assert card.message == "Nobody has decided yet. You decide as ann."
    card.approve.click()
    assert await card.answered() == "Approved by ann."
    await run.result()
    assert world.paid == [(1042, 80.0)]
    assert card.approve.disabled
    assert 'role="status"' in card.status.value


async def test_reject_button_sends_the_reason(desk: Bank, cards: list[ApprovalCard]) -> None:
    run, _, card = await card_for(desk, cards)
    card.reason.value = "paid in May"
    card.reject.click()
    assert await card.answered() == "Rejected by ann: paid in May."
    got = await run.result()
    assert got.results[0]["content"].endswith("paid in May")
    assert world.paid == []


async def test_pressing_twice_sends_one_decision(desk: Bank, cards: list[ApprovalCard]) -> None:
    run, _, card = await card_for(desk, cards)
    card.approve.click()
    card.approve.click()
    card.reject.click()
    assert await card.answered() == "Approved by ann."
    card.reject.click()
    got = await run.result()
    assert [e.event for e in got.audit] == ["asked", "approved", "ran"]


async def test_edited_arguments_are_checked_while_typing_and_run(
    desk: Bank, cards: list[ApprovalCard]
) -> None:
    run, _, card = await card_for(desk, cards)
    assert card.arguments.layout.display == "none"
    card.edit.click()
    assert card.edit.description == "Undo edits"
    assert card.arguments.layout.display is None
    assert card.approve.description == "Approve edited"
    card.arguments.value = '{"order_id": 1042,'
    assert "This is not JSON: " in card.problem.value
    card.approve.click()
    assert (await card.answered()).startswith("Nothing was sent. This is not JSON: ")
    card.arguments.value = "[1]"
    assert "must be an object" in card.problem.value
    card.arguments.value = '{"order_id": 1042, "amuont": 60, "reason": ""}'
    assert "“amuont” is new, “amount” is missing" in card.problem.value
    card.arguments.value = '{"order_id": 1042, "amount": 60, "reason": ""}'
    assert card.problem.value == ""
    card.approve.click()
    assert await card.answered() == "Approved by ann, with edits."
    await run.result()
    assert world.paid == [(1042, 60)]


async def test_refusal_is_shown_and_can_be_corrected(desk: Bank, cards: list[ApprovalCard]) -> None:
    run, _, card = await card_for(desk, cards)
    card.edit.click()
    card.arguments.value = '{"order_id": 1042, "amount": 501, "reason": ""}'
    card.approve.click()
    words = "Refused: The edited arguments are not allowed: nobody may pay more than 500"
    assert await card.answered() == words
    assert not card.approve.disabled
    card.edit.click()
    assert '"amount": 80.0' in card.arguments.value
    card.approve.click()
    assert await card.answered() == "Approved by ann."
    await run.result()
    assert world.paid == [(1042, 80.0)]


async def test_decision_made_elsewhere_is_noticed(desk: Bank, cards: list[ApprovalCard]) -> None:
    run, waiting, card = await card_for(desk, cards, paying(80.0), paying(90.0, id="b"))
    await decide(run, decision(waiting, "reject", by="bob"))
    await eventually(lambda: card.message == "Rejected by bob.")
    assert card.approve.disabled


async def test_run_that_has_ended_is_reported(desk: Bank, cards: list[ApprovalCard]) -> None:
    run, _, card = await card_for(desk, cards)
    await run.terminate()
    card.approve.click()
    assert (await card.answered()).startswith("Refused: The run has ended")
    with pytest.raises(ClassroomError, match="has ended, so nothing waits"):
        await until_pending(run)


async def test_card_never_shows_what_the_digest_does_not_cover(
    desk: Bank, cards: list[ApprovalCard]
) -> None:
    run, waiting, _ = await card_for(desk, cards)
    shown = replace(waiting.request, call=paying(1.0))
    with pytest.raises(ValueError, match="digest doesn't fit"):
        ApprovalCard(run, replace(waiting, request=shown), reviewer="ann")


async def test_claudes_text_is_never_markup(desk: Bank, cards: list[ApprovalCard]) -> None:
    call = paying(80.0)
    call.input["reason"] = "<img src=x onerror=alert(1)>"
    _, _, card = await card_for(desk, cards, call)
    html = card.children[0].value
    assert "<img" not in html
    assert "&lt;img src=x" in html


async def test_card_counts_down_and_has_a_plain_text_form(
    desk: Bank, cards: list[ApprovalCard]
) -> None:
    _, _, card = await card_for(desk, cards)
    assert "23:59:" in card.countdown.value or "24:00:00" in card.countdown.value
    assert "then it is denied" in card.countdown.value
    before = card.countdown.value
    await eventually(lambda: card.countdown.value != before)
    call = "pay(order_id=1042, amount=80.0, reason='')"
    words = f"<approval card: {call}, payments over 50 need a person>"
    assert repr(card) == words
