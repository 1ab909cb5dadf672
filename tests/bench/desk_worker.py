"""A worker process of agentkit's loop: `python -m tests.bench.desk_worker`."""

from __future__ import annotations

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from tests.bench.desk import Desk
from tests.bench.tasks import TOOLS


async def main() -> None:
    """Poll, as a recipe's worker does."""
    client = await connect(AgentPlugin(TOOLS))
    await run_until_signalled(Worker(client, task_queue="agentkit", workflows=[Desk]))


if __name__ == "__main__":
    run_main(main())
