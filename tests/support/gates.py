"""Workflows with a gate, the tools behind it, and a server that skips time.

They live in a module of their own: the Workflow sandbox imports this file again, and it must
pass there as it is.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
    from temporalio.testing import WorkflowEnvironment
    from temporalio.worker import Worker

    from agentkit import AgentPlugin, AnyTool, ToolCall, ToolError, tool, tool_activity
    from agentkit.approvals import (
        AuditEntry,
        Decision,
        Gate,
        Gated,
        Terms,
        Verdict,
        allow,
        approval_activities,
        deny,
        needs_approval,
        sign,
        signed_by,
        trust_names,
    )
    from agentkit.approvals.gate import GateState
    from agentkit.approvals.requests import Notice, Pending
    from agentkit.testing import time_skipping

KEYS = {"ann": b"ann's key, 32 bytes of a secret.", "bob": b"bob's key, 32 bytes of a secret."}
SIGNED = signed_by(KEYS)


async def take(notice: Notice) -> None:
    """Accept a notice."""


@dataclass
class World:
    """What the tools have done and which notices were sent, in the process that did it."""

    paid: list[tuple[int, float]] = field(default_factory=list)
    looked: list[int] = field(default_factory=list)
    shipped: list[int] = field(default_factory=list)
    van_is_there: bool = False
    notices: list[Notice] = field(default_factory=list)
    notifier: Callable[[Notice], Awaitable[None]] = take


world = World()


@tool(effect="none")
async def look(order_id: int) -> str:
    """Look at an order.

    Args:
        order_id: The order.
    """
    world.looked.append(order_id)
    return f"order {order_id}"


@tool(effect="idempotent")
async def pay(order_id: int, amount: float, reason: str = "") -> str:
    """Pay money back.

    Args:
        order_id: The order.
        amount: How much.
        reason: Why.
    """
    if amount > 1000:
        raise ToolError("The bank refuses more than 1000.")
    world.paid.append((order_id, amount))
    return f"paid {amount} for {order_id}"


@tool(effect="idempotent")
async def fly() -> str:
    """Fly away: the worker has it, the Workflows don't offer it."""
    return "gone"


@tool(effect="idempotent")
async def ship(order_id: int) -> str:
    """Ship an order, once the van is there.

    Args:
        order_id: The order.
    """
    world.shipped.append(order_id)
    while not world.van_is_there:
        await asyncio.sleep(0.02)
    return f"shipped {order_id}"


TOOLS: list[AnyTool] = [look, pay, ship]


def policy(call: ToolCall, tool: AnyTool) -> Verdict:
    """Payments over 50 ask, over 500 are denied; some reasons make it behave badly."""
    if tool.name in ("look", "ship"):
        return allow()
    match call.input.get("reason"):
        case "return nothing":
            return cast(Verdict, None)
        case "trip over":
            return allow(call.input["cable"])
        case "change the call":
            call.input["amount"] = 1.0
        case "change your mind" if workflow.info().continued_run_id:
            return deny("not any more")
    amount = call.input["amount"]
    if amount > 500:
        return deny("nobody may pay more than 500")
    return needs_approval("payments over 50 need a person") if amount > 50 else allow("small")


@dataclass(frozen=True)
class Given:
    """The argument of a `Desk` Workflow."""

    calls: list[ToolCall]
    timeout: timedelta = timedelta(hours=24)
    on_timeout: Any = "deny"
    reviewers: list[str] = field(default_factory=list)
    escalate_to: list[str] = field(default_factory=list)
    signed: bool = False
    state: GateState | None = None
    calls_of_next_run: list[ToolCall] = field(default_factory=list)


@dataclass(frozen=True)
class Got:
    """The result of a `Desk` Workflow."""

    results: list[Any]
    audit: list[AuditEntry]


@workflow.defn
class Desk(Gated):
    """Runs some calls through a gate; in several runs, after the Signal `continue_as_new`."""

    @workflow.init
    def __init__(self, given: Given) -> None:
        self.go_on = False
        terms = Terms(
            given.timeout,
            given.on_timeout,
            tuple(given.reviewers),
            escalate_at=0.75 if given.escalate_to else None,
            escalate_to=tuple(given.escalate_to),
        )
        verify = SIGNED if given.signed else trust_names
        self.gate = Gate(TOOLS, policy, verify=verify, terms=terms, state=given.state)

    @workflow.run
    async def run(self, given: Given) -> Got:
        running = asyncio.create_task(self.gate.run_all(given.calls))
        await workflow.wait_condition(lambda: running.done() or (self.go_on and self.gate.at_rest))
        if not running.done():
            calls = given.calls_of_next_run or given.calls
            workflow.continue_as_new(replace(given, calls=calls, state=self.gate.state()))
        return Got([dict(r) for r in await running], await self.gate.finished())

    @workflow.signal
    def continue_as_new(self) -> None:
        self.go_on = True


async def _notify(notice: Notice) -> None:
    world.notices.append(notice)
    await world.notifier(notice)


@dataclass(frozen=True)
class Bank:
    """A server that skips time, and a Worker on it."""

    env: WorkflowEnvironment
    task_queue: str

    @property
    def client(self) -> Client:
        return self.env.client

    async def start(self, *calls: ToolCall, workflow: Any = Desk, **given: Any) -> Any:
        return await self.client.start_workflow(
            workflow.run,
            Given(list(calls), **given),
            id=f"gate-{uuid.uuid4()}",
            task_queue=self.task_queue,
        )


def worker(client: Client, task_queue: str, workflows: Sequence[type] = (Desk,)) -> Worker:
    """A Worker with what a Gate needs."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=workflows,
        activities=[tool_activity([*TOOLS, fly]), *approval_activities(_notify, SIGNED)],
    )


@asynccontextmanager
async def bank(*workflows: type) -> AsyncIterator[Bank]:
    """Start a server that skips time, with a Worker; the world is new."""
    world.__init__()  # type: ignore[misc]
    async with time_skipping(AgentPlugin()) as env:
        queue = f"gate-{uuid.uuid4()}"
        async with worker(env.client, queue, workflows or (Desk,)):
            yield Bank(env, queue)


def paying(amount: Any, order_id: int = 1042, id: str = "toolu_1", **more: Any) -> ToolCall:
    return ToolCall(id, "pay", {"order_id": order_id, "amount": amount, "reason": "", **more})


async def pending(
    run: WorkflowHandle[Any, Any], count: int = 1, *, notified: bool = True
) -> list[Pending]:
    """Wait until so many requests are pending; by default also until reviewers have heard of them.

    A run that ends or continues as new while an Activity is running locks the server's clock.
    """
    deadline = asyncio.get_running_loop().time() + 20
    while True:
        found = await run.query(Gated.pending)
        under_way = notified and any("under way" in each.notices.values() for each in found)
        if len(found) == count and not under_way:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"pending: {found}, not {count}"
        await asyncio.sleep(0.02)


async def audit(run: WorkflowHandle[Any, Any]) -> list[AuditEntry]:
    return await run.query(Gated.audit)


def decision(of: Pending, answer: Any = "approve", by: str = "ann", **more: Any) -> Decision:
    """A decision on what is pending; signed if a key is given."""
    key = more.pop("key", None)
    fields = {"request_id": of.request.id, "digest": of.request.digest, **more}
    made = Decision(answer=answer, reviewer=by, **fields)
    return sign(made, key) if key else made


async def decide(run: WorkflowHandle[Any, Any], value: object) -> AuditEntry:
    return await run.execute_update(Gated.decide, value)


async def refused(run: WorkflowHandle[Any, Any], value: object) -> str:
    """Send a decision that must be refused; gives the sentence."""
    try:
        await decide(run, value)
    except WorkflowUpdateFailedError as err:
        return str(getattr(err.cause, "message", err.cause))
    raise AssertionError("the decision was accepted")


@workflow.defn(name="Desk")
class DeskWithNewKeys(Desk):
    """The same Workflow on a worker whose keys are others."""

    @workflow.init
    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.gate.verify = signed_by({"ann": b"another key of 32 bytes, for ann"})

    @workflow.run
    async def run(self, given: Given) -> Got:
        return await super().run(given)


@workflow.defn
class Forgetful(Gated):
    """Sets no gate."""

    @workflow.run
    async def run(self) -> str:
        await workflow.sleep(timedelta(hours=1))
        return "done"


@workflow.defn
class TidyDesk(Desk):
    """Runs its calls, and tidies up when it is cancelled."""

    @workflow.init
    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.closed = False

    @workflow.run
    async def run(self, given: Given) -> Got:
        try:
            await self.gate.run_all(given.calls)
        except asyncio.CancelledError:
            await workflow.wait_condition(lambda: self.closed)
        return Got([], await self.gate.finished())

    @workflow.signal
    def close(self) -> None:
        self.closed = True


@workflow.defn
class Turns(Desk):
    """Runs its calls one after the other, as turns of a conversation."""

    @workflow.init
    def __init__(self, given: Given) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: Given) -> Got:
        results = [await self.gate.run(call) for call in given.calls]
        return Got([dict(r) for r in results], await self.gate.finished())


@workflow.defn
class OddArguments(Desk):
    """Makes a call whose reason no JSON holds, as JSON can't bring it here."""

    @workflow.init
    def __init__(self, given: Given) -> None:
        super().__init__(replace(given, on_timeout="deny"))

    @workflow.run
    async def run(self, given: Given) -> Got:
        reason = given.on_timeout
        odd = float(reason) if "half" not in reason else "half \ud800"
        call = replace(given.calls[0], input={**given.calls[0].input, "reason": odd})
        return Got([dict(await self.gate.run(call))], await self.gate.finished())
