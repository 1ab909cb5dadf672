"""Mistakes of public recipes, put into our gate: the tests must notice each of them.

Each story passes with the gate as it is, and fails when one line of it is replaced by what
those recipes do. The numbers are those of design.md, section 9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowFailureError

from agentkit.approvals import Decision, Notice
from agentkit.approvals.handlers import Inbox
from agentkit.approvals.waiting import Waiting
from tests.support.gates import Bank, Desk, Given, bank, decide, decision, paying, pending, world

# Stories


async def what_is_approved_runs(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    await decide(run, decision(waiting))
    await run.result()
    assert world.paid == [(1042, 80.0)]


async def what_is_rejected_does_not_run(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    await decide(run, decision(waiting, "reject"))
    await run.result()
    assert world.paid == []


async def what_nobody_decides_on_ends_in_time(desk: Bank) -> None:
    run = await desk.start(paying(80.0), timeout=timedelta(hours=1))
    got = await run.result()
    assert world.paid == []
    asked, expired = got.audit[0], next(e for e in got.audit if e.event == "expired")
    assert expired.at - asked.at < timedelta(hours=1, seconds=10)


async def an_early_signal_approves_nothing(desk: Bank) -> None:
    run: Any = await desk.client.start_workflow(
        Desk.run,
        Given([paying(80.0)], timeout=timedelta(hours=1)),
        id="early",
        task_queue=desk.task_queue,
        start_signal="submit_decision",
        start_signal_args=[Decision("toolu_1", "0" * 64, "approve", "mallory")],
    )
    await run.result()
    assert world.paid == []


async def a_decision_on_one_draft_approves_no_other(desk: Bank) -> None:
    small, large = await desk.start(paying(60.0)), await desk.start(paying(400.0))
    (seen,), _ = await pending(small), await pending(large)
    with suppress(Exception):
        await decide(large, decision(seen))
    await large.result()
    assert world.paid == []


async def a_notifier_that_hangs_delays_no_expiry(desk: Bank) -> None:
    def fail(notice: Notice) -> None:
        raise RuntimeError("the pager is on fire")

    world.notifier = fail
    await what_nobody_decides_on_ends_in_time(desk)


# Mistakes


async def use_what_wait_condition_returns(self: Inbox, waiting: Waiting) -> Any:
    """1: it returns None, so every approved action is cancelled."""
    timeout = waiting.request.expires_at - workflow.now()
    wait: Any = workflow.wait_condition
    decided = await wait(lambda: waiting.outcome is not None, timeout=timeout)
    request = waiting.request
    return (
        waiting.outcome
        if decided
        else self._audit.add("expired", request.id, request.tool, "timeout", "no decision")
    )


async def ignore_what_wait_condition_raises(self: Inbox, waiting: Waiting) -> Any:
    """1: it raises when the time is up; uncaught, the gate never reaches its own timeout."""
    timeout = waiting.request.expires_at - workflow.now()
    await workflow.wait_condition(lambda: waiting.outcome is not None, timeout=timeout)
    return waiting.outcome


async def run_whatever_was_decided(self: Inbox, call: Any, why: str, terms: Any) -> Any:
    """5: only "is there a decision?" is tested, so what was rejected is run."""
    _, entry = await _ask(self, call, why, terms)
    return entry.decision is not None, entry


def check_no_digest(self: Inbox, decision: Decision, verify: Any) -> str | None:
    """5: a decision that binds to no particular draft."""
    waiting = self.open.get(decision.request_id)
    return None if waiting is not None and waiting.outcome is None else "No such request."


def approve_in_advance(self: Inbox, waiting: Waiting) -> None:
    """5: a decision from before the request is kept for it."""
    early = [e.decision for e in self._audit.entries if e.event == "refused" and e.decision]
    if early:
        waiting.outcome = self._audit.add("approved", waiting.request.id, "pay", "early")


async def wait_for_the_notifier_first(self: Inbox, waiting: Waiting) -> Any:
    """9: the timer starts once the notifier is done."""
    while self._notices:
        await asyncio.wait(self._notices)
    timeout = waiting.request.expires_at - waiting.request.asked_at
    with suppress(asyncio.TimeoutError):
        await workflow.wait_condition(lambda: waiting.outcome is not None, timeout=timeout)
    return await _until_decided(self, waiting)


_ask = Inbox.ask
_until_decided = Inbox._until_decided
_say = Inbox._say


def _say_and_look_back(self: Inbox, waiting: Waiting, kind: Any) -> None:
    _say(self, waiting, kind)
    if kind == "asked":
        approve_in_advance(self, waiting)


Story = Callable[[Bank], Awaitable[None]]
CASES: list[tuple[Story, str, Any]] = [
    (what_is_approved_runs, "_until_decided", use_what_wait_condition_returns),
    (what_nobody_decides_on_ends_in_time, "_until_decided", ignore_what_wait_condition_raises),
    (what_is_rejected_does_not_run, "ask", run_whatever_was_decided),
    (a_decision_on_one_draft_approves_no_other, "_refusal", check_no_digest),
    (an_early_signal_approves_nothing, "_say", _say_and_look_back),
    (a_notifier_that_hangs_delays_no_expiry, "_until_decided", wait_for_the_notifier_first),
]


@pytest.mark.parametrize("story", [story for story, _, _ in CASES])
async def test_the_gate_as_it_is_makes_no_such_mistake(story: Story) -> None:
    async with bank() as desk:
        await asyncio.wait_for(story(desk), 30)


@pytest.mark.parametrize(("story", "name", "mistake"), CASES)
async def test_the_story_notices_the_mistake(
    story: Story, name: str, mistake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The sandbox passes agentkit through, so the Workflow takes this very class.
    monkeypatch.setattr(Inbox, name, mistake)
    async with bank() as desk:
        with pytest.raises((AssertionError, WorkflowFailureError, asyncio.TimeoutError)):
            await asyncio.wait_for(story(desk), 8)
