"""Run the crash campaign: `python -m tests.crash.campaign`.

A whole campaign, without options that leave something out, writes its table into docs/measured.md.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from agentkit.client import print_anything
from tests.crash.campaign.broken import try_all
from tests.crash.campaign.bugs import BROKEN
from tests.crash.campaign.campaign import Campaign, Ran, Results, campaign
from tests.crash.campaign.nursery import ROOT
from tests.crash.campaign.points import KINDS, Case
from tests.crash.campaign.report import (
    as_markdown,
    as_text,
    failure,
    publish,
    summary,
    table,
)
from tests.crash.campaign.scenarios import SCENARIOS, names, without_entry
from tests.crash.campaign.trees import copy_tree

KILLS = 200
LANES = 4


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides which points are chosen")
    parser.add_argument("--kills", type=int, default=KILLS, help=f"how many ({KILLS})")
    parser.add_argument("--recipe", action="append", choices=list(SCENARIOS), default=[])
    parser.add_argument("--point", action="append", choices=list(KINDS), default=[])
    parser.add_argument("--case", action="append", default=[], help="what a failure has printed")
    parser.add_argument("--tree", type=Path, default=ROOT, help="try this copy of the code")
    parser.add_argument("--lanes", type=int, default=LANES, help="cases at a time")
    parser.add_argument("--stop", action="store_true", help="end with the first failure")
    parser.add_argument("--broken", action="store_true", help="only try the broken variants")
    return parser.parse_args(arguments)


async def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for.

    Returns:
        0 when every kill happened, every invariant held, and every broken variant was caught.
    """
    options = _options(arguments)
    if missing := without_entry(options.tree / "notebooks"):
        print(f"No entry in tests/crash/campaign/scenarios.py: {', '.join(missing)}")
    given = [Case.read(each) for each in options.case]
    wanted = list(dict.fromkeys(each.scenario for each in given)) or names(options.recipe)
    whole = not (given or options.recipe or options.point) and options.tree == ROOT
    began = time.monotonic()
    async with campaign(options.lanes) as running:
        clean = await running.run_undisturbed(names() if options.broken else wanted)
        if options.tree != ROOT:
            running.tree = copy_tree(running.copy("given"), options.tree)
            undisturbed = [Case(name, "undisturbed", ()) for name in wanted]
            clean = await running.run(undisturbed)
        for each in clean.failed:
            print(failure(each, options.seed, options.tree))
        good = [name for name in wanted if name not in {e.case.scenario for e in clean.failed}]
        if clean.failed and options.stop:
            return 1
        results = Results()
        if not options.broken:
            chosen = given or running.plan(good, options.seed, options.kills, options.point)
            results = await running.run(
                [each for each in chosen if each.scenario in good],
                lambda ran: _tell(ran, options),
                most_failed=1 if options.stop else 8,
            )
            print(as_text(table(results.ran)))
            print(summary(results))
        planted, uncaught = "", 0
        if options.broken or whole:
            uncaught = await _try_broken(running)
            planted = f"{len(BROKEN) - uncaught} of {len(BROKEN)} planted bugs were caught."
            print(planted)
    end = f"It took {time.monotonic() - began:.0f} s, with seed {options.seed}."
    print(end)
    if whole and not options.broken:
        publish(as_markdown(table(results.ran), f"{summary(results)} {planted} {end}"))
    return int(bool(missing or clean.failed or results.failed or results.skipped or uncaught))


async def _try_broken(running: Campaign) -> int:
    """Plant one bug after the other and print which were caught; return how many weren't."""
    uncaught = 0
    found = await try_all(running, BROKEN)
    for variant in BROKEN:
        by = found[variant.name]
        wrong = not set(by) & set(variant.expected)
        uncaught += wrong
        verdict = "NOT CAUGHT" if not by else f"caught by: {', '.join(by)}"
        print(f"  {variant.name}: {verdict}" + (" (for another reason)" if wrong and by else ""))
    return uncaught


def _tell(ran: Ran, options: argparse.Namespace) -> None:
    if ran.failed:
        print(failure(ran, options.seed, options.tree), flush=True)


if __name__ == "__main__":
    print_anything()
    sys.exit(asyncio.run(main()))
