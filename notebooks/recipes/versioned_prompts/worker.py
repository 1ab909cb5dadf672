"""A worker process; run as many as you like."""

import logging

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from recipes.versioned_prompts.activities import ACTIVITIES
from recipes.versioned_prompts.workflow import VersionedPromptsWorkflow

TASK_QUEUE = "versioned-prompts"


async def main() -> None:
    """Connect, poll until a signal says stop, let running Activities end."""
    logging.basicConfig(level=logging.INFO)
    client = await connect(AgentPlugin())
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[VersionedPromptsWorkflow],
        activities=ACTIVITIES,
    )
    logging.info("Worker started on task queue %s", TASK_QUEUE)
    await run_until_signalled(worker)


if __name__ == "__main__":
    run_main(main())
