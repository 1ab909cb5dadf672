"""What is too long to be carried along hangs no run: it is refused, or kept by reference."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from pydantic_core import to_json

from agentkit.approvals.audit import LONGEST_NOTE, MOST_REFUSED
from agentkit.approvals.decisions import LONGEST_DECISION
from agentkit.approvals.gate import MOST_REQUEST_BYTES, MOST_WAITING_BYTES
from agentkit.messages import canonical_json, sha256_reference
from tests.support.gates import (
    KEYS,
    OddArguments,
    audit,
    bank,
    decide,
    decision,
    paying,
    pending,
    refused,
    world,
)

HUGE = "x" * 1_500_000


def deep(levels: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return {"amount": value}


HUGE_OR_DEEP = [{"reason": HUGE}, {"arguments": {HUGE: HUGE[:9]}}, {"reviewer": HUGE}]
HUGE_OR_DEEP += [{"arguments": deep(levels)} for levels in (100, 150, 196)]


@pytest.mark.parametrize("change", HUGE_OR_DEEP)
async def test_huge_and_deep_decisions_are_refused_and_run_completes(
    change: dict[str, Any],
) -> None:
    async with bank() as desk:
        run = await desk.start(paying(80.0))
        (waiting,) = await pending(run)
        huge = replace(decision(waiting, key=KEYS["ann"]), **change)
        assert "at most" in await refused(run, huge)
        for _ in range(2):  # together more than Temporal carries
            await run.signal("submit_decision", huge)
        await run.signal("submit_decision", {HUGE: 1})
        await decide(run, decision(waiting, key=KEYS["ann"]))
        got = await asyncio.wait_for(run.result(), 20)
        entries = await audit(run)
    assert world.paid == [(1042, 80.0)]
    assert [e.event for e in got.audit].count("refused") == 3
    assert all(len(e.note) < 1_000 for e in entries)


async def test_long_decision_below_the_limit_counts() -> None:
    async with bank() as desk:
        run = await desk.start(paying(80.0))
        (waiting,) = await pending(run)
        reason = "x" * (LONGEST_DECISION - 1_000)
        await decide(run, replace(decision(waiting), reason=reason))
        await run.result()
    assert world.paid == [(1042, 80.0)]


async def test_many_long_refused_decisions_fit_into_the_result() -> None:
    async with bank() as desk:
        run = await desk.start(paying(80.0))
        (waiting,) = await pending(run)
        long = replace(decision(waiting, by="mallory"), reason="x" * (LONGEST_DECISION - 1_000))
        for _ in range(MOST_REFUSED):
            await run.signal("submit_decision", long)
        await decide(run, decision(waiting, key=KEYS["ann"]))
        got = await asyncio.wait_for(run.result(), 30)
    assert [e.event for e in got.audit].count("refused") == MOST_REFUSED


async def test_sixteen_calls_with_long_arguments_are_paid_and_the_run_completes() -> None:
    calls = [paying(80.0, n, f"toolu_{n}", reason=f"{n}" + "x" * 80_000) for n in range(16)]
    async with bank() as desk:
        run = await desk.start(*calls, signed=True)
        for each in await pending(run, 16):
            assert each.request.arguments == calls[each.request.arguments["order_id"]].input
            await decide(run, decision(each, key=KEYS["ann"]))
        got = await asyncio.wait_for(run.result(), 60)
    assert sorted(world.paid) == [(n, 80.0) for n in range(16)]
    assert [e.event for e in got.audit].count("ran") == 16
    asked = next(e for e in got.audit if e.event == "asked" and e.request_id == "toolu_3")
    whole = canonical_json(calls[3].input)
    assert asked.arguments == {
        "reference": sha256_reference(whole.encode()),
        "characters": len(whole),
        "beginning": whole[:LONGEST_NOTE],
    }
    assert len(to_json(got.audit)) < 200_000


async def test_call_that_is_too_large_for_reviewers_is_refused_before_they_are_asked() -> None:
    small = paying(80.0, 1, "small")
    large = paying(80.0, 2, "large", reason="ß" * (MOST_REQUEST_BYTES // 2))
    async with bank() as desk:
        run = await desk.start(small, large)
        (waiting,) = await pending(run)
        await decide(run, decision(waiting))
        got = await asyncio.wait_for(run.result(), 20)
    assert world.paid == [(1, 80.0)]
    assert len(world.notices) == 1
    assert got.results[1]["is_error"]
    assert got.results[1]["content"].startswith("Not run, and nobody was asked: The call has 250,")
    denied = next(e for e in got.audit if e.request_id == "large")
    assert (denied.event, denied.by) == ("denied", "gate")


async def test_calls_that_would_wait_beyond_the_sum_are_refused_and_others_are_decided() -> None:
    calls = [paying(80.0, n, f"toolu_{n}", reason="x" * 200_000) for n in range(9)]
    async with bank() as desk:
        run = await desk.start(*calls)
        fit = MOST_WAITING_BYTES // 200_000
        for each in await pending(run, fit):
            await decide(run, decision(each))
        got = await asyncio.wait_for(run.result(), 60)
    assert len(world.paid) == fit
    refused = [r["content"] for r in got.results if r.get("is_error")]
    assert len(refused) == 9 - fit
    assert all("wait already. Wait until they are decided." in each for each in refused)


async def test_audit_of_many_long_decisions_is_bounded_and_the_tools_get_the_whole() -> None:
    calls = [paying(80.0, n, f"toolu_{n}") for n in range(60)]
    async with bank() as desk:
        run = await desk.start(*calls)
        for n, each in enumerate(await pending(run, 60)):
            edited = {**each.request.arguments, "amount": 70.0 + n, "reason": "x" * 45_000}
            await decide(run, decision(each, arguments=edited, reason="y" * 3_000))
        got = await asyncio.wait_for(run.result(), 60)
    assert sorted(amount for _, amount in world.paid) == [70.0 + n for n in range(60)]
    approved = [e for e in got.audit if e.event == "approved"]
    assert len(approved) == 60
    assert all(len(e.note) <= LONGEST_NOTE for e in got.audit)
    assert all(e.decision.arguments["characters"] > 45_000 for e in approved)


async def test_audit_drops_its_oldest_entries_above_its_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentkit.approvals.audit.MOST_BYTES", 2_000)
    async with bank() as desk:
        calls = [paying(float(n), id=f"toolu_{n}") for n in range(1, 30)]
        got = await (await desk.start(*calls)).result()
    assert 3 < len(got.audit) < 20
    assert got.audit[-1].request_id == "toolu_29"
    assert len(world.paid) == 29


async def test_gate_whose_state_would_be_too_large_is_not_at_rest_until_it_is_decided_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentkit.approvals.gate.MOST_STATE_BYTES", 150_000)
    calls = [paying(80.0, n, f"toolu_{n}", reason="x" * 80_000) for n in range(2)]
    async with bank() as desk:
        run = await desk.start(*calls)
        first, _ = await pending(run, 2)
        await run.signal("continue_as_new")
        assert (await run.describe()).run_id == run.first_execution_run_id
        await decide(run, decision(first))
        deadline = asyncio.get_running_loop().time() + 20
        while (await run.describe()).run_id == run.first_execution_run_id:
            assert asyncio.get_running_loop().time() < deadline, "it never continued as new"
            await asyncio.sleep(0.05)
        latest = desk.client.get_workflow_handle(run.id)
        (second,) = await pending(latest)
        await decide(latest, decision(second))
        await asyncio.wait_for(run.result(), 30)
    assert len(world.paid) == 2


@pytest.mark.parametrize("reason", [float("nan"), float("-inf"), "half \ud800"])
async def test_arguments_that_no_payload_can_hold_are_refused_before_the_policy_sees_them(
    reason: Any,
) -> None:
    async with bank(OddArguments) as desk:
        run = await desk.start(paying(80.0), workflow=OddArguments, on_timeout=repr(reason))
        got = await asyncio.wait_for(run.result(), 20)
    assert world.paid == []
    assert got.results[0]["content"].startswith("Invalid arguments for pay: ")
    assert got.audit == []


async def test_history_that_is_full_withdraws_what_waits_and_the_run_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with bank() as desk:
        run = await desk.start(paying(80.0), on_timeout="allow")
        await pending(run)
        monkeypatch.setattr("agentkit.limits.FULL_HISTORY_EVENTS", 10)
        for _ in range(5):
            await run.signal("submit_decision", "no decision")
        got = await asyncio.wait_for(run.result(), 20)
    assert world.paid == []
    assert got.results[0]["content"] == "Not run. Nobody approved it: The run's history is full."
