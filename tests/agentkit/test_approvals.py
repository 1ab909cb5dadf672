"""The gate: what runs at once, what waits, who decides, and what never runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from agentkit import ToolCall
from agentkit.approvals import Decision
from classroom.show import steps
from tests.support.agents import eventually
from tests.support.gates import (
    KEYS,
    Bank,
    Desk,
    Given,
    Got,
    TidyDesk,
    audit,
    bank,
    decide,
    decision,
    paying,
    pending,
    refused,
    world,
)

HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Bank]:
    async with bank() as running:
        yield running


def events(got: Got) -> list[str]:
    return [entry.event for entry in got.audit]


def texts(got: Got) -> list[str]:
    return [result["content"] for result in got.results]


# What the policy decides


async def test_reads_and_allowed_calls_run_at_once(desk: Bank) -> None:
    run = await desk.start(ToolCall("a", "look", {"order_id": 1}), paying(50.0, id="b"))
    got = await run.result()
    assert texts(got) == ["order 1", "paid 50.0 for 1042"]
    assert [(e.event, e.by, e.note, e.arguments) for e in got.audit] == [
        ("allowed", "policy", "small", paying(50.0).input)
    ]


async def test_denied_call_never_runs_and_claude_reads_why(desk: Bank) -> None:
    got = await (await desk.start(paying(501.0))).result()
    assert got.results[0]["is_error"]
    assert texts(got) == ["Not allowed: nobody may pay more than 500"]
    assert events(got) == ["denied"]
    assert world.paid == []


async def test_approved_call_runs_and_audit_says_who_and_when(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    entry = await decide(run, decision(waiting, reason="agreed"))
    assert (entry.event, entry.by, entry.note) == ("approved", "ann", "agreed")
    got = await run.result()
    assert texts(got) == ["paid 80.0 for 1042"]
    assert world.paid == [(1042, 80.0)]
    assert events(got) == ["asked", "approved", "ran"]
    assert got.audit[1].decision == decision(waiting, reason="agreed")
    assert got.audit[1].arguments == paying(80.0).input
    assert got.audit[0].at <= got.audit[1].at <= got.audit[2].at


async def test_rejected_call_never_runs_and_claude_reads_why(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    await decide(run, decision(waiting, "reject", reason="paid in May already"))
    got = await run.result()
    assert got.results[0]["is_error"]
    assert texts(got) == ["Not run. A reviewer rejected it: paid in May already"]
    assert world.paid == []


async def test_request_shows_tool_arguments_asker_reason_and_time(
    desk: Bank,
) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    request = waiting.request
    assert (request.id, request.tool, request.asker) == ("toolu_1", "pay", "Desk")
    assert request.arguments == paying(80.0).input
    assert request.why == "payments over 50 need a person"
    assert request.expires_at - request.asked_at == 24 * HOUR
    assert 23 * 3600 < waiting.remaining_seconds <= 24 * 3600


@pytest.mark.parametrize("amount", ["80", None, {}, [80], "ten", True])
async def test_call_whose_arguments_do_not_fit_reaches_neither_policy_nor_people(
    desk: Bank, amount: Any
) -> None:
    got = await (await desk.start(paying(amount))).result()
    assert texts(got) == ["Invalid arguments for pay: amount: Input should be a valid number"]
    assert (got.audit, world.paid) == ([], [])


@pytest.mark.parametrize(
    ("reason", "error"), [("return nothing", "TypeError"), ("trip over", "KeyError")]
)
async def test_call_that_the_policy_fails_on_is_denied_and_nobody_can_approve_it(
    desk: Bank, reason: str, error: str
) -> None:
    got = await (await desk.start(paying(10.0, reason=reason))).result()
    words = f"The policy failed on this call ({error}). A person must look."
    assert texts(got) == [f"Not allowed: {words}"]
    assert [(e.event, e.by, e.note) for e in got.audit] == [("denied", "policy", words)]
    assert world.paid == []


async def test_policy_cannot_change_the_arguments(desk: Bank) -> None:
    await (await desk.start(paying(10.0, reason="change the call"))).result()
    assert world.paid == [(1042, 10.0)]


@pytest.mark.parametrize("arguments", ["pay all", [1042, 80.0], None])
async def test_arguments_that_are_not_an_object_are_an_error_for_claude(
    desk: Bank, arguments: Any
) -> None:
    got = await (await desk.start(ToolCall("a", "pay", arguments))).result()
    assert texts(got) == [f"Invalid arguments for pay: send an object, not {arguments!r}"]


# First valid decision wins


async def test_second_decision_is_refused_and_changes_nothing(desk: Bank) -> None:
    run = await desk.start(paying(80.0), paying(90.0, id="toolu_2"))
    first, other = await pending(run, 2)
    await decide(run, decision(first, "reject"))
    words = "The request was decided before: rejected by ann."
    assert await refused(run, decision(first, "approve", by="bob")) == words
    await decide(run, decision(other))
    got = await run.result()
    assert world.paid == [(1042, 90.0)]
    assert events(got).count("rejected") == 1


async def test_one_of_many_concurrent_decisions_counts(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    made = [decision(waiting, "approve" if n % 2 else "reject", by=f"r{n}") for n in range(8)]
    outcomes = await asyncio.gather(*(decide(run, d) for d in made), return_exceptions=True)
    accepted = [o for o in outcomes if not isinstance(o, BaseException)]
    assert len(accepted) == 1
    got = await run.result()
    assert len(world.paid) == (accepted[0].event == "approved")
    assert [e.by for e in got.audit if e.event in ("approved", "rejected")] == [accepted[0].by]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"request_id": "toolu_9"}, "No request toolu_9 is waiting here."),
        ({"digest": "0" * 64}, "The digest is not this request's: look at the request again"),
        ({"answer": "maybe"}, "This is not a decision: answer: Input should be 'approve' or"),
        ({"reviewer": " "}, "This is not a decision: it must name its reviewer, in vis"),
        ({"reviewer": "pay"}, "pay is a tool's name, and no reviewer's."),
        ({"argments": {}}, "This is not a decision: argments: Unexpected keyword argument."),
        ({"arguments": paying(501).input}, "The edited arguments are not allowed: nobody may pay"),
        ({"arguments": {"amount": 1}}, "The edited arguments are not allowed: Invalid arguments"),
        ({"arguments": paying("9").input}, "The edited arguments are not allowed: Invalid argum"),
        (
            {"arguments": paying(9, reason="trip over").input},
            "The edited arguments are not allowed: The policy failed on this call (KeyError).",
        ),
        ({"answer": "reject", "arguments": {"amount": 1}}, "A rejection runs nothing, so it can't"),
    ],
)
async def test_invalid_decision_is_refused_with_a_sentence_and_not_recorded(
    desk: Bank, change: dict[str, Any], words: str
) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    value = {
        "request_id": waiting.request.id,
        "digest": waiting.request.digest,
        "answer": "approve",
        "reviewer": "ann",
        **change,
    }
    assert (await refused(run, value)).startswith(words)
    history = (await run.fetch_history()).to_json()
    assert "UPDATE" not in history
    assert [e.event for e in await audit(run)] == ["asked"]
    assert world.paid == []


@pytest.mark.parametrize("value", [None, "yes", [], 7, {"approved": True}])
async def test_anything_that_is_not_a_decision_is_refused_and_run_continues(
    desk: Bank, value: Any
) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    assert (await refused(run, value)).startswith("This is not a decision: ")
    await run.signal("submit_decision", value)
    await decide(run, decision(waiting))
    got = await run.result()
    assert world.paid == [(1042, 80.0)]
    assert events(got).count("refused") == 1


async def test_signal_decides_too_and_invalid_ones_are_audited_and_ignored(
    desk: Bank,
) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    bad = Decision("toolu_1", "0" * 64, "approve", "mallory")
    await run.signal("submit_decision", bad)
    await run.signal("submit_decision", args=[])
    await run.signal("submit_decision", args=[bad, bad])
    await run.signal("submit_decision", decision(waiting, key=KEYS["ann"]))
    got = await run.result()
    assert world.paid == [(1042, 80.0)]
    assert events(got) == ["asked", "refused", "refused", "refused", "approved", "ran"]
    assert (got.audit[1].by, got.audit[1].decision) == ("mallory", bad)


async def test_first_of_concurrent_signals_counts_and_run_continues(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    for answer in ("reject", "approve", "approve"):
        await run.signal("submit_decision", decision(waiting, answer, key=KEYS["ann"]))
    got = await asyncio.wait_for(run.result(), 20)
    decided = [e for e in got.audit if e.event in ("approved", "rejected", "refused")]
    assert [e.event for e in decided].count("refused") == 2
    assert len(world.paid) == (decided[0].event == "approved")
    assert decided[1].note.startswith("The request was decided before: ")


async def test_decision_sent_before_the_request_does_not_count(desk: Bank) -> None:
    # By Signal-with-start: the decision is there before the Workflow's first step.
    early = Decision("toolu_1", "0" * 64, "approve", "mallory")
    run: Any = await desk.client.start_workflow(
        Desk.run,
        Given([paying(80.0)]),
        id="early",
        task_queue=desk.task_queue,
        start_signal="submit_decision",
        start_signal_args=[early],
    )
    await pending(run)
    assert [e.event for e in await audit(run)] == ["refused", "asked"]
    got = await run.result()
    assert world.paid == []
    assert events(got)[-1] == "expired"


async def test_digest_of_the_same_call_in_another_run_does_not_match(desk: Bank) -> None:
    run, other = await desk.start(paying(80.0)), await desk.start(paying(80.0))
    (waiting,), (elsewhere,) = await pending(run), await pending(other)
    assert waiting.request.digest != elsewhere.request.digest
    words = "The digest is not this request's: look at the request again, then decide."
    assert await refused(run, decision(elsewhere)) == words


# Edited arguments


async def test_edited_arguments_run_and_audit_shows_both(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    await decide(run, decision(waiting, arguments={"order_id": 1042, "amount": 60.5}))
    got = await run.result()
    assert world.paid == [(1042, 60.5)]
    approved = next(e for e in got.audit if e.event == "approved")
    assert approved.arguments == paying(80.0).input
    assert approved.decision is not None
    assert approved.decision.arguments == {"order_id": 1042, "amount": 60.5}
    note = "[A reviewer had changed the arguments to "
    assert texts(got) == [f"paid 60.5 for 1042\n{note}{json.dumps(paying(60.5).input)}.]"]


# Several at once


async def test_other_calls_do_not_wait_and_results_keep_their_order(desk: Bank) -> None:
    run = await desk.start(
        paying(80.0, id="a"), ToolCall("b", "look", {"order_id": 7}), paying(90.0, id="c")
    )
    first, second = await pending(run, 2)
    await eventually(lambda: world.looked == [7])
    await decide(run, decision(second))
    await decide(run, decision(first, "reject"))
    got = await run.result()
    assert [r["tool_use_id"] for r in got.results] == ["a", "b", "c"]
    assert texts(got)[1:] == ["order 7", "paid 90.0 for 1042"]


async def test_fifty_pending_requests_are_decided_independently(desk: Bank) -> None:
    calls = [paying(51.0 + n, order_id=1000 + n, id=f"toolu_{n}") for n in range(50)]
    run = await desk.start(*calls)
    waiting = await pending(run, 50)
    assert len({w.request.digest for w in waiting}) == 50
    # Out of order, by both ways, ten at a time: the server takes ten Updates in flight.
    mixed = waiting[::-2] + waiting[::2]
    made = [
        decision(w, "reject" if i % 3 == 0 else "approve", key=KEYS["ann"])
        for i, w in enumerate(mixed)
    ]
    for first in range(0, 50, 10):
        await asyncio.gather(
            *(
                decide(run, each) if i % 2 else run.signal("submit_decision", each)
                for i, each in enumerate(made[first : first + 10])
            )
        )
    got = await run.result()
    approved = {w.request.arguments["order_id"] for i, w in enumerate(mixed) if i % 3}
    assert {order for order, _ in world.paid} == approved
    assert len(world.paid) == len(approved)
    assert [r["tool_use_id"] for r in got.results] == [c.id for c in calls]


async def test_two_calls_with_one_id_run_once(desk: Bank) -> None:
    run = await desk.start(paying(20.0), paying(30.0))
    got = await run.result()
    assert world.paid == [(1042, 20.0)]
    assert texts(got)[1] == "Another call has the id toolu_1 too; give each its own."


async def test_tool_that_is_not_offered_is_refused_even_if_the_worker_has_it(
    desk: Bank,
) -> None:
    run = await desk.start(ToolCall("a", "fly", {}))
    got = await run.result()
    assert got.results[0]["is_error"]
    assert texts(got) == ["There is no tool 'fly'. Tools: look, pay, ship."]
    assert await steps(run) == [], "the worker was asked"


async def test_cancellation_withdraws_pending_requests() -> None:
    async with bank(TidyDesk) as desk:
        run = await desk.start(paying(80.0), workflow=TidyDesk)
        (waiting,) = await pending(run)
        await run.cancel()
        await pending(run, 0)
        words = "The request was decided before: withdrawn by gate."
        assert await refused(run, decision(waiting)) == words
        await run.signal("close")
        got = await run.result()
    assert world.paid == []
    assert events(got) == ["asked", "withdrawn"]


async def test_flood_of_bad_decisions_hides_nothing_in_the_audit(desk: Bank) -> None:
    run = await desk.start(paying(80.0), timeout=HOUR)
    await pending(run)
    for _ in range(120):
        await run.signal("submit_decision", "yes")
    got = await run.result()
    assert events(got).count("refused") == 100
    assert [e for e in events(got) if e != "refused"] == ["asked", "reminded", "expired"]


async def test_long_audit_keeps_its_newest_entries(
    desk: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentkit.approvals.audit.MOST_ENTRIES", 3)
    calls = [paying(float(n), id=f"toolu_{n}") for n in range(1, 6)]
    got = await (await desk.start(*calls)).result()
    assert [e.request_id for e in got.audit] == ["toolu_3", "toolu_4", "toolu_5"]


async def test_audit_can_be_read_while_the_run_waits_and_after_its_end(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    await pending(run)
    assert [e.event for e in await audit(run)] == ["asked"]
    got = await run.result()
    assert await audit(run) == got.audit
