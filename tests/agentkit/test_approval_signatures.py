"""Who decided: signatures that are checked before anything is recorded, and keys that change."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from agentkit import ToolCall
from agentkit.approvals import Decision, Terms, sign, signed_by
from agentkit.approvals.requests import ApprovalRequest, digest_of
from tests.support.gates import (
    KEYS,
    Bank,
    DeskWithNewKeys,
    audit,
    bank,
    decide,
    decision,
    paying,
    pending,
    refused,
    world,
)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Bank]:
    async with bank() as running:
        yield running


async def test_signed_decision_counts_and_audit_keeps_signature(desk: Bank) -> None:
    run = await desk.start(paying(80.0), signed=True)
    (waiting,) = await pending(run)
    await decide(run, decision(waiting, key=KEYS["ann"], reason="ja, größer als 50 €"))
    got = await run.result()
    assert world.paid == [(1042, 80.0)]
    entry = next(e for e in got.audit if e.event == "approved")
    assert entry.decision is not None
    assert signed_by(KEYS)(entry.decision, waiting.request) is None, "checked again, later"


def forgeries(waiting: Any) -> list[tuple[Decision, str]]:
    good = decision(waiting, key=KEYS["ann"], reason="fine", arguments=waiting.request.arguments)
    changed = "The signature isn't ann's, or something was changed after it."
    return [
        (decision(waiting), "The decision isn't signed: sign it with ann's key."),
        (decision(waiting, key=KEYS["bob"]), changed),
        (replace(good, reason="other"), changed),
        (replace(good, arguments={"order_id": 1042, "amount": 400.0}), changed),
        (replace(good, arguments=None), changed),
        (replace(good, reviewer="bob"), "The signature isn't bob's, or something was changed"),
        (replace(good, reviewer="eve"), "No key is known for the reviewer 'eve'."),
        (replace(good, signature="ü" * 64), changed),
        (
            replace(decision(waiting, "reject", key=KEYS["ann"]), answer="approve"),
            changed,
        ),
    ]


async def test_forged_updates_are_refused_and_not_recorded(
    desk: Bank,
) -> None:
    run = await desk.start(paying(80.0), signed=True)
    (waiting,) = await pending(run)
    for forged, words in forgeries(waiting):
        assert (await refused(run, forged)).startswith(words)
    assert [e.event for e in await audit(run)] == ["asked"]
    assert "UPDATE" not in (await run.fetch_history()).to_json()
    assert world.paid == []


async def test_forged_signals_are_audited_and_ignored(desk: Bank) -> None:
    run = await desk.start(paying(80.0), signed=True)
    (waiting,) = await pending(run)
    for forged, _ in forgeries(waiting):
        await run.signal("submit_decision", forged)
    await run.signal("submit_decision", decision(waiting, "reject", key=KEYS["ann"]))
    got = await run.result()
    assert [e.event for e in got.audit].count("refused") == len(forgeries(waiting))
    assert "rejected" in [e.event for e in got.audit]
    assert world.paid == []


async def test_signature_does_not_hold_for_another_run(desk: Bank) -> None:
    run = await desk.start(paying(80.0), signed=True)
    other = await desk.start(paying(80.0), signed=True)
    (waiting,), (elsewhere,) = await pending(run), await pending(other)
    good = decision(elsewhere, key=KEYS["ann"])
    words = "The signature isn't ann's, or something was changed after it."
    assert await refused(run, replace(good, digest=waiting.request.digest)) == words


async def test_replay_succeeds_after_keys_have_changed(
    desk: Bank,
) -> None:
    run = await desk.start(paying(80.0, id="a"), paying(90.0, id="b"), signed=True)
    by_update, by_signal = await pending(run, 2)
    await decide(run, decision(by_update, key=KEYS["ann"]))
    await run.signal("submit_decision", decision(by_signal, key=KEYS["ann"]))
    await run.result()
    # Replaying with keys under which neither would count now.
    replayer = Replayer(workflows=[DeskWithNewKeys], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(await run.fetch_history())


async def test_history_holds_no_key(desk: Bank) -> None:
    run = await desk.start(paying(80.0), signed=True)
    (waiting,) = await pending(run)
    await run.signal("submit_decision", decision(waiting, key=KEYS["ann"]))
    await run.result()
    events = (await run.fetch_history()).events
    stored = b"".join(event.SerializeToString() for event in events)
    assert waiting.request.digest.encode() in stored
    for key in KEYS.values():
        assert key not in stored
        assert key.hex().encode() not in stored


@pytest.mark.parametrize("keys", [{}, {"ann": b"short"}])
def test_signed_by_requires_keys_of_some_length(keys: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match=r"[Kk]ey"):
        signed_by(keys)


# The digest

ODD = {
    "amount": 0.1 + 0.2,
    "big": 1e22,
    "whole": 50.0,
    "text": "Grüße, 日本, \U0001f4da",
    "nested": {"z": [1, 2.5, None, True], "a": {}},
}


def request(**changes: Any) -> ApprovalRequest:
    fields: dict[str, Any] = {
        "call": ToolCall("toolu_1", "pay", ODD),
        "terms": Terms(timedelta(days=1, hours=3, minutes=4, microseconds=5_678_901)),
        "asker": "desk",
        "why": "over 50",
        "workflow_id": "w",
        "first_run_id": "r",
        "asked_at": datetime(2026, 1, 1, tzinfo=UTC),
        **changes,
    }
    return ApprovalRequest(**fields)


def pay_request(arguments: dict[str, Any]) -> ApprovalRequest:
    return request(call=ToolCall("toolu_1", "pay", arguments))


def test_digest_is_the_same_in_every_process_and_after_serialization() -> None:
    here = digest_of(request())
    code = "from tests.agentkit.test_approval_signatures import *; print(digest_of(request()))"
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
        )
        assert done.stdout.strip() == here
    converter = pydantic_data_converter.payload_converter
    (back,) = converter.from_payloads(converter.to_payloads([request()]), [ApprovalRequest])
    assert digest_of(back) == here
    reordered = dict(reversed(list(ODD.items())))
    assert digest_of(pay_request(reordered)) == here


@pytest.mark.parametrize(
    "change",
    [
        {"call": ToolCall("toolu_2", "pay", ODD)},
        {"call": ToolCall("toolu_1", "look", ODD)},
        {"call": ToolCall("toolu_1", "pay", {**ODD, "amount": 0.3})},
        {"call": ToolCall("toolu_1", "pay", {**ODD, "whole": "50.0"})},
        {"asker": "other"},
        {"why": "other"},
        {"workflow_id": "other"},
        {"first_run_id": "other"},
        {"terms": Terms(timedelta(days=2))},
        {"terms": replace(request().terms, reviewers=("eve",))},
        {"terms": replace(request().terms, on_timeout="allow")},
        {"asked_at": datetime(2026, 1, 2, tzinfo=UTC)},
    ],
)
def test_digest_covers_everything_a_reviewer_sees(change: dict[str, Any]) -> None:
    assert digest_of(request(**change)) != digest_of(request())


def test_digest_of_odd_numbers_and_half_surrogate_pairs() -> None:
    odd = {"n": float("nan"), "i": float("inf"), "s": "\ud800", "big": 10**400}
    assert len(digest_of(pay_request(odd))) == 64


def test_signing_twice_gives_the_same_signature() -> None:
    made = Decision("toolu_1", "0" * 64, "approve", "ann")
    once = sign(made, KEYS["ann"])
    assert sign(once, KEYS["ann"]) == once
