"""A worker process: `python -m recipes.approval_gate.worker`, as many as you like."""

from temporalio.worker import Worker

from agentkit import AgentPlugin, connect, run_main, run_until_signalled
from agentkit.approvals import approval_activities
from recipes.approval_gate.activities import KEYS, NOTIFIER, VERIFY
from recipes.approval_gate.tools import TOOLS
from recipes.approval_gate.workflow import ApprovalGate

TASK_QUEUE = "approval-gate"


async def main() -> None:
    """Connect, poll until told to stop, let running Activities end."""
    if not KEYS:
        print("APPROVAL_KEYS is not set: whoever reaches the server can approve in any name.")
    client = await connect(AgentPlugin(TOOLS))
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[ApprovalGate],
        activities=approval_activities(NOTIFIER, VERIFY),
    )
    await run_until_signalled(worker)


if __name__ == "__main__":
    run_main(main())
