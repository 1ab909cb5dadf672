"""A worker of the research agent that sends itself SIGKILL before or after an Activity.

`python dying_research_worker.py before|after ACTIVITY NUMBER`, as `dying_worker.py`. With `between`
it dies in the middle of storing the report: the file is there, the row isn't committed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from temporalio.worker import Interceptor, Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from recipes.research_agent import publish
from recipes.research_agent.activities import activities
from recipes.research_agent.tools import TOOLS
from recipes.research_agent.worker import TASK_QUEUE
from recipes.research_agent.workflow import ResearchAgent
from tests.crash.dying_worker import Dying


def _write_and_die(file: Path, text: str) -> None:
    publish_whole(file, text)
    os.kill(os.getpid(), signal.SIGKILL)


publish_whole = publish.write_whole


async def main() -> None:
    """Poll until the point is reached."""
    when, activity, number = sys.argv[1:]
    points: list[Interceptor] = []
    if when == "between":
        publish.write_whole = _write_and_die
    else:
        points = [Dying(when, activity, int(number))]
    worker = Worker(
        await connect(AgentPlugin(TOOLS)),
        task_queue=TASK_QUEUE,
        workflows=[ResearchAgent],
        activities=activities(),
        interceptors=points,
    )
    await run_until_signalled(worker)


if __name__ == "__main__":
    run_main(main())
