"""Start a run, or re-attach to it by its id, and print what it came to."""

import argparse

from temporalio.common import WorkflowIDConflictPolicy

from agentkit import AgentPlugin, connect, run_main
from recipes.long_running.state import Queue
from recipes.long_running.worker import TASK_QUEUE
from recipes.long_running.workflow import LongRunningAgentWorkflow


async def main() -> None:
    """Start the run if it isn't running yet, wait for it, print how much it did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", help="the run's id, by which anyone finds it again")
    parser.add_argument("tickets", type=int, nargs="?", help="how many; by default all there are")
    arguments = parser.parse_args()
    client = await connect(AgentPlugin())
    progress = await client.execute_workflow(
        LongRunningAgentWorkflow.run,
        Queue(most=arguments.tickets),
        id=arguments.id,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    print(f"{progress.tickets} tickets in {progress.turns} turns and {progress.runs} runs.")


if __name__ == "__main__":
    run_main(main())
