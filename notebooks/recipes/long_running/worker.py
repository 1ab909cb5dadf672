"""A worker process: `python -m recipes.long_running.worker`, as many as you like."""

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from agentkit.transcript import TranscriptPlugin
from recipes.long_running.activities import hand_in
from recipes.long_running.tools import TOOLS
from recipes.long_running.workflow import LongRunning

TASK_QUEUE = "long-running"


async def main() -> None:
    """Connect, poll until told to stop, let running Activities end."""
    client = await connect(AgentPlugin(TOOLS), TranscriptPlugin())
    await run_until_signalled(
        Worker(client, task_queue=TASK_QUEUE, workflows=[LongRunning], activities=[hand_in])
    )


if __name__ == "__main__":
    run_main(main())
