"""The worker process of the comparison: `python -m tests.bench.worker FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from temporalio.client import Plugin
from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from agentkit.stores import SQLiteStore
from agentkit.transcript import TranscriptPlugin
from tests.bench.agents import TOOLS, Referring, Resending
from tests.bench.claim_check import ClaimCheckPlugin


async def main() -> None:
    """Poll three task queues: messages inline, in external storage, in a transcript."""
    folder = Path(sys.argv[1])
    plugins: dict[str, list[Plugin]] = {
        "inline": [AgentPlugin(TOOLS)],
        "external": [AgentPlugin(TOOLS), ClaimCheckPlugin(SQLiteStore(folder / "external.db"))],
        "transcript": [AgentPlugin(TOOLS), TranscriptPlugin(SQLiteStore(folder / "transcript.db"))],
    }
    workers = [
        Worker(await connect(*each), task_queue=queue, workflows=[Resending, Referring])
        for queue, each in plugins.items()
    ]
    await asyncio.gather(*map(run_until_signalled, workers))


if __name__ == "__main__":
    run_main(main())
