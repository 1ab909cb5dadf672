"""A report as Markdown, in which every citation leads to its source."""

import hashlib

from recipes.research_agent.report import Paragraph, Report


def to_markdown(report: Report) -> str:
    """Write it down: a number for each citation, and the sources at the end."""
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
