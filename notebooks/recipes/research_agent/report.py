"""A report as data, and the same report as Markdown, where every citation links to its source."""

import hashlib
from dataclasses import asdict, dataclass, field, replace

from agentkit import Spent, ToolCall

PUBLISH = "publish_report"


@dataclass(frozen=True)
class Citation:
    """A source by its id, and the words it is cited for, exactly as the source has them."""

    source: str
    quote: str


@dataclass(frozen=True)
class Paragraph:
    """A statement of the report, and where it comes from."""

    text: str
    citations: list[Citation]


@dataclass(frozen=True)
class Report:
    """Findings, contradictions between sources, gaps, and what the research cost."""

    title: str
    paragraphs: list[Paragraph]
    disagreements: list[Paragraph] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    cost: Spent = field(default_factory=Spent)

    @property
    def all(self) -> list[Paragraph]:
        """Everything that must be cited."""
        return [*self.paragraphs, *self.disagreements]


def with_cost(call: ToolCall, cost: Spent) -> ToolCall:
    """Enter what the run has cost into a draft, whatever Claude wrote there."""
    if call.name != PUBLISH or not isinstance(call.input, dict):
        return call
    return replace(call, input={**call.input, "cost": asdict(cost)})


def to_markdown(report: Report) -> str:
    """Write the report as Markdown: numbered citations, and their sources at the end."""
    cited = list(dict.fromkeys(c for p in report.all for c in p.citations))
    number = {citation: n for n, citation in enumerate(cited, 1)}
    mark = hashlib.sha256(repr(report).encode()).hexdigest()[:6]  # two reports may share a page

    def written(paragraph: Paragraph) -> str:
        marks = "".join(f" [[{number[c]}]](#{mark}-{number[c]})" for c in paragraph.citations)
        return f"{paragraph.text}{marks}"

    parts = [f"# {report.title}", *map(written, report.paragraphs)]
    if report.disagreements:
        parts += ["## Where sources disagree", *map(written, report.disagreements)]
    if report.gaps:
        parts += ["## What was not found", "\n".join(f"- {gap}" for gap in report.gaps)]
    sources = [f'{n}. <a id="{mark}-{n}"></a>`{c.source}`: “{c.quote}”' for c, n in number.items()]
    spent, tokens = report.cost, report.cost.input_tokens + report.cost.output_tokens
    price = f"no price for {spent.unpriced}" if spent.unpriced else f"{spent.usd:.4f} US dollars"
    cost = f"*{spent.turns} calls of Claude, {tokens:,} tokens, {price}.*"
    return "\n\n".join([*parts, "## Sources", "\n".join(sources), cost, ""])
