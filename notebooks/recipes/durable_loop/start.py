"""Start a run, or re-attach to it by its id even after its end, and print the answer."""

import argparse

from agentkit import AgentPlugin, connect, run_main
from agentkit.client import run_once
from recipes.durable_loop.worker import TASK_QUEUE
from recipes.durable_loop.workflow import AgentWorkflow


async def main() -> None:
    """Start the run if there is none with this id, wait for it, print the answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", help="the run's id, by which anyone finds it again")
    parser.add_argument("question")
    arguments = parser.parse_args()
    client = await connect(AgentPlugin())
    result = await run_once(
        client,
        AgentWorkflow.run,
        arguments.question,
        id=arguments.id,
        task_queue=TASK_QUEUE,
    )
    print(result.text)


if __name__ == "__main__":
    run_main(main())
