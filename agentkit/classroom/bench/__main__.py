"""Print the tables: `python -m agentkit.classroom.bench [TURNS]`, or `make bench`."""

from __future__ import annotations

import asyncio
import sys

from agentkit.classroom import processes
from agentkit.classroom.bench.long_runs import LongRun, bench

TURNS = 1_000
"""How long the agent with a transcript goes on by default; TURNS=10000 takes half an hour."""

NAIVE_LETTERS = 100
"""More than the loop that re-sends its messages gets to read."""

_PART = 20


async def long_runs(turns: int) -> str:
    """Compare the loop that re-sends its messages with the one that keeps them in a transcript.

    Args:
        turns: Turns of the latter; the former is terminated long before.

    Returns:
        A table in Markdown.
    """
    async with bench() as each:
        # The first run of a worker pays for what is loaded once.
        await each.run("inline", 2)
        naive = await each.run("inline", NAIVE_LETTERS)
        await each.run("transcript", 2)
        ours = await each.run("transcript", turns // 2)
    rows = [
        ("ended", naive.outcome, ours.outcome),
        ("turns, summaries included", f"{naive.turns:,}", f"{ours.turns:,} in {ours.runs} runs"),
        (
            "history per turn, first turns",
            *(_bytes(run.history[_PART] // _PART) for run in (naive, ours)),
        ),
        ("history per turn, last turns", *(_bytes(run.per_turn(_PART)) for run in (naive, ours))),
        ("longest history", _bytes(naive.longest), _bytes(ours.longest)),
        ("on disk, server and store, for each byte said", _ratio(naive), _ratio(ours)),
        ("on disk, store alone, for each byte said", "–", f"{ours.kept / ours.said:.2f}"),
        (
            "own time per turn, first turns",
            *(f"{run.own(slice(0, _PART)):.0f} ms" for run in (naive, ours)),
        ),
        (
            "own time per turn, last turns",
            *(f"{run.own(slice(-_PART, None)):.0f} ms" for run in (naive, ours)),
        ),
        ("last turns ÷ first turns", *(_slope(run) for run in (naive, ours))),
    ]
    lines = [
        "| 10 KB of tool results a turn | messages re-sent | transcript |",
        "| --- | --- | --- |",
    ]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _bytes(number: float) -> str:
    return f"{number / 1000:,.1f} KB" if number < 1e6 else f"{number / 1e6:,.1f} MB"


def _ratio(run: LongRun) -> str:
    return f"{(run.server + run.kept) / run.said:.2f}"


def _slope(run: LongRun) -> str:
    return f"{run.own(slice(-_PART, None)) / run.own(slice(0, _PART)):.2f}"


def main() -> None:
    """Measure and print; what was started is stopped."""
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else TURNS
    before = {process.pid for process in processes.everything()}
    try:
        print("## Long runs\n")  # noqa: T201
        print(asyncio.run(long_runs(turns)))  # noqa: T201
    finally:
        for process in processes.everything():
            if process.pid not in before:
                process.stop()


if __name__ == "__main__":
    main()
