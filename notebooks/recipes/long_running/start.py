"""Start a run, or re-attach to it by its id even after its end, and print what it came to."""

import argparse

from agentkit import AgentPlugin, connect, run_main
from agentkit.client import run_once
from recipes.long_running.state import Queue
from recipes.long_running.worker import TASK_QUEUE
from recipes.long_running.workflow import LongRunningAgentWorkflow


async def main() -> None:
    """Start the run if there is none with this id, wait for it, print how much it did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", help="the run's id, by which anyone finds it again")
    parser.add_argument("tickets", type=int, nargs="?", help="how many; by default all there are")
    arguments = parser.parse_args()
    client = await connect(AgentPlugin())
    progress = await run_once(
        client,
        LongRunningAgentWorkflow.run,
        Queue(most=arguments.tickets),
        id=arguments.id,
        task_queue=TASK_QUEUE,
    )
    print(f"{progress.tickets} tickets in {progress.turns} turns and {progress.runs} runs.")


if __name__ == "__main__":
    run_main(main())
