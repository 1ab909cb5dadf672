"""Decisions that are too long to be carried along: they must not hang the run that gets them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from agentkit.approvals.audit import MOST_REFUSED
from agentkit.approvals.decisions import LONGEST_DECISION
from tests.support.gates import KEYS, audit, bank, decide, decision, paying, pending, refused, world

HUGE = "x" * 1_500_000


@pytest.mark.parametrize(
    "change", [{"reason": HUGE}, {"arguments": {HUGE: HUGE[:9]}}, {"reviewer": HUGE}]
)
async def test_huge_decisions_are_refused_and_run_completes(
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
