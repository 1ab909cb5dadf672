"""What the agent can do: plan, search, publish. Your own searches go into TOOLS."""

import os
from dataclasses import dataclass
from pathlib import Path

from agentkit import AnyTool, Spent, tool
from classroom import shop
from recipes.research_agent.publish import publish
from recipes.research_agent.report import Paragraph, Report


@dataclass(frozen=True)
class Search:
    """A search to make: the tool's name, and the query that it will get."""

    tool: str
    query: str


@tool(effect="none")
async def plan_research(searches: list[Search]) -> str:
    """Write down, before anything else, what to look for and where.

    Args:
        searches: One entry for each search; query holds the exact words for the tool.
    """
    return f"{len(searches)} searches are planned. Make them now, all in one message."


@tool(effect="idempotent")
def publish_report(
    title: str,
    paragraphs: list[Paragraph],
    disagreements: list[Paragraph],
    gaps: list[str],
    cost: Spent | None = None,
) -> str:
    """Submit the report. It is checked, a supervisor reads it, then it is published.

    Args:
        title: What it is about, in a few words.
        paragraphs: The findings. Each cites at least one source, by the id that a search
            gave it, with a quote that appears there word for word.
        disagreements: Where sources contradict one another; each cites both.
        gaps: What was searched for and not found, each with the words of the search.
        cost: Leave it out: the run itself enters what it has cost.
    """
    report = Report(title, paragraphs, disagreements, gaps, cost or Spent())
    folder = Path(os.environ.get("RESEARCH_REPORTS") or shop.path().with_name("reports"))
    with shop.session() as db:
        return publish(report, folder, db)


TOOLS: list[AnyTool] = [plan_research, shop.search_passages, shop.shop_figures, publish_report]
