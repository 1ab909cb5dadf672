"""A worker process: `python -m recipes.durable_loop.worker`, as many as you like."""

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from recipes.durable_loop.tools import TOOLS
from recipes.durable_loop.workflow import DurableLoop

TASK_QUEUE = "durable-loop"


async def main() -> None:
    """Connect, poll until told to stop, let running Activities end."""
    client = await connect(AgentPlugin(TOOLS))
    await run_until_signalled(Worker(client, task_queue=TASK_QUEUE, workflows=[DurableLoop]))


if __name__ == "__main__":
    run_main(main())
