"""Start a run, or re-attach to it by its id, and print where its report is.

It waits for the supervisor as well; decide with `python -m recipes.research_agent.review ID`.
"""

import argparse

from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy

from agentkit import AgentPlugin, connect, run_main
from recipes.research_agent.worker import TASK_QUEUE
from recipes.research_agent.workflow import ResearchAgentWorkflow, ResearchTask


async def main() -> None:
    """Start the run if it isn't running yet, wait for it, print where its report is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", help="the run's id, by which anyone finds it again")
    parser.add_argument("question")
    arguments = parser.parse_args()
    client = await connect(AgentPlugin())
    try:
        result = await client.execute_workflow(
            ResearchAgentWorkflow.run,
            ResearchTask(arguments.question),
            id=arguments.id,
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
    except WorkflowFailureError as err:
        raise SystemExit(f"Failed: {getattr(err.cause, 'cause', None) or err.cause}") from None
    spent = result.spent
    cost = "at an unknown price" if spent.unpriced else f"for {spent.usd:.4f} US dollars"
    print(result.detail)
    print(f"{result.ended}: {spent.turns} calls of Claude {cost}, prompt {result.prompt}")
    if result.ended != "published":
        raise SystemExit(1)


if __name__ == "__main__":
    run_main(main())
