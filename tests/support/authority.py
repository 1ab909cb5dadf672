"""A bank that authorises each call where it has its effect, and a Workflow that asks for anything.

They live in a module of their own: the Workflow sandbox imports this file again, and it must
pass there as it is.
"""

import sqlite3
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from temporalio.client import Client, WorkflowHandle
    from temporalio.common import RetryPolicy
    from temporalio.exceptions import ActivityError, ApplicationError
    from temporalio.worker import Worker

    from agentkit import AnyTool, ToolCall, once, tool, tool_activity
    from agentkit.approvals import (
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
    )
    from agentkit.approvals.decisions import authorizer
    from agentkit.approvals.requests import ApprovalRequest, Notice, digest_of
    from agentkit.idempotency import make_key
    from agentkit.tool_activities import ToolRequest

KEYS = {"ann": b"ann's key, 32 bytes of a secret.", "bob": b"bob's key, 32 bytes of a secret."}
VERIFY = signed_by(KEYS)
TERMS = Terms(reviewers=("ann",), escalate_at=0.75, escalate_to=("bob",))
SECOND = timedelta(seconds=1)
PATIENT = Terms(timedelta(hours=1), on_timeout="allow", reviewers=("ann",))

TABLE = "create table if not exists refunds (order_id, amount)"
database = Path()
launched: list[str] = []


@tool(effect="idempotent")
def refund(order_id: int, amount: float, note: str = "") -> str:
    """Pay money back.

    Args:
        order_id: The order.
        amount: How much.
        note: Why.
    """
    with closing(sqlite3.connect(database)) as db:
        db.execute(TABLE)
        row = (order_id, amount)

        def pay() -> dict[str, Any]:
            db.execute("insert into refunds values (?, ?)", row)
            return {"paid": amount}

        return f"paid {once(db, pay)['paid']}"


@tool(effect="at_most_once")
async def launch(name: str) -> str:
    """Launch something that can't be called back.

    Args:
        name: What.
    """
    launched.append(name)
    return "gone"


@tool(effect="none")
async def look(order_id: int) -> str:
    """Look at an order.

    Args:
        order_id: The order.
    """
    return f"order {order_id}"


TOOLS: list[AnyTool] = [refund, launch, look]


def policy(call: ToolCall, tool: AnyTool) -> Verdict:
    """Refunds over 50 ask, over 500 are denied; some may run when nobody decides."""
    if tool.name == "look":
        return allow()
    if tool.name == "launch":
        return needs_approval("a launch")
    if call.input["amount"] > 500:
        return deny("nobody may pay more than 500")
    if call.input["amount"] > 400:
        return needs_approval("over 400", Terms(reviewers=("bob",)))
    if call.input["amount"] == 76:
        return needs_approval("it may wait a second", replace(PATIENT, timeout=SECOND))
    if call.input["amount"] == 77:
        return needs_approval("it may wait for nobody", PATIENT)
    return needs_approval("over 50") if call.input["amount"] > 50 else allow()


def refunds() -> list[tuple[int, float]]:
    """What was paid."""
    with closing(sqlite3.connect(database)) as db:
        db.execute(TABLE)
        return list(db.execute("select * from refunds"))


@workflow.defn
class Stranger:
    """Schedules what it is asked to, as anyone can who reaches the namespace."""

    @workflow.run
    async def run(self, begin_again: bool = False) -> None:
        if begin_again:
            workflow.continue_as_new(False)
        await workflow.wait_condition(lambda: False)

    @workflow.update
    async def schedule(self, type: str, argument: Any, queue: str) -> str:
        try:
            output = await workflow.execute_activity(
                type,
                argument,
                task_queue=queue,
                start_to_close_timeout=timedelta(seconds=20),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except ActivityError as err:
            cause = err.cause
            assert isinstance(cause, ApplicationError)
            return f"{cause.type}: {cause.message}"
        return str(output["text"])


@workflow.defn
class Desk(Gated):
    """Runs one call through a gate."""

    @workflow.init
    def __init__(self, call: ToolCall) -> None:
        self.gate = Gate(TOOLS, policy, verify=VERIFY, terms=TERMS)

    @workflow.run
    async def run(self, call: ToolCall) -> str:
        return str((await self.gate.run(call)).get("content"))


@dataclass(frozen=True)
class Attacker:
    """A run of `Stranger`, and the task queue of the bank's worker."""

    run: WorkflowHandle[Any, Any]
    first_run: str
    queue: str

    def request(self, call: ToolCall, **changes: Any) -> ApprovalRequest:
        """A request as this run's Gate would make it, but for the changes."""
        made = ApprovalRequest(
            call=call,
            terms=TERMS,
            asker="desk",
            why="over 50",
            workflow_id=self.run.id,
            first_run_id=self.first_run,
            asked_at=datetime.now(UTC),
        )
        made = replace(made, **changes)
        return replace(made, digest=digest_of(made))

    async def ask(
        self,
        call: ToolCall,
        request: ApprovalRequest | None = None,
        decision: Decision | None = None,
        *,
        key: str | None = None,
        type: str = "",
    ) -> str:
        """Schedule the tool; return what Claude would read, or the error."""
        key = make_key(self.first_run, call.place, call.id) if key is None else key
        approval = {"request": request, "decision": decision} if request else None
        argument = ToolRequest(call, key, approval)
        return await self.run.execute_update(
            Stranger.schedule, args=[type or f"tool.{call.name}", argument, self.queue]
        )


def signed(request: ApprovalRequest, by: str = "ann", **changes: Any) -> Decision:
    """A reviewer's approval of a request."""
    made = Decision(request.id, request.digest, "approve", by)
    return sign(replace(made, **changes), KEYS[by])


async def _no_notice(notice: Notice) -> None:
    pass


@asynccontextmanager
async def bank(client: Client, folder: Path) -> AsyncIterator[Attacker]:
    """Run the bank's worker; give an attacker's run."""
    global database
    database = folder / "bank.db"
    launched.clear()
    queue = f"bank-{uuid.uuid4()}"
    activities = [
        tool_activity(TOOLS, authorize=authorizer(policy, VERIFY, TERMS)),
        *approval_activities(_no_notice, VERIFY),
    ]
    worker = Worker(client, task_queue=queue, workflows=[Stranger, Desk], activities=activities)
    async with worker:
        yield await attacker(client, queue)


async def attacker(client: Client, queue: str, id: str = "", again: bool = False) -> Attacker:
    """Start a run of `Stranger`; `again` lets it continue as new once."""
    run = await client.start_workflow(
        Stranger.run, again, id=id or f"stranger-{uuid.uuid4()}", task_queue=queue
    )
    first = run.first_execution_run_id
    assert first is not None
    return Attacker(client.get_workflow_handle(run.id), first, queue)
