"""A research agent: plan, parallel searches, a draft that is checked and reviewed, a report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import (
        Budget,
        Messages,
        Spent,
        ToolCall,
        ask_claude,
        outcome_is_unknown,
        tool_calls,
        user_message,
    )
    from agentkit.approvals import AuditEntry, Gate, Gated
    from agentkit.limits import history_is_full
    from agentkit.messages import quoted
    from agentkit.prompts import pin_prompt
    from agentkit.stop_reasons import PartialAnswer, out_of_budget
    from recipes.research_agent.activities import VERIFY
    from recipes.research_agent.evidence import Evidence
    from recipes.research_agent.policy import TERMS, policy_on
    from recipes.research_agent.report import PUBLISH, with_cost
    from recipes.research_agent.tools import TOOLS

MAX_CHECKS = 4  # drafts that fail the check
MAX_REVIEWS = 3  # drafts that a supervisor rejects


@dataclass(frozen=True)
class ResearchTask:
    """A question and its budget; the budget's seconds don't count, as supervisors take days."""

    question: str
    budget: Budget = field(default_factory=lambda: Budget(turns=20, usd=2.0))


@dataclass
class ResearchResult:
    """How a run ended: `ended` in a word or two, `detail` with the report's place or the reason."""

    ended: str = ""
    detail: str = ""
    prompt: str = ""
    spent: Spent = field(default_factory=Spent)
    audit: list[AuditEntry] = field(default_factory=list)

    def end(self, ended: str, detail: str) -> None:
        """Record how the run ended, and why."""
        self.ended, self.detail = ended, detail

    def apply_draft(self, result: Any, audit: Sequence[AuditEntry]) -> None:
        """Apply the outcome of a draft: it ends the run, or goes back to Claude."""
        events = [entry.event for entry in audit if entry.tool == PUBLISH]
        self.detail = str(result["content"])
        if outcome_is_unknown(result):
            self.ended = "unknown"  # perhaps it was stored, perhaps not: a person has to look
        elif events[-1:] == ["ran"]:
            self.ended = "published"
        elif events[-1:] == ["expired"]:
            self.ended = "nobody answered"
        elif events.count("rejected") >= MAX_REVIEWS:
            self.ended = "rejected"
        elif events.count("denied") >= MAX_CHECKS:
            self.ended = "unfit for review"


@workflow.defn
class ResearchAgentWorkflow(Gated):
    """Researches one question, up to a report that a supervisor has signed off."""

    @workflow.init
    def __init__(self, task: ResearchTask) -> None:
        self.messages: Messages = [user_message(task.question)]
        self.answer = PartialAnswer()
        self.evidence, self.result = Evidence(), ResearchResult()
        asker, policy = f"research on: {quoted(task.question)}", policy_on(self.evidence)
        self.gate = Gate(TOOLS, policy, verify=VERIFY, terms=TERMS, asker=asker)

    @workflow.run
    async def run(self, task: ResearchTask) -> ResearchResult:
        """Call Claude and its tools until there is a report, or a reason why there is none."""
        result = self.result
        prompt = await pin_prompt()
        result.prompt = prompt.label
        while not result.ended:
            if limit := result.spent.exceeded(task.budget):
                result.end(limit, out_of_budget(limit, task.budget, result.spent).detail)
                break
            if history_is_full():
                result.end("history_full", "The history is full.")
                break
            reply = await ask_claude(
                self.messages, prompt=prompt, max_tokens=self.answer.max_tokens
            )
            result.spent.add(reply)
            workflow.logger.info("Turn %d: %s", result.spent.turns, reply.stop_reason)
            step = self.answer.apply_reply(reply)
            self.messages += step.messages
            if step.do == "run_tools":
                await self.run_calls(tool_calls(reply))
            elif step.do == "end":
                result.end("no report", self.answer.text or step.detail)
        result.audit = await self.gate.finished()
        return result

    async def run_calls(self, calls: list[ToolCall]) -> None:
        """Run all calls at once; a draft waits for its check and its review."""
        drafts = [call.id for call in calls if call.name == PUBLISH]
        self.evidence.draft = drafts[-1] if drafts else ""
        results = await self.gate.run_all([with_cost(c, self.result.spent) for c in calls])
        self.messages.append(user_message(results))
        for call, result in zip(calls, results, strict=True):
            self.evidence.record_result(call, result)
            if call.id == self.evidence.draft:
                self.result.apply_draft(result, await self.gate.finished())

    @workflow.query
    def transcript(self) -> Messages:
        """Return the conversation so far."""
        return self.messages
