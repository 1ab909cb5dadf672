"""Which drafts reach the supervisor, and on what terms, decided from recorded data alone."""

from collections.abc import Iterator
from datetime import timedelta

import pydantic

from agentkit import AnyTool, ToolCall
from agentkit.approvals import Terms, Verdict, deny, needs_approval
from agentkit.approvals.policy import Policy, effects_need_approval
from recipes.research_agent.evidence import Evidence
from recipes.research_agent.report import PUBLISH, Report

TERMS = Terms(
    timeout=timedelta(hours=24), reviewers=("ann",), escalate_at=0.75, escalate_to=("bob",)
)


def policy_on(evidence: Evidence) -> Policy:
    """Make the gate's policy, which checks each draft against what the run has found so far."""

    def policy(call: ToolCall, tool: AnyTool) -> Verdict:
        if call.name != PUBLISH:
            return effects_need_approval(call, tool)
        if call.id != evidence.draft:
            return deny("Submit one report at a time.")
        try:
            report = pydantic.TypeAdapter(Report).validate_python(call.input)
        except pydantic.ValidationError as err:
            places = (".".join(map(str, e["loc"])) for e in err.errors()[:5])
            return deny(f"This isn't a report. Look at {', '.join(places)}.")
        found = [f"({n}) {defect}" for n, defect in enumerate(defects(report, evidence), 1)]
        if found:
            return deny(" ".join(found))
        return needs_approval("a report whose citations all resolve")

    return policy


def defects(report: Report, evidence: Evidence) -> Iterator[str]:
    """Check a report against the evidence, and yield each defect in words for Claude."""
    if not report.paragraphs:
        yield "The report says nothing."
    for paragraph in report.all:
        if not paragraph.citations:
            yield f"No source is cited for “{paragraph.text}”"
        for cited in paragraph.citations:
            if cited.source not in evidence.sources:
                yield f"No search has found {cited.source}."
            elif not cited.quote.strip() or cited.quote not in evidence.sources[cited.source]:
                yield f"{cited.source} doesn't say “{cited.quote}”"
    used = {cited.source for paragraph in report.all for cited in paragraph.citations}
    named = [{cited.source for cited in each.citations} for each in report.disagreements]
    for subject, *both in evidence.contradictions():
        if used & {*both} and not any({*both} <= sources for sources in named):
            yield f"{both[0]} and {both[1]} disagree on {subject}: name it, and cite both."
    for query in evidence.unanswered:
        if not any(query in gap for gap in report.gaps):
            yield f"“{query}” has brought nothing: search for it, or name it under gaps."
