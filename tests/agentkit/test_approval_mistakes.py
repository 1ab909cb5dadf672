"""Mistakes of public recipes, put into our gate: the tests must notice each of them.

Each story passes with the gate as it is, and fails when one line of it is replaced by what
those recipes do. The numbers are those of design.md, section 9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from temporalio import workflow
from temporalio.client import WorkflowFailureError

from agentkit.approvals import Decision, Gate
from agentkit.approvals.requests import Notice, Pending
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
    async def fail(notice: Notice) -> None:
        raise RuntimeError("the pager is on fire")

    world.notifier = fail
    await what_nobody_decides_on_ends_in_time(desk)


# Mistakes


async def use_what_wait_condition_returns(self: Gate, pending: Pending) -> Any:
    """1: it returns None, so every approved action is cancelled."""
    call, wait = pending.request.call, cast(Any, workflow.wait_condition)
    timeout = pending.request.expires_at - workflow.now()
    if await wait(lambda: call.id in self._decided, timeout=timeout):
        return self._decided[call.id]
    return self._audit.add("expired", call, by="timeout", note="no decision")


async def ignore_what_wait_condition_raises(self: Gate, pending: Pending) -> Any:
    """1: it raises when the time is up; uncaught, the gate never reaches its own timeout."""
    id, timeout = pending.request.id, pending.request.expires_at - workflow.now()
    await workflow.wait_condition(lambda: id in self._decided, timeout=timeout)
    return self._decided[id]


async def run_whatever_was_decided(self: Gate, pending: Pending) -> Any:
    """5: only "is there a decision?" is tested, so a rejected call runs."""
    entry = await _until_decided(self, pending)
    return replace(entry, event="approved") if entry.decision else entry


def check_no_digest(decision: Decision, pending: Pending | None, *_: Any, **__: Any) -> str | None:
    """5: a decision that binds to no particular draft."""
    return "No such request." if pending is None else None


def approve_in_advance(self: Gate, pending: Pending, kind: Any) -> None:
    """5: a decision from before the request is kept for it."""
    _announce(self, pending, kind)
    call = pending.request.call
    if any(each.event == "refused" and each.decision for each in self._audit.entries):
        self._decided[call.id] = self._audit.add("approved", call, by="early")


async def wait_for_the_notifier_first(self: Gate, pending: Pending) -> Any:
    """9: the timer starts once the notifier is done."""
    await workflow.wait_condition(lambda: "under way" not in pending.notices.values())
    id, timeout = pending.request.id, pending.request.terms.timeout
    with suppress(asyncio.TimeoutError):
        await workflow.wait_condition(lambda: id in self._decided, timeout=timeout)
    return await _until_decided(self, pending)


_until_decided = Gate._until_decided
_announce = Gate._announce

Story = Callable[[Bank], Awaitable[None]]
GATE = "agentkit.approvals.gate"
CASES: list[tuple[Story, str, Any]] = [
    (what_is_approved_runs, "Gate._until_decided", use_what_wait_condition_returns),
    (what_nobody_decides_on_ends_in_time, "Gate._until_decided", ignore_what_wait_condition_raises),
    (what_is_rejected_does_not_run, "Gate._until_decided", run_whatever_was_decided),
    (a_decision_on_one_draft_approves_no_other, "refusal", check_no_digest),
    (an_early_signal_approves_nothing, "Gate._announce", approve_in_advance),
    (a_notifier_that_hangs_delays_no_expiry, "Gate._until_decided", wait_for_the_notifier_first),
]


@pytest.mark.parametrize("story", [story for story, _, _ in CASES])
async def test_gate_makes_no_such_mistake(story: Story) -> None:
    async with bank() as desk:
        await asyncio.wait_for(story(desk), 30)


@pytest.mark.parametrize(("story", "name", "mistake"), CASES)
async def test_planted_mistake_is_noticed(
    story: Story, name: str, mistake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The sandbox passes agentkit through, so the Workflow uses this very module.
    monkeypatch.setattr(f"{GATE}.{name}", mistake)
    async with bank() as desk:
        with pytest.raises((AssertionError, WorkflowFailureError, asyncio.TimeoutError)):
            await asyncio.wait_for(story(desk), 8)
