"""Start a run with a budget, or re-attach to it by its id, and print how it ended."""

import argparse
import sys

from temporalio.client import WorkflowFailureError

from agentkit import AgentPlugin, Budget, connect, run_main
from agentkit.client import run_once
from recipes.structured_retries.worker import TASK_QUEUE
from recipes.structured_retries.workflow import RetryingAgentWorkflow, SupportTask


async def main() -> None:
    """Start the run if there is none with this id, wait for it, print how it ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("id", help="the run's id, by which anyone finds it again")
    parser.add_argument("question", help="the question; - reads it from standard input")
    parser.add_argument("usd", nargs="?", type=float, help="a budget in US dollars")
    arguments = parser.parse_args()
    question = sys.stdin.read() if arguments.question == "-" else arguments.question
    client = await connect(AgentPlugin())
    try:
        outcome = await run_once(
            client,
            RetryingAgentWorkflow.run,
            SupportTask(question, Budget(turns=20, usd=arguments.usd, seconds=600)),
            id=arguments.id,
            task_queue=TASK_QUEUE,
        )
    except WorkflowFailureError as err:
        raise SystemExit(f"Failed: {getattr(err.cause, 'cause', None) or err.cause}") from None
    print(outcome.text)
    if not outcome.answered:
        raise SystemExit(f"No answer ({outcome.ended}). {outcome.detail}")


if __name__ == "__main__":
    run_main(main())
