"""Policy, request, reviewer and function see the same arguments; a decision counts for one request.

The gate runs here as it is, in a Workflow that is made of an event loop and a clock: no server.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from agentkit import AnyTool, ToolCall, tool, tool_activity
from agentkit.approvals import (
    Decision,
    Gate,
    Verdict,
    allow,
    audit,
    deny,
    gate,
    needs_approval,
    notify,
    trust_names,
)
from agentkit.approvals.requests import digest_of
from agentkit.idempotency import make_key
from agentkit.messages import canonical_json, tool_result
from agentkit.tool_activities import ToolRequest
from agentkit.tools import InvalidArguments
from tests.agentkit.test_tool_promises import fitting
from tests.support.odd_signatures import Types

CONVERTER = pydantic_data_converter.payload_converter


@pytest.fixture
def workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a Gate asks its Workflow for, without one: Activities run at once, time stands still."""

    async def wait_condition(fn: Callable[[], bool], **_: Any) -> None:
        while not fn():
            await asyncio.sleep(0)

    async def run_tool(call: ToolCall, tools: Sequence[AnyTool], **_: Any) -> Any:
        env = ActivityEnvironment()
        env.payload_converter = CONVERTER
        env.info = replace(env.info, activity_type=f"tool.{call.name}")
        key = make_key(str(env.info.workflow_run_id), call.place, call.id)
        (payload,) = CONVERTER.to_payloads([ToolRequest(call, key)])
        try:
            output = await env.run(tool_activity(tools), [RawValue(payload)])
        except ApplicationError as err:
            return tool_result(call, err.message, is_error=True)
        return tool_result(call, output.text)

    async def nothing(*_: Any) -> None:
        return None

    info = SimpleNamespace(workflow_type="W", workflow_id="w", first_execution_run_id="r")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    stub = SimpleNamespace(
        info=lambda: info,
        now=lambda: now,
        wait_condition=wait_condition,
        set_current_details=lambda _: None,
    )
    monkeypatch.setattr(gate, "workflow", stub)
    monkeypatch.setattr(audit, "workflow", stub)
    monkeypatch.setattr(gate, "run_tool", run_tool)
    monkeypatch.setattr(gate, "history_is_full", lambda: False)
    monkeypatch.setattr(notify, "notify", nothing)
    monkeypatch.setattr(notify, "verify", nothing)


@dataclass
class Views:
    """What each of them saw, as canonical JSON."""

    policy: list[str] = field(default_factory=list)
    function: list[str] = field(default_factory=list)


def tool_of(hints: dict[str, tuple[Any, Any]], views: Views) -> AnyTool:
    """A tool that takes these types, some with defaults, and notes what it gets."""

    def take(**values: Any) -> str:
        got = {
            name: in_order(
                value, TypeAdapter(hints[name][0]).dump_python(value, mode="json", round_trip=True)
            )
            for name, value in values.items()
        }
        views.function.append(canonical_json(got))
        return "taken"

    take.__doc__ = "Take values."
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, kind, annotation=hint, default=default)
        for name, (hint, default) in hints.items()
    ]
    vars(take)["__signature__"] = inspect.Signature(parameters)
    return tool(effect="idempotent")(take)


def in_order(value: Any, data: Any) -> Any:
    return sorted(data, key=canonical_json) if isinstance(value, set | frozenset) else data


def like(value: Any) -> st.SearchStrategy[Any]:
    """A value, and what a careless reader takes for it: text for a number, 1 for True."""
    others: list[Any] = [str(value), [value], None]
    if isinstance(value, bool | int | float):
        others += [int(value), float(value), bool(value), f" {value}", f"{value}.0"]
    if isinstance(value, str):
        others += [value + " ", value.upper(), value.encode().decode("utf-8-sig")]
    return st.sampled_from([value] * 20 + others)


# A model's own dump has other names than the schema where only one of the two is declared.
PLAIN = sorted(set(Types) - {"model", "strict"})


@st.composite
def cases(draw: st.DrawFn) -> Any:
    """Types of parameters, and two sets of arguments: most fit, some only almost."""
    names = draw(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=3, unique=True))
    optional = draw(st.sets(st.sampled_from(names)))
    views = Views()
    made = tool_of(
        {
            name: (Types[name][0] | None, None)
            if name in optional
            else (Types[name][0], inspect.Parameter.empty)
            for name in names
        },
        views,
    )
    schema: Any = made.schema()["input_schema"]
    fit = fitting(schema, schema.get("$defs", {}))
    sent, edited = (
        {name: draw(like(value)) for name, value in draw(fit).items()} for _ in range(2)
    )
    return made, views, sent, draw(st.sampled_from([None, edited, edited]))


@pytest.mark.usefixtures("workflow")
@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cases(), st.sampled_from([deny("no"), allow(), *[needs_approval("ask")] * 4]), st.booleans())
def test_what_runs_is_what_was_judged_shown_and_approved(
    case: Any, verdict: Verdict, by_signal: bool
) -> None:
    made, views, sent, edited = case

    def policy(call: ToolCall, tool: AnyTool) -> Verdict:
        views.policy.append(canonical_json(call.input))
        call.input.clear()  # a copy: what a policy does to it changes nothing
        return verdict

    async def story() -> None:
        at = Gate([made], policy, verify=trust_names)
        running = asyncio.create_task(at.run(ToolCall("toolu_1", "take", sent)))
        await until(lambda: running.done() or bool(at.pending()))
        if running.done():
            assert views.function == (views.policy if verdict.action == "allow" else [])
            judged = "Invalid arguments" not in str(running.result())
            assert len(views.policy) == judged
            return
        (waiting,) = at.pending()
        request = waiting.request
        assert [canonical_json(request.arguments)] == views.policy
        assert digest_of(request) == request.digest
        decision = Decision("toolu_1", request.digest, "approve", "ann", arguments=edited)
        if by_signal:
            await at.submit(decision)
        elif not at.refusal(decision, at.named(decision), request.asked_at):
            at.decide(decision)
        if at.pending():  # the edit doesn't fit
            with pytest.raises(InvalidArguments):
                made.normalised(edited or {})
            running.cancel()
            return
        await running
        assert views.function == [views.policy[-1]]
        if edited is None:
            assert views.function == [canonical_json(request.arguments)]
        else:
            assert views.function == [canonical_json(made.normalised(edited))]

    asyncio.run(story())


# A decision counts once, and for the request that its reviewer saw.


@pytest.mark.usefixtures("workflow")
@pytest.mark.parametrize("again", [10.0, 9999.0])
async def test_signal_that_is_being_verified_counts_for_no_later_request(
    again: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid, verified = [], asyncio.Event()

    @tool(effect="idempotent")
    async def pay(amount: float) -> str:
        """Pay money back."""
        paid.append(amount)
        return "paid"

    async def verify(_: object) -> None:
        await verified.wait()

    monkeypatch.setattr(notify, "verify", verify)
    at = Gate([pay], verify=trust_names)
    first = asyncio.create_task(at.run(ToolCall("call_0", "pay", {"amount": 10.0})))
    await until(lambda: bool(at.pending()))
    (seen,) = at.pending()
    anns = Decision("call_0", seen.request.digest, "approve", "ann")
    signal = asyncio.create_task(at.submit(anns))
    await asyncio.sleep(0)
    bobs = replace(anns, answer="reject", reviewer="bob")
    assert at.refusal(bobs, at.named(bobs), seen.request.asked_at) is None
    at.decide(bobs)
    assert "A reviewer rejected it" in str(await first)
    second = asyncio.create_task(at.run(ToolCall("call_0", "pay", {"amount": again})))
    await until(lambda: bool(at.pending()))
    (waits,) = at.pending()
    assert (waits.request.digest == seen.request.digest) == (again == 10.0)
    verified.set()
    await signal
    assert at.pending() == [waits]
    assert [(e.event, e.by, e.note) for e in at.audit()[-1:]] == [
        ("refused", "ann", "The request was decided before: rejected by bob.")
    ]
    assert paid == []
    second.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)
