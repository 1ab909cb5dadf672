"""Time at the gate: 24 hours in milliseconds; reminders, escalation, expiry, continue-as-new."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from agentkit import ToolCall
from agentkit.approvals import Terms
from agentkit.approvals.requests import Notice
from agentkit.testing import result_of, settled
from tests.support.agents import eventually
from tests.support.gates import (
    KEYS,
    Bank,
    audit,
    bank,
    decide,
    decision,
    paying,
    pending,
    refused,
    take,
    world,
)

HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Bank]:
    async with bank() as running:
        yield running


def kinds() -> list[tuple[str, list[str]]]:
    return [(notice.kind, notice.to) for notice in world.notices]


async def test_call_is_denied_after_a_day_without_decision(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    got = await result_of(run)
    assert got.results[0]["is_error"]
    assert got.results[0]["content"].startswith("Not run. Nobody approved it: Nobody decided until")
    asked, reminded, expired = got.audit
    assert (asked.event, reminded.event, expired.event) == ("asked", "reminded", "expired")
    assert reminded.at - asked.at >= 12 * HOUR
    assert expired.at - asked.at >= 24 * HOUR
    assert expired.by == "timeout"
    assert world.paid == []


async def test_expired_call_runs_if_terms_allow_it(desk: Bank) -> None:
    got = await result_of(await desk.start(paying(80.0), on_timeout="allow"))
    assert world.paid == [(1042, 80.0)]
    assert [e.event for e in got.audit] == ["asked", "reminded", "expired", "ran"]


async def test_reviewers_are_notified_reminded_and_escalated_to(
    desk: Bank,
) -> None:
    run = await desk.start(paying(80.0), reviewers=["ann"], escalate_to=["bob"])
    (waiting,) = await pending(run)
    assert waiting.may_decide == ["ann"]
    words = "bob may not decide on this request; who may: ann."
    assert await refused(run, decision(waiting, by="bob")) == words
    assert kinds() == [("asked", ["ann"])]
    await desk.env.sleep(13 * HOUR)
    await eventually(lambda: len(world.notices) == 2)
    await desk.env.sleep(6 * HOUR)
    await eventually(lambda: len(world.notices) == 3)
    assert kinds() == [("asked", ["ann"]), ("reminded", ["ann"]), ("escalated", ["bob"])]
    (waiting,) = await pending(run)
    assert waiting.may_decide == ["ann", "bob"]
    assert waiting.remaining_seconds <= 6 * 3600
    await decide(run, decision(waiting, by="bob"))
    got = await result_of(run)
    assert [e.event for e in got.audit] == ["asked", "reminded", "escalated", "approved", "ran"]
    assert world.paid == [(1042, 80.0)]


async def test_decision_after_expiry_is_refused(desk: Bank) -> None:
    run = await desk.start(paying(80.0, id="a"), paying(90.0, id="b"), timeout=HOUR)
    waiting, other = await pending(run, 2)
    await decide(run, decision(other))
    await desk.env.sleep(2 * HOUR)
    with pytest.raises(Exception, match=r"completed|not found"):
        await decide(run, decision(waiting))
    assert world.paid == [(1042, 90.0)]


# The notifier


async def test_failing_notifier_delays_no_expiry_and_shows_everywhere(desk: Bank) -> None:
    async def broken(notice: Notice) -> None:
        raise RuntimeError("the pager is on fire")

    world.notifier = broken
    run = await desk.start(paying(80.0), timeout=10 * HOUR)
    await pending(run, notified=False)
    await desk.env.sleep(timedelta(minutes=6))
    (waiting,) = await pending(run)
    assert len(world.notices) == 5, "bounded attempts"
    note = "Reviewers could not be told (asked): RuntimeError: the pager is on fire"
    assert [e.note for e in await audit(run) if e.event == "not notified"] == [note]
    assert waiting.notes == [note]
    assert f"`{note}`" in await _details(run)
    got = await result_of(run)
    expired = next(e for e in got.audit if e.event == "expired")
    asked = got.audit[0]
    assert 10 * HOUR <= expired.at - asked.at < 11 * HOUR


async def _details(run: Any) -> str:
    from temporalio.api.sdk.v1 import WorkflowMetadata

    found = await run.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return str(found.current_details)


# Continue-as-new


async def test_pending_request_is_carried_across_continue_as_new_unchanged(desk: Bank) -> None:
    run = await desk.start(
        paying(80.0, id="a"),
        ToolCall("b", "look", {"order_id": 7}),
        reviewers=["ann"],
        escalate_to=["bob"],
    )
    (before,) = await pending(run)
    for hours in (13, 6):  # after the reminder, and after the escalation
        await desk.env.sleep(hours * HOUR)
        await settled(run)
        await run.signal("continue_as_new")
        await _next_run(desk, run)
    (after,) = await pending(run)
    assert after.request == before.request
    assert after.may_decide == ["ann", "bob"]
    await decide(run, decision(before, by="bob"))
    got = await result_of(run)
    assert world.paid == [(1042, 80.0)]
    assert world.looked == [7], "what had run before was run again"
    assert [k for k, _ in kinds()] == ["asked", "reminded", "escalated"], "told twice"
    assert [e.event for e in got.audit] == ["asked", "reminded", "escalated", "approved", "ran"]
    assert got.results[1]["content"] == "order 7"


async def _next_run(desk: Bank, run: Any) -> None:
    known = run.__dict__.setdefault("seen_runs", {run.result_run_id or run.first_execution_run_id})
    deadline = asyncio.get_running_loop().time() + 20
    while (now := (await run.describe()).run_id) in known:
        assert asyncio.get_running_loop().time() < deadline, "it didn't continue as new"
        await asyncio.sleep(0.02)
    known.add(now)


async def test_carried_request_keeps_its_expiry(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    (before,) = await pending(run)
    await desk.env.sleep(20 * HOUR)
    await settled(run)
    await run.signal("continue_as_new")
    got = await result_of(run)
    expired = next(e for e in got.audit if e.event == "expired")
    late = (expired.at - before.request.expires_at).total_seconds()
    assert 0 <= late < 60
    assert [e.event for e in got.audit].count("asked") == 1


async def test_gate_is_not_at_rest_while_a_tool_runs(desk: Bank) -> None:
    run = await desk.start(ToolCall("a", "ship", {"order_id": 7}), paying(80.0, id="b"))
    (waiting,) = await pending(run)
    await eventually(lambda: world.shipped == [7])
    await run.signal("continue_as_new")
    assert (await pending(run))[0].request == waiting.request  # the Signal has been handled
    world.van_is_there = True
    await _next_run(desk, run)
    await decide(run, decision(waiting))
    got = await result_of(run)
    assert got.results[0]["content"] == "shipped 7"
    assert world.shipped == [7], "the tool was left, and run again"


async def test_gate_is_not_at_rest_while_a_decision_is_verified(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    await run.signal("submit_decision", decision(waiting, key=KEYS["ann"]))
    await run.signal("continue_as_new")
    await result_of(run)
    assert world.paid == [(1042, 80.0)], "the decision was lost on the way"


async def test_carried_request_is_not_judged_again(desk: Bank) -> None:
    run = await desk.start(paying(80.0, reason="change your mind"))
    (before,) = await pending(run)
    await run.signal("continue_as_new")
    await _next_run(desk, run)
    await decide(run, decision(before))
    await result_of(run)
    assert world.paid == [(1042, 80.0)]


async def test_carried_call_that_changed_is_withdrawn_and_asked_again(desk: Bank) -> None:
    async def slow(notice: Notice) -> None:
        await asyncio.sleep(0.5)  # continuing as new meanwhile would lock the server's clock

    world.notifier = slow
    run = await desk.start(paying(80.0), calls_of_next_run=[paying(400.0)])
    (before,) = await pending(run)
    await run.signal("continue_as_new")
    await _next_run(desk, run)
    (after,) = await pending(run)
    assert after.request.arguments["amount"] == 400.0
    words = "The digest is not this request's: look at the request again, then decide."
    assert await refused(run, decision(before)) == words
    got = await result_of(run)
    assert world.paid == []
    assert "withdrawn" in [e.event for e in got.audit]


async def test_undelivered_notice_is_sent_again_by_the_next_run(desk: Bank) -> None:
    async def fail(notice: Notice) -> None:
        raise RuntimeError("the pager is on fire")

    world.notifier = fail
    run = await desk.start(paying(80.0))
    await pending(run, notified=False)
    await eventually(lambda: len(world.notices) >= 1)
    world.notifier = take
    world.notices.clear()
    await run.signal("continue_as_new")
    await _next_run(desk, run)
    await eventually(lambda: kinds() == [("asked", [])])
    await run.terminate()


# Terms that can't be met


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"timeout": timedelta(0)}, "needs time to be decided on"),
        ({"on_timeout": "approve"}, "must be 'deny' or 'allow'"),
        ({"remind_at": 1.5}, "remind_at is 1.5; it is a share of the timeout"),
        ({"escalate_at": 0.5}, "Escalation needs both"),
        ({"escalate_to": ("bob",)}, "Escalation needs both"),
    ],
)
def test_impossible_terms_are_refused(terms: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Terms(**terms)
