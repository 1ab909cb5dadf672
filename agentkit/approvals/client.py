"""The reviewer's side: list the requests that wait in a run, and decide on them."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from agentkit.approvals.audit import AuditEntry
from agentkit.approvals.decisions import Decision
from agentkit.approvals.gate import Gated
from agentkit.approvals.requests import Pending

_SENDINGS = 20


class DecisionRefused(Exception):
    """A decision that doesn't count; the message says why in one sentence."""


async def pending_approvals(run: WorkflowHandle[Any, Any]) -> list[Pending]:
    """List the requests that wait in a run, the oldest first; one of its workers must be up."""
    return await run.query(Gated.pending)


async def read_audit(run: WorkflowHandle[Any, Any]) -> list[AuditEntry]:
    """Read the audit of a run, also of one that has ended; one of its workers must be up."""
    return await run.query(Gated.audit)


async def decide(run: WorkflowHandle[Any, Any], decision: Decision) -> AuditEntry:
    """Send a decision by Update, wait until it counts, and return its audit entry.

    While no worker is up the Update waits for one, and it is lost if this process ends before. To
    leave a decision behind, send a Signal: `run.signal("submit_decision", decision)`.

    Raises:
        DecisionRefused: The decision doesn't count, and nothing of it was recorded.
    """
    update_id = str(uuid.uuid4())  # one id for all sendings, so that the decision counts once
    sendings = 0
    while True:
        sendings += 1
        try:
            return await run.execute_update(Gated.decide, decision, id=update_id)
        except WorkflowUpdateFailedError as err:
            cause = err.cause
            raise DecisionRefused(
                cause.message if isinstance(cause, ApplicationError) else str(cause)
            ) from None
        except RPCError as err:
            # The server drops an Update whose Workflow Task fails, as when an Activity ends in
            # the moment in which the run does, and expects it to be sent again.
            if err.status != RPCStatusCode.FAILED_PRECONDITION or sendings == _SENDINGS:
                raise
        await asyncio.sleep(0.1)
