"""Start one run, or re-attach to it: `python -m recipes.versioned_prompts.start ID "question"`."""

import sys

from temporalio.common import WorkflowIDConflictPolicy

from agentkit import AgentPlugin, connect, run_main
from recipes.versioned_prompts.worker import TASK_QUEUE
from recipes.versioned_prompts.workflow import VersionedPrompts


async def main() -> None:
    """Start the run if it isn't running yet, wait for it, print the answer."""
    if len(sys.argv) != 3:
        raise SystemExit('usage: python -m recipes.versioned_prompts.start ID "question"')
    client = await connect(AgentPlugin())
    answer = await client.execute_workflow(
        VersionedPrompts.run,
        sys.argv[2],
        id=sys.argv[1],
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    print(answer.text)


if __name__ == "__main__":
    run_main(main())
