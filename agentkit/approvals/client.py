"""The reviewer's side: see what waits in a run, and decide on it, from any client."""

from __future__ import annotations

from typing import Any

from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from agentkit.approvals.requests import AuditEntry, Decision
from agentkit.approvals.waiting import PendingApproval


class DecisionRefused(Exception):
    """A decision didn't count; the message says why, in one sentence."""


async def pending_approvals(run: WorkflowHandle[Any, Any]) -> list[PendingApproval]:
    """Ask a run what waits for a decision; a worker answers.

    Args:
        run: A run whose Workflow has a `Gate`.

    Returns:
        The requests, the oldest first.
    """
    found: list[PendingApproval] = await run.query("pending", result_type=list[PendingApproval])
    return found


async def read_audit(run: WorkflowHandle[Any, Any]) -> list[AuditEntry]:
    """Ask a run for its audit so far; a worker answers, after the run's end too.

    Args:
        run: A run whose Workflow has a `Gate`.

    Returns:
        The entries, the oldest first.
    """
    found: list[AuditEntry] = await run.query("audit", result_type=list[AuditEntry])
    return found


async def decide(run: WorkflowHandle[Any, Any], decision: Decision) -> AuditEntry:
    """Send a decision and wait until it counts, by the Update `decide`.

    While no worker is up it waits for one, and is lost if this process ends before. To leave a
    decision behind instead, send the Signal: `run.signal("submit_decision", decision)`.

    Args:
        run: The run.
        decision: The decision, signed if the run's Gate wants that.

    Returns:
        The audit entry that it made.

    Raises:
        DecisionRefused: It doesn't count, and nothing was recorded of it.
    """
    try:
        entry: AuditEntry = await run.execute_update("decide", decision, result_type=AuditEntry)
    except WorkflowUpdateFailedError as err:
        cause = err.cause
        raise DecisionRefused(
            cause.message if isinstance(cause, ApplicationError) else str(cause)
        ) from None
    return entry
