"""Requests for approval, and notices of them: what Workflow, client and Activities exchange."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

import pydantic

from agentkit.approvals.policy import Terms
from agentkit.messages import ToolCall, canonical_json

NoticeKind: TypeAlias = Literal["asked", "reminded", "escalated"]
"""What reviewers hear: a new request, a reminder of it, or that it now concerns others too."""


@dataclass(frozen=True)
class ApprovalRequest:
    """One tool call that waits for a person.

    Attributes:
        call: The call, with its exact arguments.
        terms: How long it waits, for whom, and what happens when nobody decides.
        asker: Who wants to run it.
        why: Why it needs approval, in the policy's words.
        workflow_id: The Workflow that waits.
        first_run_id: The Workflow's first run; continue-as-new doesn't change it.
        asked_at: When the request was made.
        digest: `digest_of` this request. A decision carries it, and so approves what its
            reviewer saw.
    """

    call: ToolCall
    terms: Terms
    asker: str
    why: str
    workflow_id: str
    first_run_id: str
    asked_at: datetime
    digest: str = ""

    @property
    def id(self) -> str:
        """The id of the `tool_use` block."""
        return self.call.id

    @property
    def tool(self) -> str:
        """The tool's name."""
        return self.call.name

    @property
    def arguments(self) -> dict[str, Any]:
        """The tool's arguments."""
        return self.call.input

    @property
    def expires_at(self) -> datetime:
        """The moment from which the request can no longer be approved."""
        return self.asked_at + self.terms.timeout

    def moments(self) -> list[tuple[datetime, NoticeKind | Literal["expired"]]]:
        """List what happens if nobody decides, and when, in that order."""
        shares: dict[NoticeKind | Literal["expired"], float | None] = {
            "reminded": self.terms.remind_at,
            "escalated": self.terms.escalate_at,
            "expired": 1,
        }
        return sorted(
            (self.asked_at + self.terms.timeout * share, kind)
            for kind, share in shares.items()
            if share
        )


def digest_of(request: ApprovalRequest) -> str:
    """Compute the SHA-256 of a request's JSON, without its own digest, in hexadecimal."""
    seen = _REQUEST.dump_python(replace(request, digest=""), mode="json")
    return hashlib.sha256(canonical_json(seen).encode()).hexdigest()


_REQUEST = pydantic.TypeAdapter(ApprovalRequest)


@dataclass
class Pending:
    """A request that waits for a decision.

    Attributes:
        request: The request.
        notices: What its reviewers were sent so far, and whether it reached them.
        notes: What went wrong on the way to them.
        remaining_seconds: Time left to approve it, as of the Query `pending`.
    """

    request: ApprovalRequest
    notices: dict[NoticeKind, Literal["under way", "delivered", "failed"]] = field(
        default_factory=dict
    )
    notes: list[str] = field(default_factory=list)
    remaining_seconds: float = 0.0

    @property
    def may_decide(self) -> list[str]:
        """Names of those who may decide now; empty for anyone whom `verify` accepts."""
        terms = self.request.terms
        if terms.reviewers and "escalated" in self.notices:
            return [*terms.reviewers, *terms.escalate_to]
        return list(terms.reviewers)

    def audience(self, kind: NoticeKind) -> list[str]:
        """Names of those who get a notice; empty for all reviewers."""
        return list(self.request.terms.escalate_to) if kind == "escalated" else self.may_decide


@dataclass(frozen=True)
class Notice:
    """A message to reviewers, for a notifier to deliver.

    Attributes:
        kind: "asked", "reminded" or "escalated".
        to: Names of the reviewers; empty for all.
        request: The request that waits for them.
    """

    kind: NoticeKind
    to: list[str]
    request: ApprovalRequest
