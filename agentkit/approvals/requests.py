"""What a reviewer is asked, what they answer, and what is written down of it.

All of it crosses the boundary between Workflow, client and Activity as JSON.
"""

# No `from __future__ import annotations` here: see agentkit/claude.py.

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, TypeAlias

import pydantic

from agentkit.messages import Verbatim


@dataclass(frozen=True)
class ApprovalRequest:
    """One tool call that waits for a person.

    Attributes:
        id: The id of the `tool_use` block.
        tool: The tool that is to run.
        arguments: Its exact arguments.
        asker: Who wants to run it.
        why: Why a person is asked, in the policy's words.
        workflow_id: The Workflow that waits.
        first_run_id: The first run of its chain: the same across continue-as-new.
        asked_at: When the request was made.
        expires_at: From when on it can't be approved any more.
        remind_at: When its reviewers are told again; None for never.
        escalate_at: When `escalate_to` are told too; None for never.
        on_timeout: What becomes of the call then, "deny" or "allow".
        reviewers: Who may decide; empty for anyone whom the Gate's `verify` accepts.
        escalate_to: Who may decide as well once the request has been escalated.
        digest: `digest_of` this request: a decision carries it, and so approves what was seen.
    """

    id: str
    tool: str
    arguments: Verbatim[dict[str, Any]]
    asker: str
    why: str
    workflow_id: str
    first_run_id: str
    asked_at: datetime
    expires_at: datetime
    remind_at: datetime | None = None
    escalate_at: datetime | None = None
    on_timeout: Literal["deny", "allow"] = "deny"
    reviewers: list[str] = field(default_factory=list)
    escalate_to: list[str] = field(default_factory=list)
    digest: str = ""


def digest_of(request: ApprovalRequest) -> str:
    """Compute the digest that binds a decision to what was seen.

    Args:
        request: The request; its own `digest` doesn't count.

    Returns:
        SHA-256, in hexadecimal, over the canonical JSON of run, id, tool, exact arguments,
        asker, reason and expiry. It is the same in every process.
    """
    return hashlib.sha256(
        canonical_json(
            {
                "workflow_id": request.workflow_id,
                "first_run_id": request.first_run_id,
                "id": request.id,
                "tool": request.tool,
                "arguments": request.arguments,
                "asker": request.asker,
                "why": request.why,
                "expires_at": request.expires_at.astimezone(UTC).isoformat(),
            }
        )
    ).hexdigest()


def canonical_json(value: object) -> bytes:
    """Write JSON data in one way only: sorted keys, no spaces, nothing but ASCII.

    ASCII, because text that Claude wrote may hold half a surrogate pair, which UTF-8 can't.

    Args:
        value: Data as `json.loads` gives it.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


@dataclass(frozen=True)
class Decision:
    """What a reviewer answers.

    Attributes:
        request_id: The request's id.
        digest: The digest of the request that the reviewer has seen.
        answer: "approve" or "reject".
        reviewer: Who decides.
        reason: Why; Claude reads the reason of a rejection.
        arguments: Other arguments to run the tool with; None runs those that were asked for.
        signature: What `sign` adds; "" without.
    """

    # A misspelt field must not pass for one that was left out: what is approved would differ.
    __pydantic_config__: ClassVar[pydantic.ConfigDict] = pydantic.ConfigDict(extra="forbid")

    request_id: str
    digest: str
    answer: Literal["approve", "reject"]
    reviewer: str
    reason: str = ""
    arguments: dict[str, Any] | None = None
    signature: str = ""


LONGEST_DECISION = 50_000
"""The longest decision that counts, in characters of JSON. It is kept in the audit, and a run
whose audit has more than Temporal carries, 2 MB, could never end."""

_DECISION = pydantic.TypeAdapter(Decision)


def read_decision(value: object) -> Decision:
    """Read a decision that anyone may have sent, by whatever client.

    Args:
        value: JSON data.

    Raises:
        ValueError: It is no decision; the message says in one sentence what is wrong.
    """
    try:
        decision = _DECISION.validate_python(value)
    except pydantic.ValidationError as err:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'decision'}: {e['msg']}" for e in err.errors()
        )
        raise ValueError(f"This is not a decision: {problems[:500]}.") from None
    if decision_length(decision) > LONGEST_DECISION:
        raise ValueError(f"A decision has at most {LONGEST_DECISION:,} characters.")
    if not decision.reviewer.strip():
        raise ValueError("This is not a decision: it must name its reviewer.")
    if decision.answer == "reject" and decision.arguments is not None:
        raise ValueError("A rejection runs nothing, so it can't carry arguments.")
    return decision


def decision_length(decision: Decision) -> int:
    """Count the characters of a decision, written as JSON.

    Args:
        decision: The decision.
    """
    return len(canonical_json(asdict(decision)))


Event: TypeAlias = Literal[
    "allowed",
    "denied",
    "asked",
    "reminded",
    "escalated",
    "not notified",
    "refused",
    "approved",
    "rejected",
    "expired",
    "withdrawn",
    "ran",
    "failed",
]


@dataclass(frozen=True)
class AuditEntry:
    """One line of the audit.

    Attributes:
        at: When.
        event: What happened. "refused" is a decision that didn't count, by Signal; one that was
            refused by Update never gets into the history. "ran" and "failed" tell what came of
            a call that was approved.
        request_id: The call's or request's id.
        tool: The tool.
        by: Who: a reviewer, "policy", "timeout", "gate", or the tool.
        note: Why, in words.
        arguments: The arguments it was about, as Claude asked for them.
        decision: A reviewer's decision in full, with edited arguments and signature; None for
            a refused one that is longer than `audit.LONGEST_REFUSED`.
    """

    at: datetime
    event: Event
    request_id: str
    tool: str
    by: str
    note: str = ""
    arguments: Verbatim[dict[str, Any]] | None = None
    decision: Decision | None = None


Kind: TypeAlias = Literal["asked", "reminded", "escalated"]


@dataclass(frozen=True)
class Notice:
    """What a notifier is to tell reviewers.

    Attributes:
        kind: "asked", "reminded" or "escalated".
        to: The reviewers; empty for all.
        request: What they are asked to decide on.
    """

    kind: Kind
    to: list[str]
    request: ApprovalRequest
