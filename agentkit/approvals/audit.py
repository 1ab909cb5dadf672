"""The audit: one entry for everything that the policy, reviewers and time decided."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

from pydantic_core import to_json
from temporalio import workflow

from agentkit.approvals.decisions import Decision
from agentkit.approvals.requests import NoticeKind
from agentkit.messages import ToolCall, Verbatim, canonical_json, sha256_reference

MOST_ENTRIES = 1000
"""How many entries a run carries to the next; older ones are in the histories of earlier runs."""

MOST_BYTES = 800_000
"""How large all entries may be together, as JSON. The oldest are dropped above that: a run whose
result exceeds Temporal's 2 MB could never end."""

MOST_REFUSED = 100
"""How many refused decisions are kept, so that a flood of them hides nothing else."""

LONGEST_ARGUMENTS = 5_000
"""The longest arguments that an entry has in full, in characters of JSON."""

LONGEST_NOTE = 1_000
"""The longest note, reason or name, in characters."""

Ending: TypeAlias = Literal["approved", "rejected", "expired", "withdrawn"]
Event: TypeAlias = (
    NoticeKind | Ending | Literal["allowed", "denied", "not notified", "refused", "ran", "failed"]
)

_WITHOUT_ARGUMENTS = ("not notified", "withdrawn", "refused", "ran", "failed")


@dataclass(frozen=True)
class AuditEntry:
    """One line of the audit.

    Attributes:
        at: When.
        event: What happened. "refused" is a decision by Signal that didn't count; a decision
            refused by Update never enters the history. "ran" and "failed" say how an approved
            call ended.
        request_id: The id of the call, and of its request.
        tool: The tool.
        by: Who: a reviewer, "policy", "timeout", "gate", or the tool.
        note: Why, in words.
        arguments: The arguments as Claude asked for them; None where an earlier entry has them.
            Above `LONGEST_ARGUMENTS` the reference of their canonical JSON, its `characters`, and
            its `beginning`: the whole is in the history, as the input of an Activity.
        decision: A reviewer's decision, with edited arguments and signature. Long arguments are
            there by reference, and long texts are cut: the history has the whole.
    """

    at: datetime
    event: Event
    request_id: str
    tool: str
    by: str
    note: str = ""
    arguments: Verbatim[dict[str, Any]] | None = None
    decision: Decision | None = None


class Audit:
    """The entries of a run, the oldest first.

    Args:
        entries: The entries of the run before.
    """

    def __init__(self, entries: Sequence[AuditEntry] = ()) -> None:
        self.entries: deque[AuditEntry] = deque()
        self._sizes: deque[int] = deque()
        self._size = 0
        self._refused = 0
        for entry in entries:
            self._append(entry)

    def add(
        self,
        event: Event,
        call: ToolCall,
        *,
        by: str,
        note: str = "",
        decision: Decision | None = None,
    ) -> AuditEntry:
        """Record what happened to a call, at the Workflow's time; see `AuditEntry`."""
        entry = AuditEntry(
            workflow.now(),
            event,
            call.id,
            call.name,
            by[:LONGEST_NOTE],
            note[:LONGEST_NOTE],
            None if event in _WITHOUT_ARGUMENTS else bounded(call.input),
            decision and _shortened(decision),
        )
        self._append(entry)
        return entry

    def add_refused(self, decision: Decision | None, why: str) -> None:
        """Record why a decision, or what isn't one, didn't count; the entry's size is bounded."""
        if self._refused < MOST_REFUSED:
            by = decision.reviewer if decision else "unknown"
            call = ToolCall(decision.request_id[:LONGEST_NOTE] if decision else "", "", {})
            self.add("refused", call, by=by, note=why, decision=decision)

    def ending(self, request_id: str) -> str:
        """Say how a request ended, such as "approved by ann"; "" if no entry says so."""
        for entry in reversed(self.entries):
            if entry.request_id == request_id and entry.event in get_args(Ending):
                return f"{entry.event} by {entry.by}"
        return ""

    def _append(self, entry: AuditEntry) -> None:
        self._refused += entry.event == "refused"
        self.entries.append(entry)
        self._sizes.append(len(to_json(entry)))
        self._size += self._sizes[-1]
        while len(self.entries) > MOST_ENTRIES or self._size > MOST_BYTES:
            self.entries.popleft()
            self._size -= self._sizes.popleft()


def _shortened(decision: Decision) -> Decision:
    """Return a decision whose size is bounded."""
    return replace(
        decision,
        request_id=decision.request_id[:LONGEST_NOTE],
        digest=decision.digest[:LONGEST_NOTE],
        reviewer=decision.reviewer[:LONGEST_NOTE],
        reason=decision.reason[:LONGEST_NOTE],
        arguments=decision.arguments and bounded(decision.arguments),
        signature=decision.signature[:LONGEST_NOTE],
    )


def bounded(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments, or above `LONGEST_ARGUMENTS` their reference; see `AuditEntry`."""
    text = canonical_json(arguments)
    if len(text) <= LONGEST_ARGUMENTS:
        return arguments
    reference = sha256_reference(text.encode())
    return {"reference": reference, "characters": len(text), "beginning": text[:LONGEST_NOTE]}
