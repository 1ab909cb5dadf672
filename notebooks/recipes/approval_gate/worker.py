"""A worker process; run as many as you like."""

import logging

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from agentkit.approvals.decisions import require_keys
from recipes.approval_gate.activities import ACTIVITIES, VERIFY
from recipes.approval_gate.workflow import ApprovalGateWorkflow

TASK_QUEUE = "approval-gate"


async def main() -> None:
    """Connect, poll until a signal says stop, let running Activities end."""
    logging.basicConfig(level=logging.INFO)
    client = await connect(AgentPlugin())
    require_keys(VERIFY, client)
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[ApprovalGateWorkflow],
        activities=ACTIVITIES,
    )
    logging.info("Worker started on task queue %s", TASK_QUEUE)
    await run_until_signalled(worker)


if __name__ == "__main__":
    run_main(main())
