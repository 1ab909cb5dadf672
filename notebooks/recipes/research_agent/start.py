"""Start a run, or re-attach to it: `python -m recipes.research_agent.start ID "question"`.

It waits for the supervisor as well; decide with `python -m recipes.research_agent.review ID`.
"""

import sys

from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy

from agentkit import AgentPlugin, connect, run_main
from recipes.research_agent.task import Task
from recipes.research_agent.worker import TASK_QUEUE
from recipes.research_agent.workflow import ResearchAgent


async def main() -> None:
    """Start the run if it isn't running yet, wait for it, say where its report is."""
    if len(sys.argv) != 3:
        raise SystemExit('usage: python -m recipes.research_agent.start ID "question"')
    client = await connect(AgentPlugin())
    try:
        outcome = await client.execute_workflow(
            ResearchAgent.run,
            Task(sys.argv[2]),
            id=sys.argv[1],
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
    except WorkflowFailureError as err:
        raise SystemExit(f"Failed: {getattr(err.cause, 'cause', None) or err.cause}") from None
    spent = outcome.spent
    cost = "at an unknown price" if spent.unpriced else f"for {spent.usd:.4f} US dollars"
    print(outcome.detail)
    print(f"{outcome.ended}: {spent.turns} calls of Claude {cost}, prompt {outcome.prompt}")
    if outcome.ended != "published":
        raise SystemExit(1)


if __name__ == "__main__":
    run_main(main())
