"""Ids come from the model's side: however often one is used, each call is right or refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from agentkit import ToolCall
from tests.support.gates import (
    Turns,
    audit,
    bank,
    decide,
    decision,
    paying,
    pending,
    world,
)


def at(place: str, call: ToolCall) -> ToolCall:
    return replace(call, place=place)


@pytest.mark.parametrize("id", ["call_0", ""])
async def test_equal_ids_in_one_message_are_decided_on_by_what_reviewers_saw(id: str) -> None:
    calls = [at("1.0", paying(60.0, 1, id)), at("1.1", paying(70.0, 2, id))]
    async with bank() as desk:
        run = await desk.start(*calls)
        first, second = await pending(run, 2)
        assert (first.request.id, second.request.id) == (id, id)
        await decide(run, decision(second))
        await decide(run, decision(first, "reject", reason="not this one"))
        got = await asyncio.wait_for(run.result(), 20)
    assert world.paid == [(2, 70.0)]
    assert got.results[0]["content"] == "Not run. A reviewer rejected it: not this one"
    assert got.results[1]["content"] == "paid 70.0 for 2"
    assert [e.event for e in got.audit].count("ran") == 1


async def test_edited_arguments_reach_the_call_that_they_were_made_for() -> None:
    calls = [at("1.0", paying(60.0, 1, "x")), at("1.1", paying(70.0, 2, "x"))]
    async with bank() as desk:
        run = await desk.start(*calls)
        first, second = await pending(run, 2)
        edited = {**second.request.arguments, "amount": 55.0}
        await decide(run, decision(second, arguments=edited))
        await decide(run, decision(first))
        await asyncio.wait_for(run.result(), 20)
    assert sorted(world.paid) == [(1, 60.0), (2, 55.0)]


async def test_one_id_in_three_turns_runs_three_times() -> None:
    calls = [at(f"{n}.0", paying(10.0 + n, n, "call_0")) for n in (1, 3, 5)]
    async with bank(Turns) as desk:
        run = await desk.start(*calls, workflow=Turns)
        got = await asyncio.wait_for(run.result(), 20)
    assert world.paid == [(1, 11.0), (3, 13.0), (5, 15.0)]
    assert [e.event for e in got.audit] == ["allowed"] * 3


@pytest.mark.parametrize("amounts", [(20.0, 30.0), (20.0, 20.0), (80.0, 80.0)])
async def test_calls_without_a_place_run_once_for_each_id_and_the_audit_says_so(
    amounts: tuple[float, ...],
) -> None:
    async with bank(Turns) as desk:
        calls = [paying(amount, id="call_0") for amount in amounts]
        run = await desk.start(*calls, workflow=Turns)
        if amounts[0] > 50:
            (waiting,) = await pending(run)
            await decide(run, decision(waiting))
        got = await asyncio.wait_for(run.result(), 20)
    assert world.paid == [(1042, amounts[0])]
    assert "paid" in got.results[0]["content"]
    assert got.results[1]["is_error"]
    assert got.results[1]["content"] == "Another call has the id call_0 too; give each its own."
    assert [e.event for e in got.audit if e.event in ("allowed", "ran")] in (["allowed"], ["ran"])


async def test_reads_without_a_place_may_repeat_their_id() -> None:
    calls = [ToolCall("", "look", {"order_id": n}) for n in (1, 2)]
    async with bank(Turns) as desk:
        got = await (await desk.start(*calls, workflow=Turns)).result()
    assert [r["content"] for r in got.results] == ["order 1", "order 2"]


@pytest.mark.parametrize("place", ["", "1.0"])
async def test_after_continue_as_new_a_result_belongs_to_the_very_call_that_ran(place: str) -> None:
    small, waits = at(place, paying(20.0, 1, "a")), paying(80.0, 2, "b")
    other = at("3.0", paying(30.0, 9, "a"))
    async with bank() as desk:
        run = await desk.start(small, waits, calls_of_next_run=[other, waits])
        await pending(run)
        await run.signal("continue_as_new")
        latest = desk.client.get_workflow_handle(run.id)
        deadline = asyncio.get_running_loop().time() + 20
        while (await latest.describe()).run_id == run.first_execution_run_id:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        (waiting,) = await pending(latest)
        await decide(latest, decision(waiting))
        got: Any = await asyncio.wait_for(run.result(), 20)
        entries = await audit(latest)
    assert world.paid == [(1, 20.0), (9, 30.0), (2, 80.0)]
    assert got.results[0]["content"] == "paid 30.0 for 9"
    assert [e.event for e in entries].count("allowed") == 2
