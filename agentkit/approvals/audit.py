"""The audit: one entry for everything that the policy, reviewers and time decided."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

from temporalio import workflow

from agentkit.approvals.decisions import Decision, decision_length
from agentkit.approvals.requests import NoticeKind
from agentkit.messages import ToolCall, Verbatim

MOST_ENTRIES = 1000
"""How many entries a run carries to the next; older ones are in the histories of earlier runs."""

MOST_REFUSED = 100
"""How many refused decisions are kept, so that a flood of them hides nothing else."""

LONGEST_REFUSED = 5_000
"""The longest refused decision that is kept in full, in characters of JSON."""

Ending: TypeAlias = Literal["approved", "rejected", "expired", "withdrawn"]
Event: TypeAlias = (
    NoticeKind | Ending | Literal["allowed", "denied", "not notified", "refused", "ran", "failed"]
)

_WITHOUT_ARGUMENTS = ("not notified", "withdrawn", "ran", "failed")


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
        decision: A reviewer's decision in full, with edited arguments and signature; None for
            a refused one that is longer than `LONGEST_REFUSED`.
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
        self.entries = list(entries)
        self._refused = sum(entry.event == "refused" for entry in entries)

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
        arguments = None if event in _WITHOUT_ARGUMENTS else call.input
        now = workflow.now()
        entry = AuditEntry(now, event, call.id, call.name, by, note, arguments, decision)
        self._append(entry)
        return entry

    def add_refused(self, decision: Decision | None, why: str) -> None:
        """Record why a decision, or what isn't one, didn't count; the entry's size is bounded."""
        self._refused += 1
        if self._refused > MOST_REFUSED:
            return
        request_id, by = (decision.request_id, decision.reviewer) if decision else ("", "unknown")
        if decision and decision_length(decision) > LONGEST_REFUSED:
            decision = None
        now, request_id, by, why = workflow.now(), request_id[:200], by[:200], why[:500]
        self._append(AuditEntry(now, "refused", request_id, "", by, why, decision=decision))

    def ending(self, request_id: str) -> str:
        """Say how a request ended, such as "approved by ann"; "" if no entry says so."""
        for entry in reversed(self.entries):
            if entry.request_id == request_id and entry.event in get_args(Ending):
                return f"{entry.event} by {entry.by}"
        return ""

    def _append(self, entry: AuditEntry) -> None:
        self.entries.append(entry)
        del self.entries[:-MOST_ENTRIES]
