"""Review from a terminal: list what waits in a run, then decide by the digest that you saw.

    python -m recipes.approval_gate.review RUN-ID
    python -m recipes.approval_gate.review RUN-ID DIGEST approve|reject NAME [REASON]

The digest's first eight characters or more will do. $APPROVAL_KEY signs the decision.
"""

import json
import os
import sys

from agentkit import AgentPlugin, connect, run_main
from agentkit.approvals import (
    DecisionRefused,
    PendingApproval,
    decide,
    pending_approvals,
    read_decision,
    sign,
)


def show(waiting: PendingApproval) -> None:
    """Print what the reviewer needs to know."""
    request, hours = waiting.request, waiting.remaining_seconds / 3600
    print(f"{request.digest[:12]}  {request.tool}({json.dumps(request.arguments)})")
    print(f"  {request.why}; asked by {request.asker}")
    print(f"  {hours:.1f} hours left; may decide: {', '.join(waiting.may_decide) or 'anyone'}")


async def main() -> None:
    """List, or decide."""
    arguments = sys.argv[1:]
    if len(arguments) not in (1, 4, 5) or (len(arguments) > 1 and len(arguments[1]) < 8):
        raise SystemExit(__doc__)
    client = await connect(AgentPlugin())
    run = client.get_workflow_handle(arguments[0])
    waiting = await pending_approvals(run)
    if len(arguments) == 1:
        for each in waiting:
            show(each)
        return
    digest, answer, name, *reason = arguments[1:]
    seen = [w.request for w in waiting if w.request.digest.startswith(digest)]
    if len(seen) != 1:
        raise SystemExit(f"{len(seen)} requests with the digest {digest}… are waiting.")
    fields = {"request_id": seen[0].id, "digest": seen[0].digest, "answer": answer}
    key = os.environ.get("APPROVAL_KEY")
    try:
        decision = read_decision({**fields, "reviewer": name, "reason": " ".join(reason)})
        entry = await decide(run, sign(decision, key.encode()) if key else decision)
    except (DecisionRefused, ValueError) as err:
        raise SystemExit(str(err)) from None
    print(f"{entry.event} by {entry.by}")


if __name__ == "__main__":
    run_main(main())
