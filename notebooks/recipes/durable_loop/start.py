"""Start a run, or re-attach to it by its id, and print the answer."""

import argparse

from temporalio.common import WorkflowIDConflictPolicy

from agentkit import AgentPlugin, connect, run_main
from recipes.durable_loop.worker import TASK_QUEUE
from recipes.durable_loop.workflow import AgentWorkflow


async def main() -> None:
    """Start the run if it isn't running yet, wait for it, print the answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", help="the run's id, by which anyone finds it again")
    parser.add_argument("question")
    arguments = parser.parse_args()
    client = await connect(AgentPlugin())
    result = await client.execute_workflow(
        AgentWorkflow.run,
        arguments.question,
        id=arguments.id,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    print(result.text)


if __name__ == "__main__":
    run_main(main())
