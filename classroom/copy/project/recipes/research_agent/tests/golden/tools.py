"""The tools that recorded runs have called: replay runs none, but looks at what they declare."""

from __future__ import annotations

from typing import Any

from agentkit import AnyTool, tool


@tool
async def plan_research(searches: list[dict[str, str]]) -> str:
    """Write down what to look for.

    Args:
        searches: One entry for each search.
    """
    raise NotImplementedError


@tool
async def search_passages(query: str) -> str:
    """Search the handbook sentence by sentence.

    Args:
        query: A few words on the subject.
    """
    raise NotImplementedError


@tool
async def shop_figures(topic: str) -> str:
    """Count in the shop's books.

    Args:
        topic: What to count.
    """
    raise NotImplementedError


@tool(effect="idempotent")
async def publish_report(
    title: str, paragraphs: list[Any], disagreements: list[Any], gaps: list[str]
) -> str:
    """Hand the report in.

    Args:
        title: What it is about.
        paragraphs: What was found out.
        disagreements: Where sources contradict one another.
        gaps: What was not found.
    """
    raise NotImplementedError


RECORDED: list[AnyTool] = [plan_research, search_passages, shop_figures, publish_report]
