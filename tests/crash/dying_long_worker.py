"""A worker of long_running that sends itself SIGKILL: see dying_worker.py, with other plugins."""

from __future__ import annotations

import sys

from dying_worker import Dying  # type: ignore[import-not-found]
from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from agentkit.transcript import TranscriptPlugin
from recipes.long_running.activities import hand_in
from recipes.long_running.tools import TOOLS
from recipes.long_running.worker import TASK_QUEUE
from recipes.long_running.workflow import LongRunning


async def main() -> None:
    """Poll until the point is reached."""
    when, activity_type, number = sys.argv[1:]
    client = await connect(AgentPlugin(TOOLS), TranscriptPlugin())
    point = Dying(when, activity_type, int(number))
    await run_until_signalled(
        Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[LongRunning],
            activities=[hand_in],
            interceptors=[point],
        )
    )


if __name__ == "__main__":
    run_main(main())
