"""From SIGKILL to the next model call: what a run loses when its worker dies in mid-call."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from temporalio.api.enums.v1 import PendingActivityState

from offline_claude.call_log import Call
from tests.bench.workplace import Loop, Workplace

_GIVE_UP_SECONDS = 120


async def recoveries(place: Workplace, loop: Loop, kills: int, seed: int = 1) -> list[float]:
    """Kill workers while Claude is thinking, with another worker standing by.

    Args:
        place: Where.
        loop: Whose workers.
        kills: How many.
        seed: Of the moments at which they are killed.

    Returns:
        For each kill, seconds from the signal to the arrival of the next call at Claude.
    """
    moments = random.Random(seed)
    found = []
    for number in range(kills):
        await place.hire(loop, 2)
        question = f"Who placed order 1042? ({place.name}, {loop}, kill {number + 1})"
        place.claude.slow(_GIVE_UP_SECONDS, matching=question)
        run = await place.start(loop, [question])
        await _called(place, question, 1)
        # At any moment between two heartbeats, and between two looks of the server at them.
        await asyncio.sleep(moments.uniform(0, 3))
        pending = (await run.describe()).raw_description.pending_activities[0]
        assert pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        victim = place.worker(loop, pending.last_worker_identity)
        killed_at = time.time()
        victim.kill()
        calls = await _called(place, question, 2)
        found.append(calls[1].started_at - killed_at)
        await run.terminate("measured")
    return found


async def _called(place: Workplace, question: str, times: int) -> list[Call]:
    """Wait until Claude has been asked a question so many times."""
    return await calls_when(place, lambda call: call.question == question, times)


async def calls_when(
    place: Workplace, mine: Callable[[Call], bool], times: int, seconds: float = _GIVE_UP_SECONDS
) -> list[Call]:
    """Wait until there are so many calls of some kind.

    Args:
        place: Where.
        mine: Which calls count.
        times: How many there must be.
        seconds: How long to wait at most.

    Returns:
        Those calls.

    Raises:
        TimeoutError: There aren't, by then.
    """
    deadline = time.monotonic() + seconds
    while True:
        calls = [call for call in await asyncio.to_thread(place.claude.calls) if mine(call)]
        if len(calls) >= times:
            return calls
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(calls)} of {times} calls after {seconds:.0f} s")
        await asyncio.sleep(0.02)
