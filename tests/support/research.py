"""The research agent's recipe, with a scripted Claude.

Workflow, gate, tools, shop and server are the real ones. Claude is scripted, to do what no honest
Claude does on demand: cite what doesn't exist, submit two reports at once, never stop.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from agentkit import AgentPlugin, AnyTool, ClaudeReply, tool_activity
from agentkit.approvals import approval_activities, trust_names
from agentkit.approvals.requests import Notice
from agentkit.messages import ClaudeRequest, Usage
from agentkit.prompts import PinnedPrompt
from agentkit.testing import time_skipping

Use = tuple[str, dict[str, Any]]
"""A tool that Claude asks for, with its arguments."""

RULE = "handbook:cancelling-or-changing-an-order#3"
RULE_TEXT = "A cancelled order is refunded in full on the same working day."
FIGURE = "figures:cancelled-orders#1"
FIGURE_TEXT = "3 orders are cancelled (1009, 1031, 1054), and 3 of them have not been refunded."
HANDBOOK: Use = ("search_passages", {"query": "cancelled refund"})
FIGURES: Use = ("shop_figures", {"topic": "cancelled orders"})


def paragraph(text: str, **quotes: str) -> dict[str, Any]:
    """A paragraph that cites these; RULE and FIGURE by their short names."""
    names = {"rule": RULE, "figure": FIGURE}
    cited = [{"source": names.get(s, s), "quote": q} for s, q in quotes.items()]
    return {"text": text, "citations": cited}


BOTH = paragraph("They disagree.", rule=RULE_TEXT, figure=FIGURE_TEXT)


def report(
    *paragraphs: dict[str, Any], disagreements: Sequence[Any] = (), gaps: Sequence[str] = ()
) -> Use:
    """A report that Claude submits."""
    parts = {"paragraphs": [*paragraphs], "disagreements": [*disagreements], "gaps": [*gaps]}
    return "publish_report", {"title": "Cancelled orders", **parts}


GOOD = report(paragraph("We refund at once.", rule=RULE_TEXT), disagreements=[BOTH])
"""A report that passes the check, once both searches have been made."""


@dataclass(frozen=True)
class Office:
    """A server that skips time, and a worker of the recipe on it."""

    client: Client
    task_queue: str
    notices: list[Notice]

    async def start(self, **task: Any) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(
            "ResearchAgentWorkflow",
            {"question": "Are cancelled orders refunded?", **task},
            id=f"research-{uuid.uuid4()}",
            task_queue=self.task_queue,
        )


@asynccontextmanager
async def office(
    *turns: Sequence[Use] | str, tools: Sequence[AnyTool] | None = None
) -> AsyncIterator[Office]:
    """Run the recipe with a Claude that takes these turns; the last one again and again."""
    from recipes.research_agent.tools import TOOLS
    from recipes.research_agent.workflow import ResearchAgentWorkflow

    notices: list[Notice] = []

    async def notify(notice: Notice) -> None:
        notices.append(notice)

    @activity.defn(name="pin_prompt")
    async def pin() -> PinnedPrompt:
        return PinnedPrompt("scripted", f"sha256:{'0' * 64}")

    @activity.defn(name="call_claude")
    async def call(request: ClaudeRequest) -> ClaudeReply:
        number = sum(message["role"] == "assistant" for message in request.messages)
        turn = turns[min(number, len(turns) - 1)]
        content: list[Any] = (
            [{"type": "text", "text": turn}]
            if isinstance(turn, str)
            else [
                {"type": "tool_use", "id": f"toolu_{number}_{n}", "name": name, "input": given}
                for n, (name, given) in enumerate(turn)
            ]
        )
        stop_reason = "end_turn" if isinstance(turn, str) else "tool_use"
        return ClaudeReply(cast(Any, content), stop_reason, Usage(1000, 100), "claude-sonnet-5-5")

    async with time_skipping(AgentPlugin()) as env:
        queue = f"research-{uuid.uuid4()}"
        async with Worker(
            env.client,
            task_queue=queue,
            workflows=[ResearchAgentWorkflow],
            activities=[
                pin,
                call,
                tool_activity(tools or TOOLS),
                *approval_activities(notify, trust_names),
            ],
        ):
            yield Office(env.client, queue, notices)
