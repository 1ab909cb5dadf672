"""Which drafts reach the supervisor, and on what terms, decided from recorded data alone."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import pydantic

from agentkit import AnyTool, ToolCall
from agentkit.approvals import Terms, Verdict, deny, needs_approval
from agentkit.approvals.policy import Policy, effects_need_approval
from agentkit.messages import canonical_json
from recipes.research_agent.evidence import Evidence
from recipes.research_agent.report import PUBLISH, Report

LONGEST_REPORT, MOST_DEFECTS = 50_000, 20

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
        if len(canonical_json(call.input)) > LONGEST_REPORT:
            return deny(f"A report has at most {LONGEST_REPORT:,} characters: shorten it.")
        report = pydantic.TypeAdapter(Report).validate_python(call.input)
        first = islice(defects(report, evidence), MOST_DEFECTS)
        found = [f"({n}) {defect}" for n, defect in enumerate(first, 1)]
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
    named: dict[str, set[int]] = {}  # the disagreements that cite a source
    for n, paragraph in enumerate(report.disagreements):
        for cited in paragraph.citations:
            named.setdefault(cited.source, set()).add(n)
    for subject, one, other in evidence.contradictions():
        cites_both = named.get(one, set()) & named.get(other, set())
        if used & {one, other} and not cites_both:
            yield f"{one} and {other} disagree on {subject}: name it, and cite both."
    gaps = "\n".join(report.gaps)
    for query in evidence.unanswered:
        if query not in gaps:
            yield f"“{query}” has brought nothing: search for it, or name it under gaps."
