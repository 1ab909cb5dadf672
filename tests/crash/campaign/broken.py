"""The campaign under test: it must catch bugs that are planted in copies of the code."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.crash.campaign.campaign import Campaign
from tests.crash.campaign.lane import Lane
from tests.crash.campaign.points import Case, cases
from tests.crash.campaign.scenarios import scenario
from tests.crash.campaign.trees import Edit, copy_tree


@dataclass(frozen=True)
class Broken:
    """A bug, and the kill that must reveal it.

    Attributes:
        name: What is wrong.
        edits: How the code is changed.
        scenario: The scenario that shows it.
        kind: The kind of kill that shows it.
        where: Parts of the point, such as its `type`.
        expected: The invariants of which one at least must be breached.
    """

    name: str
    edits: tuple[Edit, ...]
    scenario: str
    kind: str
    where: dict[str, Any]
    expected: tuple[str, ...]


async def try_all(running: Campaign, variants: list[Broken]) -> dict[str, list[str]]:
    """Plant each bug in a copy of the code, and run the kills that must reveal it.

    Args:
        running: A campaign that has run each scenario undisturbed, with code that is whole.
        variants: The bugs.

    Returns:
        By name, the invariants that were breached; none for a bug that nobody has seen.
    """
    found: dict[str, list[str]] = {}

    async def one(lane: Lane, variant: Broken) -> None:
        tree = copy_tree(running.copy(variant.name), running.tree, variant.edits)
        found[variant.name] = []
        for case in _cases(running, variant):
            ran = await running.try_case(lane, case, tree)
            if ran.breaches:
                found[variant.name] = list(dict.fromkeys(b.invariant for b in ran.breaches))
                break

    await running.on_all_lanes(variants, one)
    return found


def _cases(running: Campaign, variant: Broken) -> list[Case]:
    """List the kills that fit, late SQL statements first, where commits are."""
    name = variant.scenario
    clean = running.clean[name].seen
    fitting = [
        case
        for case in cases(name, scenario(name), clean, random.Random(0)).get(variant.kind, [])
        if all(case.kills[0].point.get(k) == v for k, v in variant.where.items())
    ]
    return sorted(fitting, key=lambda case: -case.kills[0].point.get("statement", 0))
