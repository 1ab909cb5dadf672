"""A worker of `tests.support.gated_talk`, whose gate is carried across continue-as-new."""

from __future__ import annotations

import os

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from agentkit.approvals import FileNotifier
from tests.support.gated_talk import GatedTalk, gated_talk_activities

TASK_QUEUE = "gated-talk"


async def main() -> None:
    """Poll until killed."""
    client = await connect(AgentPlugin())
    activities = gated_talk_activities(FileNotifier(os.environ["APPROVAL_INBOX"]))
    await run_until_signalled(
        Worker(client, task_queue=TASK_QUEUE, workflows=[GatedTalk], activities=activities)
    )


if __name__ == "__main__":
    run_main(main())
