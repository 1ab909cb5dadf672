"""Review from a terminal: list what waits in a run, then decide by the digest that you saw.

    python -m recipes.approval_gate.review RUN-ID
    python -m recipes.approval_gate.review RUN-ID DIGEST
    python -m recipes.approval_gate.review RUN-ID DIGEST approve|reject NAME [REASON]

A digest alone shows its request whole, however long it is. The first eight characters of the digest
are enough. $APPROVAL_KEY signs the decision.
"""

import argparse
import os
import sys

from agentkit import AgentPlugin, connect, run_main
from agentkit.approvals import Decision, DecisionRefused, decide, pending_approvals, sign
from agentkit.approvals.client import request_as_text


def parse_arguments() -> argparse.Namespace:
    """Read the command line: a digest shows its request, with an answer it decides."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run_id", help="the run's id")
    parser.add_argument("digest", nargs="?", help="of the request that you saw, or its beginning")
    parser.add_argument("answer", nargs="?", choices=["approve", "reject"])
    parser.add_argument("name", nargs="?", help="yours, as a reviewer")
    parser.add_argument("reason", nargs="?", default="", help="Claude reads that of a rejection")
    arguments = parser.parse_args()
    if arguments.answer and not arguments.name:
        parser.error("to decide, give DIGEST, approve or reject, and your NAME")
    if arguments.digest and len(arguments.digest) < 8:
        parser.error("give eight characters of the digest or more")
    return arguments


async def main() -> None:
    """List, show, or decide."""
    arguments = parse_arguments()
    client = await connect(AgentPlugin())
    handle = client.get_workflow_handle(arguments.run_id)
    waiting = await pending_approvals(handle)
    if not arguments.digest:
        for each in waiting:
            print(request_as_text(each))
        return
    found = [each for each in waiting if each.request.digest.startswith(arguments.digest)]
    if len(found) != 1:
        raise SystemExit(f"{len(found)} requests with the digest {arguments.digest}… are waiting.")
    request = found[0].request
    if not arguments.answer:
        print(request_as_text(found[0], most=sys.maxsize))
        return
    decision = Decision(
        request_id=request.id,
        digest=request.digest,
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
