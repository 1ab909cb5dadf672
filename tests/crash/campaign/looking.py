"""Observing a run that is over: everything that `Seen` has a place for."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from temporalio.client import WorkflowHandle

from tests.crash.campaign.lane import Lane, World
from tests.crash.campaign.observation import Seen, read_chain, read_history
from tests.crash.campaign.scenarios import Scenario

_ANSWER_SECONDS = 30


async def look(
    lane: Lane,
    world: World,
    handle: WorkflowHandle[Any, Any],
    scenario: Scenario,
    seen: Seen,
) -> None:
    """Observe a run, however it ended.

    Args:
        lane: Where it ran; a worker of it is alive, to answer Queries.
        world: What it worked on.
        handle: From `start_workflow`.
        scenario: What was asked.
        seen: Knows the first run, the end and the result; gets everything else.
    """
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            if scenario.transcript:
                seen.messages = await handle.query(scenario.transcript)
            else:
                head = seen.result["head"] if isinstance(seen.result, dict) else None
                seen.messages = read_chain(world.store, head)
            if scenario.reviewing:
                seen.review["audit"] = await handle.query("audit")
    except Exception as err:
        seen.problems.append(f"The transcript can't be read: {type(err).__name__}: {err}")
    try:
        await read_history(lane.client, handle.id, seen)
    except Exception as err:
        seen.problems.append(f"The history can't be read: {type(err).__name__}: {err}")
    seen.rows = world.rows()
    seen.calls = len(await asyncio.to_thread(lane.claude.calls))
    file = world.folder / "trace-0"
    if file.exists():
        seen.trace = [json.loads(line) for line in file.read_text().splitlines()]
