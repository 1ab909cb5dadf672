"""How each recipe is run for its golden history; a recipe that isn't listed takes a question."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio import workflow
from temporalio.client import WorkflowHandle

from agentkit.approvals import Decision, decide
from agentkit.approvals.decisions import read_decision
from classroom.show.pending import until_pending

FOLDER = Path(__file__).resolve().parent
REFUND = "Order 1042 arrived damaged. Please refund it and email me a confirmation."


async def _nothing(run: WorkflowHandle[Any, Any]) -> None:
    """Let it run to its end by itself."""


@dataclass(frozen=True)
class GoldenRun:
    """One run that goes through all that its recipe is about.

    Attributes:
        arguments: The Workflow's input, as JSON values.
        meanwhile: What people do while it runs, such as approving something.
    """

    arguments: list[Any] = field(default_factory=lambda: [REFUND])
    meanwhile: Callable[[WorkflowHandle[Any, Any]], Awaitable[None]] = _nothing


async def _approve(run: WorkflowHandle[Any, Any]) -> None:
    """Be the reviewer who approves the one call that waits."""
    (waiting,) = await until_pending(run)
    await decide(run, Decision(waiting.request.id, waiting.request.digest, "approve", "ann"))


async def _send_back_then_approve(run: WorkflowHandle[Any, Any]) -> None:
    """Be the supervisor who misses something in the first draft that comes."""
    for answer, reason in (("reject", "Also mention the deadline for e-books."), ("approve", "")):
        (waiting,) = await until_pending(run)
        seen = {"request_id": waiting.request.id, "digest": waiting.request.digest}
        await decide(
            run, read_decision({**seen, "answer": answer, "reviewer": "ann", "reason": reason})
        )


_RUNS = {
    "approval_gate": GoldenRun([REFUND.replace("1042", "1025")], _approve),
    "long_running": GoldenRun([{"most": 2, "steps_per_run": 40}]),
    "parallel_tools": GoldenRun(
        ["Orders 1032, 1033 and 1042 arrived damaged. Please refund all three."]
    ),
    "research_agent": GoldenRun(
        [{"question": "Are cancelled orders refunded as promised?"}], _send_back_then_approve
    ),
    "structured_retries": GoldenRun(
        [{"question": REFUND, "budget": {"turns": 20, "usd": 1.0, "seconds": 600}}]
    ),
}


def golden_run(recipe: str) -> GoldenRun:
    """Choose how a recipe is run.

    Args:
        recipe: Its folder's name.
    """
    return _RUNS.get(recipe, GoldenRun())


def workflows_of(recipe: str) -> list[type]:
    """Import a recipe's Workflow classes; the course's notebooks/ must be on the path.

    Args:
        recipe: Its folder's name.
    """
    module = importlib.import_module(f"recipes.{recipe}.workflow")
    found = [each for each in vars(module).values() if isinstance(each, type)]
    return [each for each in found if workflow._Definition.from_class(each)]
