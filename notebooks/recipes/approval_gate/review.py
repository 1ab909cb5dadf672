"""Review from a terminal: list what waits in a run, then decide by the digest that you saw.

    python -m recipes.approval_gate.review RUN-ID
    python -m recipes.approval_gate.review RUN-ID DIGEST approve|reject NAME [REASON]

The first eight characters of the digest are enough. $APPROVAL_KEY signs the decision.
"""

import argparse
import json
import os

from agentkit import AgentPlugin, connect, run_main
from agentkit.approvals import Decision, DecisionRefused, decide, pending_approvals, sign
from agentkit.approvals.requests import Pending


def parse_arguments() -> argparse.Namespace:
    """Read the command line: a run alone lists, a digest and an answer decide."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run_id", help="the run's id")
    parser.add_argument("digest", nargs="?", help="of the request that you saw, or its beginning")
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
    """Print what the reviewer needs to know."""
    request, hours = pending.request, pending.remaining_seconds / 3600
    print(f"{request.digest[:12]}  {request.tool}({json.dumps(request.arguments)})")
    print(f"  {request.why}; asked by {request.asker}")
    print(f"  {hours:.1f} hours left; may decide: {', '.join(pending.may_decide) or 'anyone'}")


async def main() -> None:
    """List, or decide."""
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
        raise SystemExit(
            f"{len(requests)} requests with the digest {arguments.digest}… are waiting."
        )
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
