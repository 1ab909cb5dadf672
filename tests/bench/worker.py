"""The worker process of the comparison: `python -m tests.bench.worker FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from temporalio.worker import Worker

from agentkit import (
    AgentPlugin,
    claude_activity,
    connect,
    run_main,
    run_until_signalled,
    tool_activity,
)
from agentkit.prompts import prompt_activities
from agentkit.stores import SQLiteStore
from agentkit.transcript import transcript_activities
from tests.bench.agents import SYSTEM, TOOLS, Referring, Resending
from tests.bench.claim_check import ClaimCheckPlugin


async def main() -> None:
    """Poll three task queues: messages inline, in external storage, in a transcript."""
    folder = Path(sys.argv[1])
    external = ClaimCheckPlugin(SQLiteStore(folder / "external.db"))
    store = SQLiteStore(folder / "transcript.db")
    resending = [claude_activity(SYSTEM, TOOLS), tool_activity(TOOLS)]
    referring = [
        *prompt_activities("bench", SYSTEM, TOOLS, store=store),
        *transcript_activities(store),
        tool_activity(TOOLS, store=store, keep_over=0),
    ]
    client = await connect(AgentPlugin())
    workers = [
        Worker(each, task_queue=queue, workflows=[Resending, Referring], activities=activities)
        for queue, each, activities in (
            ("inline", client, resending),
            ("external", await connect(AgentPlugin(), external), resending),
            ("transcript", client, referring),
        )
    ]
    await asyncio.gather(*map(run_until_signalled, workers))


if __name__ == "__main__":
    run_main(main())
