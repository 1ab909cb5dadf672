"""Start a run, or re-attach to it by its id even after its end, and print where its report is.

It waits for the supervisor as well; decide with `python -m recipes.research_agent.review ID`.
"""

import argparse

from temporalio.client import WorkflowFailureError

from agentkit import AgentPlugin, connect, run_main
from agentkit.client import run_once
from recipes.research_agent.worker import TASK_QUEUE
from recipes.research_agent.workflow import ResearchAgentWorkflow, ResearchTask


async def main() -> None:
    """Start the run if there is none with this id, wait for it, print where its report is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", help="the run's id, by which anyone finds it again")
    parser.add_argument("question")
    arguments = parser.parse_args()
    client = await connect(AgentPlugin())
    try:
        result = await run_once(
            client,
            ResearchAgentWorkflow.run,
            ResearchTask(arguments.question),
            id=arguments.id,
            task_queue=TASK_QUEUE,
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
