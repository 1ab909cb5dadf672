"""Start the agent, or re-attach to it: `python -m recipes.long_running.start ID [TICKETS]`."""

import sys

from temporalio.common import WorkflowIDConflictPolicy

from agentkit import AgentPlugin, connect, run_main
from recipes.long_running.state import Queue
from recipes.long_running.worker import TASK_QUEUE
from recipes.long_running.workflow import LongRunning


async def main() -> None:
    """Start the run if it isn't running yet, wait for its end, print what it came to."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit("usage: python -m recipes.long_running.start ID [TICKETS]")
    most = int(sys.argv[2]) if len(sys.argv) == 3 else None
    client = await connect(AgentPlugin())
    progress = await client.execute_workflow(
        LongRunning.run,
        Queue(most=most),
        id=sys.argv[1],
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    print(f"{progress.tickets} tickets in {progress.turns} turns and {progress.runs} runs.")


if __name__ == "__main__":
    run_main(main())
