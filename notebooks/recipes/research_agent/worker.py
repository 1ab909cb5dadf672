"""A worker process: `python -m recipes.research_agent.worker`, as many as you like."""

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from recipes.research_agent.activities import KEYS, activities
from recipes.research_agent.tools import TOOLS
from recipes.research_agent.workflow import ResearchAgent

TASK_QUEUE = "research-agent"


async def main() -> None:
    """Connect, poll until told to stop, let running Activities end."""
    if not KEYS:
        print("APPROVAL_KEYS is not set: whoever reaches the server can approve in any name.")
    client = await connect(AgentPlugin(TOOLS))
    worker = Worker(
        client, task_queue=TASK_QUEUE, workflows=[ResearchAgent], activities=activities()
    )
    await run_until_signalled(worker)


if __name__ == "__main__":
    run_main(main())
