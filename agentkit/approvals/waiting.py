"""A request while it waits: how far it has come, and what is carried to the next run."""

# No `from __future__ import annotations` here: see agentkit/claude.py.

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from temporalio import workflow

from agentkit.approvals.policy import Terms
from agentkit.approvals.requests import ApprovalRequest, AuditEntry, Kind, digest_of
from agentkit.messages import ToolCall, Verbatim

if TYPE_CHECKING:
    from anthropic.types import ToolResultBlockParam

    ToolResult: TypeAlias = ToolResultBlockParam
else:
    ToolResult = dict


@dataclass
class Waiting:
    """A request inside a Gate, and how far it has come.

    Attributes:
        request: The request.
        said: The notices that have been due so far.
        told: Those of them that were delivered.
        notes: What went wrong with the others.
        outcome: The entry that decided on it; None until then.
    """

    request: ApprovalRequest
    said: list[Kind] = field(default_factory=list)
    told: list[Kind] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    outcome: AuditEntry | None = None

    @classmethod
    def begin(cls, call: ToolCall, why: str, terms: Terms, asker: str) -> "Waiting":
        """Make the request for a call, in Workflow code; its time runs from now.

        Args:
            call: The call.
            why: Why a person is asked.
            terms: How long it waits, and for whom.
            asker: Who asks.
        """
        now, info = workflow.now(), workflow.info()

        def after(share: float | None) -> datetime | None:
            return None if share is None else now + terms.timeout * share

        request = ApprovalRequest(
            id=call.id,
            tool=call.name,
            arguments=call.input,
            asker=asker,
            why=why,
            workflow_id=info.workflow_id,
            first_run_id=info.first_execution_run_id,
            asked_at=now,
            expires_at=now + terms.timeout,
            remind_at=after(terms.remind_at),
            escalate_at=after(terms.escalate_at),
            on_timeout=terms.on_timeout,
            reviewers=list(terms.reviewers),
            escalate_to=list(terms.escalate_to),
        )
        return cls(replace(request, digest=digest_of(request)))

    def due(self) -> "list[tuple[datetime, Kind | Literal['expired']]]":
        """List what is still to happen if nobody decides, and when, in order."""
        request = self.request
        moments: list[tuple[datetime | None, Kind | Literal["expired"]]] = [
            (request.remind_at, "reminded"),
            (request.escalate_at, "escalated"),
            (request.expires_at, "expired"),
        ]
        return sorted((at, kind) for at, kind in moments if at and kind not in self.said)

    @property
    def may_decide(self) -> list[str]:
        """Who may decide now; empty for anyone whom `verify` accepts."""
        request = self.request
        if request.reviewers and "escalated" in self.said:
            return [*request.reviewers, *request.escalate_to]
        return request.reviewers

    def audience(self, kind: Kind) -> list[str]:
        """Who is told; empty for all reviewers."""
        return self.request.escalate_to if kind == "escalated" else self.may_decide


@dataclass(frozen=True)
class PendingApproval:
    """A request that waits, as the Query `pending` lists it.

    Attributes:
        request: The request.
        remaining_seconds: How long it can still be approved.
        may_decide: Who may decide now; empty for anyone whom `verify` accepts.
        notes: What went wrong on the way to the reviewers.
    """

    request: ApprovalRequest
    remaining_seconds: float
    may_decide: list[str]
    notes: list[str]


@dataclass(frozen=True)
class GateState:
    """What a Gate takes along to the next run when its Workflow continues as new.

    Attributes:
        waiting: The requests that are pending, with id, digest and expiry as they are.
        results: Results of the calls beside them that have run already.
        audit: The audit so far, its newest entries.
        left_out: How many entries the audit had to leave out.
    """

    waiting: list[Waiting] = field(default_factory=list)
    results: Verbatim[dict[str, ToolResult]] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    left_out: int = 0
