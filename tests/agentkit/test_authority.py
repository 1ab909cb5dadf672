"""Who reaches the namespace can schedule a tool; the tool's Activity still says no."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pydantic_core
import pytest
import pytest_asyncio
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import ActivityFailureError, Client, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.testing import ActivityEnvironment

from agentkit import ToolCall
from agentkit.approvals import DecisionRefused, Terms, decide, pending_approvals, sign
from agentkit.approvals.decisions import authorizer
from agentkit.approvals.policy import effects_need_approval
from agentkit.approvals.requests import ApprovalRequest
from agentkit.idempotency import make_key
from agentkit.messages import canonical_json
from agentkit.tool_activities import ToolRequest
from tests.support import authority
from tests.support.authority import KEYS, PATIENT, Attacker, attacker, bank, refunds, signed

NOTHING = "NotAuthorized: Not run, and nothing has happened: "
LARGE = ToolCall("toolu_1", "refund", {"order_id": 7, "amount": 80.0, "note": ""})


@pytest_asyncio.fixture
async def stranger(client: Client, tmp_path: Path) -> AsyncIterator[Attacker]:
    async with bank(client, tmp_path) as found:
        yield found


def larger(amount: float, **changes: Any) -> ToolCall:
    return replace(LARGE, input={**LARGE.input, "amount": amount}, **changes)


async def test_call_of_another_workflow_is_judged_on_the_worker(stranger: Attacker) -> None:
    assert await stranger.ask(larger(4999.0)) == f"{NOTHING}nobody may pay more than 500"
    assert await stranger.ask(LARGE) == f"{NOTHING}It needs approval, and comes with none."
    assert refunds() == []
    assert await stranger.ask(larger(5.0)) == "paid 5.0", "what the policy allows needs nobody"
    assert await stranger.ask(ToolCall("toolu_2", "look", {"order_id": 7}), key="") == "order 7"


async def test_activity_without_a_workflow_has_no_effect(
    stranger: Attacker, client: Client
) -> None:
    for number, call in enumerate([LARGE, larger(5.0)]):
        with pytest.raises(ActivityFailureError) as failed:
            await client.execute_activity(
                "tool.refund",
                ToolRequest(call, make_key(stranger.first_run, call.id)),
                id=f"{stranger.queue}-{number}",
                task_queue=stranger.queue,
                start_to_close_timeout=timedelta(seconds=10),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        assert "the idempotency key isn't one of the Workflow" in str(failed.value.cause)
    assert refunds() == []


async def test_signed_decision_for_exactly_this_call_lets_it_run_once(stranger: Attacker) -> None:
    request = stranger.request(LARGE)
    for _ in range(2):
        assert await stranger.ask(LARGE, request, signed(request)) == "paid 80.0"
    assert refunds() == [(7, 80.0)]


async def test_escalated_reviewer_and_edited_arguments_count_as_at_the_gate(
    stranger: Attacker,
) -> None:
    request = stranger.request(LARGE)
    edited = {**LARGE.input, "amount": 60.0}
    decision = signed(request, "bob", arguments=edited)
    assert "another call's" in await stranger.ask(LARGE, request, decision)
    assert await stranger.ask(larger(60.0), request, decision) == "paid 60.0"


async def waiting_desk(
    client: Client, queue: str, call: ToolCall
) -> tuple[WorkflowHandle[Any, str], ApprovalRequest]:
    """A run whose call waits for a decision, and its request."""
    id = f"desk-{uuid.uuid4()}"
    run = await client.start_workflow(authority.Desk.run, call, id=id, task_queue=queue)
    async with asyncio.timeout(20):
        while not (waiting := await pending_approvals(run)):
            await asyncio.sleep(0.02)
    return run, waiting[0].request


async def test_key_of_a_request_that_waits_cannot_be_taken_before_its_approval(
    stranger: Attacker, client: Client
) -> None:
    run, request = await waiting_desk(client, stranger.queue, LARGE)
    key = make_key(request.first_run_id, LARGE.id)
    assert "NotAuthorized" in await stranger.ask(larger(0.01), key=key)
    await decide(run, signed(request))
    assert await run.result() == "paid 80.0"
    assert refunds() == [(7, 80.0)]


async def test_gate_passes_on_edited_arguments_and_long_reasons(
    stranger: Attacker, client: Client
) -> None:
    run, request = await waiting_desk(client, stranger.queue, LARGE)
    reason = "as agreed, " * 200  # longer than the audit keeps
    with pytest.raises(DecisionRefused, match="ann may not decide on them; who may: bob"):
        await decide(run, signed(request, arguments={"order_id": 7, "amount": 450}))
    await decide(run, signed(request, arguments={"order_id": 7, "amount": 60}, reason=reason))
    assert (await run.result()).startswith("paid 60.0")
    assert refunds() == [(7, 60.0)]


async def test_request_that_lapses_runs_where_the_terms_say_so(
    stranger: Attacker, client: Client
) -> None:
    run, _ = await waiting_desk(client, stranger.queue, larger(76.0))
    assert await run.result() == "paid 76.0"


async def test_forged_approvals_are_refused(stranger: Attacker, client: Client) -> None:
    request = stranger.request(LARGE)
    good = signed(request)
    other = await attacker(client, stranger.queue)
    elsewhere = other.request(LARGE)
    another = stranger.request(larger(81.0))
    by_mallory = stranger.request(LARGE, terms=Terms(reviewers=("mallory",)))
    free = stranger.request(
        LARGE,
        terms=PATIENT,
        asked_at=datetime.now(UTC) - timedelta(days=2),
    )
    forgeries: list[tuple[Any, Any, ToolCall, str]] = [
        (request, None, LARGE, "Nobody has approved it."),
        (request, replace(good, signature=""), LARGE, "The decision isn't signed"),
        (request, sign(good, KEYS["bob"]), LARGE, "The signature isn't ann's"),
        (request, replace(good, reviewer="mallory"), LARGE, "mallory may not decide"),
        (request, sign(replace(good, answer="reject"), KEYS["ann"]), LARGE, "It was rejected."),
        (request, good, larger(400.0), "Its approval is another call's."),
        (request, good, replace(LARGE, place="3.1"), "Its approval is another call's."),
        (request, good, replace(LARGE, id="toolu_9"), "Its approval is another call's."),
        (another, signed(another), LARGE, "Its approval is another call's."),
        (request, signed(another), LARGE, "The digest is not this request's"),
        (replace(request, call=larger(400.0)), good, larger(400.0), "or was changed."),
        (elsewhere, signed(elsewhere), LARGE, "Its approval is another run's"),
        (replace(elsewhere, workflow_id=stranger.run.id), signed(elsewhere), LARGE, "another run"),
        (by_mallory, replace(signed(by_mallory), reviewer="mallory"), LARGE, "mallory may not"),
        (free, None, LARGE, "Nobody has approved it."),
        (replace(request, asked_at=datetime(1, 1, 1)), good, LARGE, "or was changed."),
        (request, signed(request, arguments=larger(900.0).input), larger(900.0), "more than 500"),
        (request, signed(request, arguments=larger(450.0).input), larger(450.0), "ann may not"),
    ]
    for asked, decision, call, why in forgeries:
        answer = await stranger.ask(call, asked, decision)
        assert answer.startswith(NOTHING), answer
        assert why in answer
    for odd in ({}, {"request": 1}, {"request": {"call": None}, "decision": []}):
        argument = ToolRequest(LARGE, make_key(stranger.first_run, LARGE.id), odd)
        answer = await stranger.run.execute_update(
            authority.Stranger.schedule, args=["tool.refund", argument, stranger.queue]
        )
        assert answer == f"{NOTHING}It needs approval, and comes with none."
    assert refunds() == []


async def test_approval_of_one_tool_runs_no_other(stranger: Attacker) -> None:
    look = ToolCall("toolu_1", "look", {"order_id": 7, "amount": 80.0})
    assert "one of 'look'" in await stranger.ask(look, type="tool.refund")
    launch = ToolCall("toolu_1", "launch", {"name": "x"})
    request = stranger.request(launch)
    decision = signed(request)
    assert "another call's" in await stranger.ask(LARGE, request, decision)
    assert refunds() == []
    assert authority.launched == []


async def test_key_of_another_run_cannot_be_taken(stranger: Attacker, client: Client) -> None:
    victim = await attacker(client, stranger.queue)
    small = larger(5.0)
    for key in (
        make_key(victim.first_run, small.id),
        make_key(victim.first_run, "1.0", small.id),
        make_key(stranger.first_run, "toolu_other"),
        "",
        "anything",
    ):
        answer = await stranger.ask(small, key=key)
        assert answer.startswith("NotAuthorized: Not run, and nothing has happened: the idemp")
    assert refunds() == []
    request = victim.request(LARGE)
    assert await victim.ask(LARGE, request, signed(request)) == "paid 80.0"


async def test_decision_is_not_good_again_in_a_workflow_of_the_same_id(
    stranger: Attacker, client: Client
) -> None:
    launch = ToolCall("toolu_1", "launch", {"name": "x"})
    request = stranger.request(launch)
    decision = signed(request)
    assert await stranger.ask(launch, request, decision) == "gone"
    await stranger.run.terminate()
    again = await attacker(client, stranger.queue, id=stranger.run.id)
    assert "another run's" in await again.ask(launch, request, decision)
    key = make_key(stranger.first_run, launch.id)
    assert "NotAuthorized" in await again.ask(launch, request, decision, key=key)
    assert authority.launched == ["x"]


async def test_run_keeps_its_keys_and_approvals_when_it_continues_as_new(
    stranger: Attacker, client: Client
) -> None:
    run = await attacker(client, stranger.queue, again=True)
    async with asyncio.timeout(20):
        while (await run.run.describe()).run_id == run.first_run:
            await asyncio.sleep(0.02)
    request = run.request(LARGE)
    assert await run.ask(LARGE, request, signed(request)) == "paid 80.0"
    launch = ToolCall("toolu_2", "launch", {"name": "x"})
    request = run.request(launch)
    assert await run.ask(launch, request, signed(request)) == "gone"


async def test_reset_run_pays_nothing_again(stranger: Attacker, client: Client) -> None:
    launch = ToolCall("toolu_2", "launch", {"name": "x"})
    asked = [stranger.request(LARGE), stranger.request(launch)]
    assert await stranger.ask(LARGE, asked[0], signed(asked[0])) == "paid 80.0"
    assert await stranger.ask(launch, asked[1], signed(asked[1])) == "gone"
    events = (await stranger.run.fetch_history()).events
    first_task = next(e for e in events if e.HasField("workflow_task_completed_event_attributes"))
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(
                workflow_id=stranger.run.id, run_id=stranger.first_run
            ),
            reason="to begin again",
            request_id=stranger.queue,
            workflow_task_finish_event_id=first_task.event_id,
            reset_reapply_exclude_types=[ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE],
        )
    )
    assert await stranger.ask(LARGE, asked[0], signed(asked[0])) == "paid 80.0"
    answer = await stranger.ask(launch, asked[1], signed(asked[1]))
    assert answer.startswith("OutcomeUnknown: Outcome unknown: launch was called")
    assert refunds() == [(7, 80.0)]
    assert authority.launched == ["x"]


async def test_lapsed_request_runs_only_after_its_time_and_by_the_workers_own_terms(
    stranger: Attacker,
) -> None:
    call = larger(77.0)  # for which the worker's policy has terms that allow
    early = stranger.request(call, terms=replace(PATIENT, timeout=timedelta(milliseconds=1)))
    assert "Nobody has approved it." in await stranger.ask(call, early)
    due = stranger.request(call, asked_at=datetime.now(UTC) - timedelta(hours=1, seconds=1))
    assert await stranger.ask(call, due) == "paid 77.0"


# The check alone, without a server.

JSON = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)


def valid_approval() -> dict[str, Any]:
    """A call that was edited and approved, as JSON."""
    request = Attacker(cast(Any, SimpleNamespace(id="test")), "first", "").request(LARGE)
    decision = signed(request, arguments=larger(60.0).input)
    approval = pydantic_core.to_jsonable_python({"request": request, "decision": decision})
    return {"call": asdict(larger(60.0)), "first_run": "first", **approval}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in value if isinstance(value, dict) else ():
        yield from leaves(value[name], (*path, name))
    if not isinstance(value, dict):
        yield path


def judged(given: dict[str, Any]) -> str | None:
    authorize = authorizer(effects_need_approval, authority.VERIFY, authority.TERMS)
    approval = {"request": given["request"], "decision": given["decision"]}
    request = ToolRequest(ToolCall(**given["call"]), "key", approval)
    return ActivityEnvironment().run(authorize, request, authority.refund, given["first_run"])


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_is_changed_in_an_approval_is_refused(data: st.DataObject) -> None:
    valid = valid_approval()
    assert judged(valid) is None
    changed = deepcopy(valid)
    *path, name = data.draw(st.sampled_from(list(leaves(valid))))
    inside = changed
    for each in path:
        inside = inside[each]
    inside[name] = data.draw(JSON)
    assume(canonical_json(changed) != canonical_json(valid))
    # A time has several spellings, and a decision names its request by the digest.
    assume(name not in ("asked_at", "timeout", "request_id"))
    assert judged(changed), (path, name)
