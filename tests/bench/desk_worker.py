"""A worker process of agentkit's loop: `python -m tests.bench.desk_worker`."""

from __future__ import annotations

from temporalio.worker import Worker

from agentkit import (
    AgentPlugin,
    claude_activity,
    connect,
    run_main,
    run_until_signalled,
    tool_activity,
)
from tests.bench.desk import Desk
from tests.bench.tasks import SYSTEM, TOOLS

ACTIVITIES = [claude_activity(SYSTEM, TOOLS), tool_activity(TOOLS)]


async def main() -> None:
    """Poll, as a recipe's worker does."""
    client = await connect(AgentPlugin())
    await run_until_signalled(
        Worker(client, task_queue="agentkit", workflows=[Desk], activities=ACTIVITIES)
    )


if __name__ == "__main__":
    run_main(main())
