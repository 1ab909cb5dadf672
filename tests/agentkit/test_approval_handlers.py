"""Handlers that a Workflow inherits from `Gated`, as anyone may call them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from agentkit.approvals import DecisionRefused, Terms, pending_approvals
from agentkit.approvals import decide as decide_by_client
from agentkit.approvals.client import read_audit
from agentkit.approvals.gate import GateState
from agentkit.approvals.requests import ApprovalRequest, Pending, digest_of
from agentkit.testing import result_of
from tests.support.gates import (
    KEYS,
    Bank,
    Desk,
    Forgetful,
    Given,
    bank,
    decide,
    decision,
    paying,
    pending,
    refused,
    world,
)

FAILED_PRECONDITION = RPCStatusCode.FAILED_PRECONDITION


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Bank]:
    async with bank(Desk, Forgetful) as running:
        yield running


async def test_client_functions_list_decide_and_read_the_audit(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    await pending(run)
    (waiting,) = await pending_approvals(run)
    with pytest.raises(DecisionRefused, match=r"^The digest is not this request's"):
        await decide_by_client(run, replace(decision(waiting), digest="0" * 64))
    entry = await decide_by_client(run, decision(waiting))
    await result_of(run)
    assert entry in await read_audit(run)


async def test_update_dropped_by_the_server_is_sent_again_and_counts_once(
    desk: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    send, ids = run.execute_update, []

    async def dropped_at_first(*args: Any, **options: Any) -> Any:
        ids.append(options["id"])
        if len(ids) == 2:  # it counted, and only the answer is lost
            await send(*args, **options)
        if len(ids) < 4:
            raise RPCError("unexpected workflow task failure", FAILED_PRECONDITION, b"")
        return await send(*args, **options)

    monkeypatch.setattr(run, "execute_update", dropped_at_first)
    entry = await decide_by_client(run, decision(waiting))
    await result_of(run)
    assert entry.event == "approved"
    assert len(ids) == 4
    assert len(set(ids)) == 1
    assert [each.event for each in await read_audit(run)].count("approved") == 1


async def test_other_failures_of_an_update_reach_the_caller(
    desk: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)

    async def fails(*_: Any, **__: Any) -> Any:
        raise RPCError("not for you", RPCStatusCode.PERMISSION_DENIED, b"")

    with monkeypatch.context() as patch:
        patch.setattr(run, "execute_update", fails)
        with pytest.raises(RPCError, match="not for you"):
            await decide_by_client(run, decision(waiting))
    await decide_by_client(run, decision(waiting))
    await result_of(run)
    with pytest.raises(DecisionRefused, match="The run has ended"):
        await decide_by_client(run, decision(waiting))


async def test_updates_without_and_with_too_many_arguments_are_refused(desk: Bank) -> None:
    run = await desk.start(paying(80.0))
    (waiting,) = await pending(run)
    with pytest.raises(Exception, match="Workflow update failed"):
        await run.execute_update("decide", args=[])
    with pytest.raises(Exception, match="Workflow update failed"):
        await run.execute_update("decide", args=[decision(waiting), decision(waiting)])
    await decide(run, decision(waiting))
    await result_of(run)
    assert world.paid == [(1042, 80.0)]


async def test_workflow_that_forgot_its_gate_says_so_and_goes_on(desk: Bank) -> None:
    run: WorkflowHandle[Any, Any] = await desk.client.start_workflow(
        Forgetful.run, id=str(uuid.uuid4()), task_queue=desk.task_queue
    )
    words = r"Forgetful has no gate: set self\.gate = Gate\(…\) in its __init__\."
    for query in (pending_approvals, read_audit):
        with pytest.raises(WorkflowQueryFailedError, match=words):
            await query(run)
    assert (await refused(run, {})).startswith("Forgetful has no gate")
    await run.signal("submit_decision", {})
    assert await result_of(run) == "done"


async def test_decision_before_the_next_run_calls_run_all_counts_for_the_carried_request(
    desk: Bank,
) -> None:
    call = paying(80.0)
    request = ApprovalRequest(
        call, Terms(timedelta(hours=1)), "Desk", "over 50", "w", "r", datetime.now(UTC)
    )
    carried = Pending(replace(request, digest=digest_of(request)), {"asked": "delivered"})
    given = Given([call], state=GateState([carried]))
    run: WorkflowHandle[Any, Any] = await desk.client.start_workflow(
        Desk.run,
        given,
        id=str(uuid.uuid4()),
        task_queue=desk.task_queue,
        start_signal="submit_decision",
        start_signal_args=[decision(carried, key=KEYS["ann"])],
    )
    got = await result_of(run)
    assert [entry.event for entry in got.audit] == ["approved", "ran"]
    assert world.paid == [(1042, 80.0)]
