"""The table of recipes. A new recipe is one entry; the campaign finds its points itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.crash.campaign.nursery import ROOT

REFUND = "Order 1042 arrived damaged. Please refund it and email me a confirmation."

Reviewing = Literal["", "update", "signal", "reject"]


@dataclass(frozen=True)
class Scenario:
    """One question to a recipe, and what must come of it.

    Attributes:
        workflow: The Workflow's name.
        arguments: What it is started with, as JSON values.
        rows: How many rows an undisturbed run leaves in each of the shop's tables; of tables
            that aren't named it leaves none.
        reviewing: How a person decides on what waits, if anything does.
        transcript: Where the conversation is read: the Query of this name; "" for the store,
            from the head in the result.
        slow: How long Claude takes for its first reply in an undisturbed run, in seconds: longer
            than a worker may be silent.
        worker: The module of its worker; "" for the recipe's own.
        at_most_once: The Activity whose effect has no key: when a worker is lost in it, the
            answer says that the outcome is unknown.
        sealed: Whether its worker has a payload codec.
    """

    workflow: str
    arguments: Sequence[Any] = (REFUND,)
    rows: Mapping[str, int] = field(default_factory=lambda: {"refunds": 1, "emails": 1})
    reviewing: Reviewing = ""
    transcript: str = "transcript"
    slow: float = 0
    worker: str = ""
    at_most_once: str = ""
    sealed: bool = False


_DAMAGED_1025 = REFUND.replace("1042", "1025")
_DAMAGED = "Order 1001 arrived damaged. Please refund it."
_QUEUE = {
    "most": 2,
    "steps_per_run": 3,
    "ticket": {"number": 4, "question": _DAMAGED},
    "talk": {"window": {"tokens": 2000}},
}

SCENARIOS: dict[str, dict[str, Scenario]] = {
    "durable_loop": {"": Scenario("AgentWorkflow", slow=4)},
    "structured_retries": {
        "": Scenario(
            "RetryingAgentWorkflow",
            [{"question": REFUND, "budget": {"turns": 20, "usd": 1.0, "seconds": 600}}],
        )
    },
    "parallel_tools": {
        "": Scenario(
            "ParallelToolsWorkflow",
            ["Orders 1032, 1033 and 1042 arrived damaged. Please refund all three."],
            {"refunds": 3},
        ),
        "pickup": Scenario(
            "ParallelToolsWorkflow",
            ["Please book a pickup of order 1042 for 2026-05-04."],
            {"pickups": 1},
            at_most_once="tool.book_pickup",
        ),
    },
    "approval_gate": {
        "update": Scenario("ApprovalGateWorkflow", [_DAMAGED_1025], reviewing="update"),
        "signal": Scenario("ApprovalGateWorkflow", [_DAMAGED_1025], reviewing="signal"),
        "reject": Scenario("ApprovalGateWorkflow", [_DAMAGED_1025], {}, reviewing="reject"),
    },
    "versioned_prompts": {"": Scenario("VersionedPromptsWorkflow")},
    "long_running": {
        "": Scenario(
            "LongRunningAgentWorkflow", [_QUEUE], {"refunds": 1, "answers": 2}, transcript=""
        )
    },
    "research_agent": {
        "": Scenario(
            "ResearchAgentWorkflow",
            [{"question": "Are cancelled orders refunded as promised?"}],
            {"reports": 1, "files": 1},
            reviewing="signal",
        )
    },
    "bank": {"": Scenario("AgentWorkflow", worker="bank_worker", sealed=True)},
    "gated_talk": {
        "": Scenario(
            "GatedTalk",
            [{}, {}, 1],
            {"refunds": 1},
            reviewing="update",
            transcript="",
            worker="tests.crash.campaign.gated_worker",
        )
    },
}
"""By recipe and, where there are several, by a name of their own. Two are no recipes: `bank` is
durable_loop with a payload codec and its refunds in PostgreSQL; `gated_talk` is a gate and a
transcript that are carried over continue-as-new together."""


def scenario(name: str) -> Scenario:
    """Find a scenario.

    Args:
        name: `RECIPE` or `RECIPE.NAME`.
    """
    recipe, _, part = name.partition(".")
    return SCENARIOS[recipe][part]


def names(recipes: Sequence[str] = ()) -> list[str]:
    """List the scenarios.

    Args:
        recipes: Only of these; of all when there are none.
    """
    return [
        f"{recipe}.{part}" if part else recipe
        for recipe, parts in SCENARIOS.items()
        for part in parts
        if not recipes or recipe in recipes
    ]


def without_entry(notebooks: Path = ROOT / "notebooks") -> list[str]:
    """Name the recipes that the campaign doesn't know.

    Args:
        notebooks: The folder that holds `recipes/`.
    """
    found = {path.parent.name for path in notebooks.glob("recipes/*/worker.py")}
    return sorted(found - set(SCENARIOS))
