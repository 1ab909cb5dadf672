"""Start one run, or re-attach to it: `python -m recipes.structured_retries.start ID "question"`.

A question of `-` is read from standard input; a third argument is a budget in US dollars.
"""

import sys

from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy

from agentkit import AgentPlugin, Budget, connect, run_main
from recipes.structured_retries.worker import TASK_QUEUE
from recipes.structured_retries.workflow import StructuredRetries, Task


async def main() -> None:
    """Start the run if it isn't running yet, wait for it, print how it ended."""
    if len(sys.argv) not in (3, 4):
        raise SystemExit('usage: python -m recipes.structured_retries.start ID "question" [USD]')
    question = sys.stdin.read() if sys.argv[2] == "-" else sys.argv[2]
    usd = float(sys.argv[3]) if len(sys.argv) == 4 else None
    client = await connect(AgentPlugin())
    try:
        outcome = await client.execute_workflow(
            StructuredRetries.run,
            Task(question, Budget(turns=20, usd=usd, seconds=600)),
            id=sys.argv[1],
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
    except WorkflowFailureError as err:
        raise SystemExit(f"Failed: {getattr(err.cause, 'cause', None) or err.cause}") from None
    print(outcome.text)
    if not outcome.answered:
        raise SystemExit(f"No answer ({outcome.ended}). {outcome.detail}")


if __name__ == "__main__":
    run_main(main())
