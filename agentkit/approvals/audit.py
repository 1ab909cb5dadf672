"""The audit: one entry for everything that policy, reviewers and time decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temporalio import workflow

from agentkit.approvals.requests import AuditEntry, Decision, Event, decision_length

MOST_ENTRIES = 1000
"""How many entries a run takes along; older ones are in the histories of the runs before."""

MOST_REFUSED = 100
"""How many refused decisions are written down, so that a flood of them hides nothing else."""

LONGEST_REFUSED = 5_000
"""The longest of them that are kept in full, in characters of JSON; of others the note is."""


class Audit:
    """What was decided, the oldest first.

    Args:
        entries: The entries of the run before.
        left_out: How many of its entries the run before had to leave out.
    """

    def __init__(self, entries: Sequence[AuditEntry] = (), left_out: int = 0) -> None:
        self.entries = list(entries)
        self.left_out = left_out
        self._refused = sum(entry.event == "refused" for entry in entries)

    def add(
        self,
        event: Event,
        request_id: str,
        tool: str,
        by: str,
        note: str = "",
        arguments: dict[str, Any] | None = None,
        decision: Decision | None = None,
    ) -> AuditEntry:
        """Write an entry down with the Workflow's time; the rest is as in `AuditEntry`."""
        entry = AuditEntry(workflow.now(), event, request_id, tool, by, note, arguments, decision)
        if event == "refused":
            if decision is not None and decision_length(decision) > LONGEST_REFUSED:
                decision = None
            entry = replace(
                entry, request_id=request_id[:200], by=by[:200], note=note[:500], decision=decision
            )
            self._refused += 1
            if self._refused > MOST_REFUSED:
                self.left_out += 1
                return entry
        self.entries.append(entry)
        if len(self.entries) > MOST_ENTRIES:
            del self.entries[0]
            self.left_out += 1
        return entry

    def why_gone(self, request_id: str) -> str:
        """Say in one sentence why nothing can be decided on any more.

        Args:
            request_id: The id of a request that isn't waiting.
        """
        ends = ("approved", "rejected", "expired", "withdrawn")
        for entry in reversed(self.entries):
            if entry.request_id == request_id and entry.event in ends:
                return f"The request was decided before: {entry.event} by {entry.by}."
        return f"No request {request_id} is waiting here."
