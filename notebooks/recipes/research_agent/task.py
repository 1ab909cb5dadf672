"""What a run is given, and what it comes to, whatever happens on the way."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import Budget, Spent, outcome_is_unknown
    from agentkit.approvals import AuditEntry
    from agentkit.stop_reasons import out_of_budget
    from recipes.research_agent.report import PUBLISH

MOST_CHECKS, MOST_REVIEWS = 4, 3  # drafts that fail the check, drafts that a supervisor rejects


@dataclass(frozen=True)
class Task:
    """A question, and what may be used up for it; seconds don't count, supervisors take days."""

    question: str
    budget: Budget = field(default_factory=lambda: Budget(turns=20, usd=2.0))


@dataclass
class Outcome:
    """How far a run has come; `ended` says how it ended, `detail` where its report is, or why."""

    ended: str = ""
    detail: str = ""
    prompt: str = ""
    spent: Spent = field(default_factory=Spent)
    audit: list[AuditEntry] = field(default_factory=list)

    def is_over(self, budget: Budget) -> bool:
        """Whether the run has ended, if only because it has used up its budget."""
        if not self.ended and (limit := self.spent.exceeded(budget)):
            self.stop(limit, out_of_budget(limit, budget, self.spent).detail)
        return bool(self.ended)

    def stop(self, ended: str, detail: str) -> None:
        """End the run, in two words and in a sentence."""
        self.ended, self.detail = ended, detail

    def take(self, result: Any, audit: Sequence[AuditEntry]) -> None:
        """Take in what became of a draft: it may be the end, or go back to Claude."""
        events = [entry.event for entry in audit if entry.tool == PUBLISH]
        self.detail = str(result["content"])
        if outcome_is_unknown(result):
            self.ended = "unknown"  # whether it was stored: a person has to look
        elif events[-1:] == ["ran"]:
            self.ended = "published"
        elif events[-1:] == ["expired"]:
            self.ended = "nobody answered"
        elif events.count("rejected") >= MOST_REVIEWS:
            self.ended = "rejected"
        elif events.count("denied") >= MOST_CHECKS:
            self.ended = "unfit for review"
