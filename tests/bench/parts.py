"""The parts of the benchmark: what is measured how often, and the rows that come of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.bench.crowds import Crowd, crowd, ten_tools, worker_start
from tests.bench.kills import recoveries
from tests.bench.long_runs import LongRun, bench
from tests.bench.newcomer import STEPS, first_answer, notebooks
from tests.bench.results import Measured, Row, Table, compare
from tests.bench.spread import Spread, gain, percentile, spread
from tests.bench.tasks import MODEL
from tests.bench.workplace import LOOPS, Loop, workplace

TURNS = 1_000
"""How long the agent with a transcript goes on by default; 10,000 turns take half an hour."""

_EDGE = 20

_LONG_EDGE = 1_000
"""Turns at each end of a long run whose tokens are compared; fewer of a shorter run."""


async def recovery(kills: int = 20) -> Measured:
    """Kill workers in mid-call: a few of the naive loop's, which take half a minute each."""
    async with (
        workplace("prompt") as embedded,
        workplace("default", prompt_timers=False) as default,
    ):
        # At the same time: nearly all of it is waiting.
        naive, ours, slow = await asyncio.gather(
            recoveries(embedded, "naive", max(1, kills // 6)),
            recoveries(embedded, "agentkit", kills),
            recoveries(default, "agentkit", max(1, kills // 2)),
        )
    p95 = percentile(ours, 95)
    what = "SIGKILL to the next model call, a standby worker polls"
    before = spread(naive)
    return Measured(
        [
            compare(what, before, spread(ours), "s", digits=2),
            Row(
                f"{what}: 95th percentile",
                before.text("s", 2),
                f"{p95:.2f} s",
                gain(before, Spread(p95, p95, p95, 1)),
                "≤ 2.5 s",
            ),
            Row(
                f"{what}, on a server with its own timer settings",
                "–",
                spread(slow).text("s", 2),
                gain(before, spread(slow)),
            ),
        ]
    )


async def tools(times: int = 5) -> Measured:
    """Ten tools that take a second each, and how long a worker takes to start."""
    took: dict[Loop, list[float]] = {loop: [] for loop in LOOPS}
    start: dict[Loop, list[float]] = {loop: [] for loop in LOOPS}
    async with workplace("tools") as place:
        for _ in range(times):
            for loop in LOOPS:
                start[loop].append(await worker_start(place, loop))
                took[loop].append(await ten_tools(place, loop))
    ten, starts = ([spread(each[loop]) for loop in LOOPS] for each in (took, start))
    return Measured(
        [
            compare("ten tools of 1 s in one message", ten[0], ten[1], "s", "≤ 1.5 s", 2),
            compare("start of a worker, until it polls", starts[0], starts[1], "s"),
        ]
    )


async def long_runs(turns: int = TURNS, letters: int = 100) -> Measured:
    """A conversation with 10 KB of tool results a turn, until it ends or is ended.

    Args:
        turns: Of the agent with a transcript.
        letters: Of the naive loop, two turns for each: more than it gets to read.
    """
    async with bench(naive=True) as each:
        # The first run of a worker pays for what is loaded once.
        await each.run("naive", 2)
        naive = await each.run("naive", letters)
        await each.run("transcript", 2)
        ours = await each.run("transcript", turns // 2)
    below = "below the naive loop's"
    own = "own time per turn at 10 KB of tool results"
    first, last = slice(0, _EDGE), slice(-_EDGE, None)
    edge = min(_LONG_EDGE, ours.turns // 2)
    disk = [(run.server + run.kept) / run.said for run in (naive, ours)]
    return Measured(
        [
            Row(
                "a conversation with 10 KB of tool results a turn",
                f"{naive.outcome.rstrip('.')}, after {naive.turns} turns",
                f"{ours.outcome}: {ours.turns - ours.summaries:,} turns and {ours.summaries:,} "
                f"summaries, histories: {ours.runs}",
                goal="10,000 turns complete",
            ),
            Row(
                "its largest request, summaries included",
                _largest(naive),
                _largest(ours),
                f"{naive.largest / ours.largest:.1f}",
                "≤ window of 20,000 tokens and a summary",
            ),
            Row(
                f"tokens per turn, first {edge:,} and last {edge:,}",
                _tokens(naive, min(edge, naive.turns // 2)),
                _tokens(ours, edge),
                goal="flat",
            ),
            Row(
                f"dollars, at the list price of {MODEL} without a prompt cache",
                f"{naive.usd:,.2f} for {naive.turns} turns",
                f"{ours.usd:,.2f} for {ours.turns:,} turns",
                f"{naive.usd / naive.turns / (ours.usd / ours.turns):.1f} a turn",
            ),
            _history("its history per turn, first turns", naive, ours, _first_history),
            _history("its history per turn, last turns", naive, ours, _last_history),
            _history("its longest history", naive, ours, lambda run: run.longest, goal=""),
            Row(
                "on disk for each byte said, server and store",
                f"{disk[0]:.2f}",
                f"{disk[1]:.2f}",
                f"{disk[0] / disk[1]:.2f}",
            ),
            Row(
                "on disk for each byte said, the conversation alone",
                "–",
                f"{ours.kept / ours.said:.2f}",
                goal="≤ 1.2",
            ),
            compare(f"{own}, first turns", _own(naive, first), _own(ours, first), "ms", below, 0),
            compare(f"{own}, last turns", _own(naive, last), _own(ours, last), "ms", "flat", 0),
        ]
    )


def _largest(run: LongRun) -> str:
    most = max(each.tokens_read for each in run.usages)
    return f"{most:,} tokens, {run.largest / 1000:,.0f} KB"


def _tokens(run: LongRun, many: int) -> str:
    return f"{run.tokens(slice(0, many)):,.0f} and {run.tokens(slice(-many, None)):,.0f}"


def _history(
    what: str,
    naive: LongRun,
    ours: LongRun,
    of: Callable[[LongRun], float],
    goal: str = "≤ 3 KB, flat",
) -> Row:
    texts = [f"{of(run) / 1000:,.1f} KB" for run in (naive, ours)]
    return Row(what, texts[0], texts[1], f"{of(naive) / of(ours):,.1f}", goal)


def _first_history(run: LongRun) -> float:
    many = min(_EDGE, run.turns)
    return run.history[many - 1] / many


def _last_history(run: LongRun) -> float:
    return run.per_turn(_EDGE)


def _own(run: LongRun, part: slice) -> Spread:
    return spread([1000 * seconds for seconds in run.own_seconds[part]])


async def crowds(
    sizes: tuple[int, ...] = (1, 10, 100), workers: tuple[int, ...] = (1, 2), times: int = 3
) -> Measured:
    """Many agents at once, on one worker and on several, the two loops in turns."""
    rows = []
    async with workplace("crowds") as place:
        for processes in workers:
            for loop in LOOPS:
                await place.hire(loop, processes)
                await crowd(place, loop, 2 * processes, 1)  # for what is loaded once
            for agents in sizes:
                seen: dict[Loop, list[Crowd]] = {loop: [] for loop in LOOPS}
                for _ in range(times if agents < 100 else 1):
                    for loop in LOOPS:
                        questions = 10 if agents == 1 else 4
                        seen[loop].append(await crowd(place, loop, agents, questions))
                rows.append([str(agents), str(processes), *_crowd(seen["naive"], seen["agentkit"])])
    return Measured(
        tables=[
            Table(
                "Many agents at once",
                [
                    "agents",
                    "workers",
                    "turns/s, naive",
                    "turns/s, agentkit",
                    "times better",
                    "added ms, naive",
                    "added ms, agentkit",
                    "times better, added",
                    "calls repeated",
                ],
                rows,
                "*Added* is the time from each reply of Claude to the same agent's next call, with "
                "the look-up that it asked for, as p50 / p95. Claude itself answers in "
                "milliseconds here. Calls repeated: naive / agentkit, by workers taken for dead. "
                "Server, Claude, workers and the benchmark share the same cores.",
            )
        ]
    )


def _crowd(naive: list[Crowd], ours: list[Crowd]) -> list[str]:
    """Compare what crowds of one size did."""
    speed = [spread([each.turns_per_second for each in crowds]) for crowds in (naive, ours)]
    added = [[1000 * s for each in crowds for s in each.added] for crowds in (naive, ours)]
    points = [[percentile(each, percent) for percent in (50, 95)] for each in added]
    times = [before / after for before, after in zip(*points, strict=True)]
    return [
        *(each.text() for each in speed),
        gain(speed[1], speed[0]),
        *(" / ".join(f"{point:,.0f}" for point in each) for each in points),
        " / ".join(f"{each:.2f}" for each in times),
        " / ".join(str(sum(each.repeated for each in crowds)) for crowds in (naive, ours)),
    ]


async def newcomer(times: int = 1) -> Measured:
    """From a fresh clone to the first answer."""
    seen = [await asyncio.to_thread(first_answer) for _ in range(times)]
    steps = [spread(each) for each in zip(*seen, strict=True)]
    whole = spread([sum(each) for each in seen])
    return Measured(
        [Row("fresh clone to the first answer", "–", whole.text("s"))],
        [
            Table(
                "From a fresh clone to the first answer",
                ["step", "seconds"],
                [[what, each.text()] for what, each in zip(STEPS, steps, strict=True)],
            )
        ],
    )


async def suite() -> Measured:
    """Every cell of every notebook, executed and compared; takes minutes."""
    seconds, cells = await asyncio.to_thread(notebooks)
    return Measured(
        [
            Row(
                f"all notebooks, {cells} cells executed and compared",
                "–",
                f"{seconds:.0f} s",
                goal="≤ 240 s",
            )
        ]
    )


PARTS: dict[str, Callable[[], Awaitable[Measured]]] = {
    "recovery": recovery,
    "tools": tools,
    "long_runs": long_runs,
    "crowds": crowds,
    "newcomer": newcomer,
    "notebooks": suite,
}
"""By name, in the order in which they are run and shown."""

ON_REQUEST = ("notebooks",)
"""What is measured only when it is named: executing all notebooks takes minutes."""
