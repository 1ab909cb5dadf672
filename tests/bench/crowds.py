"""Many agents at once, and one agent with many tools: turns per second, and time added to each."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from offline_claude.call_log import Call
from tests.bench.tasks import TEN_PARCELS
from tests.bench.workplace import Loop, Workplace


@dataclass(frozen=True)
class Crowd:
    """What so many agents did.

    Attributes:
        turns_per_second: Of all agents together, from the first call of Claude to the last.
        added: Seconds from each reply of Claude that asks for a tool to the same agent's next
            call, in which the tool was run too.
        repeated: How many calls of Claude were made again, because a worker was taken for dead
            or the call took too long.
    """

    turns_per_second: float
    added: list[float]
    repeated: int


async def crowd(place: Workplace, loop: Loop, agents: int, questions: int) -> Crowd:
    """Let agents work at once; each asks its questions one after the other, in two turns each.

    Args:
        place: Where; workers poll.
        loop: Which loop they run.
        agents: How many.
        questions: How many each has.
    """
    place.claude.clear()
    order = 1042
    runs = await asyncio.gather(
        *(
            place.start(loop, [f"Agent {n} asks: who placed order {order}?"] * questions)
            for n in range(agents)
        )
    )
    turns = sum(await asyncio.gather(*(run.result() for run in runs)))
    assert turns == 2 * questions * agents, f"{turns} turns of {2 * questions * agents}"
    calls = await asyncio.to_thread(place.claude.calls)
    lasted = max(map(_end, calls)) - min(call.started_at for call in calls)
    return Crowd(turns / lasted, _added(calls), len(calls) - turns)


def _added(calls: list[Call]) -> list[float]:
    by_agent = defaultdict(list)
    for call in calls:
        by_agent[call.question].append(call)
    # Other turns add half as much: of both together, p50 would be a toss-up between two medians.
    return [
        after.started_at - _end(before)
        for mine in by_agent.values()
        for before, after in pairwise(mine)
        if before.tools
    ]


def _end(call: Call) -> float:
    # The log is read when the runs have ended: every call of theirs is over.
    return call.finished_at or call.started_at


async def ten_tools(place: Workplace, loop: Loop) -> float:
    """Ask for ten parcels at once; the carrier takes a second for each.

    Args:
        place: Where; workers poll.
        loop: Which loop the agent runs.

    Returns:
        Seconds from Claude's asking for ten look-ups to its being given ten results.
    """
    place.claude.clear()
    run = await place.start(loop, [TEN_PARCELS])
    await run.result()
    first, second = await asyncio.to_thread(place.claude.calls)
    assert len(first.tools) == 10, f"Claude asked for {len(first.tools)} tools"
    return second.started_at - _end(first)


async def worker_start(place: Workplace, loop: Loop) -> float:
    """Start a worker.

    Args:
        place: Where; no worker of this loop runs.
        loop: Whose worker.

    Returns:
        Seconds from the start of its process to its polling.
    """
    await place.hire(loop, 0)
    began = time.monotonic()
    await place.hire(loop, 1)
    return time.monotonic() - began
