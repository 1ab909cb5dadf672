"""The supervisor's side: read the draft that waits in a run, then decide by its digest.

    python -m recipes.research_agent.review RUN-ID
    python -m recipes.research_agent.review RUN-ID DIGEST approve|reject NAME [REASON]

The first eight characters of the digest are enough. $APPROVAL_KEY signs the decision.
"""

import argparse
import os

import pydantic

from agentkit import AgentPlugin, connect, run_main
from agentkit.approvals import Decision, DecisionRefused, decide, pending_approvals, sign
from agentkit.approvals.requests import Pending
from recipes.research_agent.report import Report, to_markdown

REPORT = pydantic.TypeAdapter(Report)


def parse_arguments() -> argparse.Namespace:
    """Read the command line: a run alone shows its draft, a digest and an answer decide."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run_id", help="the run's id")
    parser.add_argument("digest", nargs="?", help="of the draft that you saw, or its beginning")
    parser.add_argument("answer", nargs="?", choices=["approve", "reject"])
    parser.add_argument("name", nargs="?", help="yours, as a reviewer")
    parser.add_argument("reason", nargs="?", default="", help="Claude reads that of a rejection")
    arguments = parser.parse_args()
    if arguments.digest and not arguments.name:
        parser.error("to decide, give DIGEST, approve or reject, and your NAME")
    if arguments.digest and len(arguments.digest) < 8:
        parser.error("give eight characters of the digest or more")
    return arguments


def show(pending: Pending) -> None:
    """Print the draft as the report that it would be, and its digest."""
    print(to_markdown(REPORT.validate_python(pending.request.arguments)))
    hours, who = pending.remaining_seconds / 3600, ", ".join(pending.may_decide)
    print(f"{pending.request.digest[:12]}  {hours:.1f} hours left; may decide: {who}")


async def main() -> None:
    """Show what waits, or decide on it."""
    arguments = parse_arguments()
    client = await connect(AgentPlugin())
    handle = client.get_workflow_handle(arguments.run_id)
    waiting = await pending_approvals(handle)
    if not arguments.digest:
        for pending in waiting:
            show(pending)
        return
    requests = [p.request for p in waiting if p.request.digest.startswith(arguments.digest)]
    if len(requests) != 1:
        raise SystemExit(f"{len(requests)} drafts with the digest {arguments.digest}… are waiting.")
    decision = Decision(
        request_id=requests[0].id,
        digest=requests[0].digest,
        answer=arguments.answer,
        reviewer=arguments.name,
        reason=arguments.reason,
    )
    if key := os.environ.get("APPROVAL_KEY"):
        decision = sign(decision, key.encode())
    try:
        entry = await decide(handle, decision)
    except DecisionRefused as err:
        raise SystemExit(str(err)) from None
    print(f"{entry.event} by {entry.by}")


if __name__ == "__main__":
    run_main(main())
