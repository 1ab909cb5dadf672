"""A worker of the approval gate that sends itself SIGKILL before or after its first refund.

`python dying_gate_worker.py before|after`: the approval is recorded, and the money moves once.
"""

from __future__ import annotations

import sys

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from agentkit.approvals import approval_activities
from recipes.approval_gate.activities import NOTIFIER, VERIFY
from recipes.approval_gate.tools import TOOLS
from recipes.approval_gate.worker import TASK_QUEUE
from recipes.approval_gate.workflow import ApprovalGate
from tests.crash.dying_worker import Dying


async def main() -> None:
    """Poll until the refund is reached."""
    client = await connect(AgentPlugin(TOOLS))
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[ApprovalGate],
        activities=approval_activities(NOTIFIER, VERIFY),
        interceptors=[Dying(sys.argv[1], "tool.refund", 1)],
    )
    await run_until_signalled(worker)


if __name__ == "__main__":
    run_main(main())
