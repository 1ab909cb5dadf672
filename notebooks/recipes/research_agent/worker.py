"""A worker process; run as many as you like."""

import logging

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from recipes.research_agent.activities import ACTIVITIES, KEYS
from recipes.research_agent.workflow import ResearchAgentWorkflow

TASK_QUEUE = "research-agent"


async def main() -> None:
    """Connect, poll until a signal says stop, let running Activities end."""
    logging.basicConfig(level=logging.INFO)
    client = await connect(AgentPlugin())
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[ResearchAgentWorkflow],
        activities=ACTIVITIES,
    )
    if not KEYS:
        logging.warning("APPROVAL_KEYS isn't set: anyone who reaches the server can approve.")
    logging.info("Worker started on task queue %s", TASK_QUEUE)
    await run_until_signalled(worker)


if __name__ == "__main__":
    run_main(main())
