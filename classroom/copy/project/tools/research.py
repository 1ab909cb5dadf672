"""What the agent can do: plan, search, publish. A search of your own goes into TOOLS.

This is an example with a handbook of four rules and a few figures. A search gives rows with a
`source` to cite, its `text`, and what it `states` by subject, so that contradictions show. The
report that a supervisor has approved is stored once: `publish` sees to that.
"""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from agentkit import AnyTool, Spent, tool
from recipes.research_agent.publish import publish
from recipes.research_agent.report import Paragraph, Report


class Source(TypedDict):
    """A sentence that can be cited by its id, and what it states by subject."""

    source: str
    text: str
    states: NotRequired[dict[str, str]]


LEFT = "cancelled orders that were not refunded"
HANDBOOK: list[Source] = [
    {
        "source": "handbook:cancelling#1",
        "text": "A cancelled order is refunded in full on the same working day.",
        "states": {LEFT: "0"},
    },
    {"source": "handbook:cancelling#2", "text": "An order that has left can't be cancelled."},
    {"source": "handbook:e-books#1", "text": "An e-book can be refunded within 14 days."},
    {"source": "handbook:returns#1", "text": "Unread books may be returned within 30 days."},
]
FIGURES: list[Source] = [
    {
        "source": "figures:cancelled-orders#1",
        "text": "3 orders are cancelled, and 2 of them have not been refunded.",
        "states": {LEFT: "2"},
    },
    {"source": "figures:returns#1", "text": "5 books were returned in April, 4 of them unread."},
]
REPORTS = """
create table if not exists reports
    (title text, file text, sha256 text, turns integer, tokens integer, usd real)
"""


@dataclass(frozen=True)
class Search:
    """A search to make: the tool's name, and the words that it will be given."""

    tool: str
    query: str


@tool
async def plan_research(searches: list[Search]) -> str:
    """Write down, before anything else, what to look for and where.

    Args:
        searches: One entry for each search; query holds the very words that the tool is given.
    """
    return f"{len(searches)} searches are planned. Make them now, all in one message."


@tool
async def search_handbook(query: str) -> list[Source]:
    """Search the handbook's rules sentence by sentence; gives none if none fits.

    Args:
        query: A few words on the subject, for example "cancelled order refund".
    """
    return matching(HANDBOOK, query)


@tool
async def search_figures(query: str) -> list[Source]:
    """Search what was counted in the shop's books; gives none if none fits.

    Args:
        query: A few words on the subject, for example "cancelled orders".
    """
    return matching(FIGURES, query)


@tool(effect="idempotent")
def publish_report(
    title: str,
    paragraphs: list[Paragraph],
    disagreements: list[Paragraph],
    gaps: list[str],
    cost: Spent | None = None,
) -> str:
    """Hand the report in. It is checked, a supervisor reads it, then it is published.

    Args:
        title: What it is about, in a few words.
        paragraphs: What was found out. Each cites at least one source, by the id that a search
            gave it, with a quote that stands there word for word.
        disagreements: Where sources contradict one another; each cites both.
        gaps: What was searched for and not found, each with the words of the search.
        cost: Leave it out: the run itself enters what it has cost.
    """
    report = Report(title, paragraphs, disagreements, gaps, cost or Spent())
    with closing(sqlite3.connect(os.environ.get("EXAMPLE_DB", "example.db"))) as db:
        db.execute(REPORTS)
        return publish(report, Path(os.environ.get("EXAMPLE_REPORTS", "reports")), db)


def matching(sources: list[Source], query: str) -> list[Source]:
    """Give the sources that share a word with the query."""
    words = [word for word in query.lower().split() if len(word) > 3]
    return [each for each in sources if any(word in each["text"].lower() for word in words)]


TOOLS: list[AnyTool] = [plan_research, search_handbook, search_figures, publish_report]
