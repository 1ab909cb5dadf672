"""A worker process: `python -m recipes.parallel_tools.worker`, as many as you like."""

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from recipes.parallel_tools.tools import TOOLS
from recipes.parallel_tools.workflow import ParallelTools

TASK_QUEUE = "parallel-tools"


async def main() -> None:
    """Connect, poll until told to stop, let running Activities end."""
    client = await connect(AgentPlugin(TOOLS))
    await run_until_signalled(Worker(client, task_queue=TASK_QUEUE, workflows=[ParallelTools]))


if __name__ == "__main__":
    run_main(main())
