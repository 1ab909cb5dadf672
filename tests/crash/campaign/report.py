"""The table of a campaign, for the terminal and for docs/measured.md."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.results import replace_section, this_machine
from tests.crash.campaign.campaign import Ran, Results
from tests.crash.campaign.nursery import ROOT
from tests.crash.campaign.points import KINDS

SECTION = "crash"


def table(ran: Sequence[Ran]) -> list[list[str]]:
    """Count the kills by kind of point and by recipe.

    Args:
        ran: The cases.

    Returns:
        Rows of cells, the first one with the recipes' names.
    """
    kills: Counter[tuple[str, str]] = Counter()
    for each in ran:
        recipe = each.case.scenario.partition(".")[0]
        kills[each.case.kind, recipe] += len(each.outcome.kills)
    recipes = list(dict.fromkeys(recipe for _, recipe in sorted(kills)))
    rows = [["killed", *recipes, "all"]]
    for kind, words in KINDS.items():
        counts = [kills[kind, recipe] for recipe in recipes]
        if sum(counts):
            rows.append([words, *(str(c or "–") for c in counts), str(sum(counts))])
    totals = [sum(n for (_, r), n in kills.items() if r == recipe) for recipe in recipes]
    return [*rows, ["all", *map(str, totals), str(sum(totals))]]


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Format a table for a terminal."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [
        "  ".join(
            c.ljust(w) if n == 0 else c.rjust(w)
            for n, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def as_markdown(rows: Sequence[Sequence[str]], result: str) -> str:
    """Format a table for docs/measured.md, with the machine it was measured on.

    Args:
        rows: The table.
        result: The last line.
    """
    first, *others = rows
    rule = ["---", *["--:"] * (len(first) - 1)]
    lines = ["| " + " | ".join(row) + " |" for row in [first, rule, *others]]
    return "\n".join([*lines, "", f"{result} {measured_on()}", ""])


def publish(text: str) -> None:
    """Write a whole campaign's table to docs/measured.md.

    Args:
        text: From `as_markdown`.
    """
    page = ROOT / "docs" / "measured.md"
    told = replace_section(page.read_text(encoding="utf8"), text.rstrip(), SECTION)
    page.write_text(told, encoding="utf8")


def measured_on() -> str:
    """Describe the machine, the versions and the date."""
    return f"*By `make crash` on {datetime.now(UTC):%Y-%m-%d}: {this_machine()}.*"


def summary(results: Results) -> str:
    """Summarise the results in one line."""
    kills = sum(len(each.outcome.kills) for each in results.ran)
    lost = sum(_breaches(each, "ends") for each in results.ran)
    doubled = sum(_breaches(each, "effects", "ledger", "at most once") for each in results.ran)
    other = len(results.failed) - lost
    waits = sorted(w for each in results.ran for w in each.outcome.recoveries)
    middle, late = (waits[int(len(waits) * share)] for share in (0.5, 0.95)) if waits else (0, 0)
    more = f", {other} cases with another breach" if other and other != doubled else ""
    return (
        f"{kills} SIGKILLs in {len(results.ran)} runs: {lost} lost, {doubled} with a wrong number "
        f"of effects{more}. A history went on {middle:.1f} s after a kill (median; "
        f"95 % within {late:.1f} s)."
    )


def failure(ran: Ran, seed: int, tree: Path = ROOT) -> str:
    """Describe what is wrong with a case, and the command that repeats it.

    Args:
        ran: The case.
        seed: The campaign's seed.
        tree: The code that was tried.
    """
    lines = [str(ran.case)]
    lines += [f"  {each.invariant}: {each.what}" for each in ran.breaches]
    if ran.outcome.error:
        lines.append(f"  no kill: {ran.outcome.error}")
    if ran.case.kills:
        arguments = f"--seed {seed} --case {shlex.quote(ran.case.spec)}"
        arguments += f" --tree {shlex.quote(str(tree))}" if tree != ROOT else ""
        lines.append(f"  again: python -m tests.crash.campaign {arguments}")
    return "\n".join(lines)


def _breaches(ran: Ran, *names: str) -> bool:
    return any(each.invariant in names for each in ran.breaches)
