"""A worker process: `python -m recipes.versioned_prompts.worker`, as many as you like."""

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from recipes.versioned_prompts.activities import activities
from recipes.versioned_prompts.tools import TOOLS
from recipes.versioned_prompts.workflow import VersionedPrompts

TASK_QUEUE = "versioned-prompts"


async def main() -> None:
    """Connect, poll until told to stop, let running Activities end."""
    client = await connect(AgentPlugin(TOOLS))
    worker = Worker(
        client, task_queue=TASK_QUEUE, workflows=[VersionedPrompts], activities=activities()
    )
    await run_until_signalled(worker)


if __name__ == "__main__":
    run_main(main())
