"""A worker process: `python -m recipes.structured_retries.worker`, as many as you like."""

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from recipes.structured_retries.tools import TOOLS
from recipes.structured_retries.workflow import StructuredRetries

TASK_QUEUE = "structured-retries"


async def main() -> None:
    """Connect, poll until told to stop, let running Activities end."""
    client = await connect(AgentPlugin(TOOLS))
    await run_until_signalled(Worker(client, task_queue=TASK_QUEUE, workflows=[StructuredRetries]))


if __name__ == "__main__":
    run_main(main())
