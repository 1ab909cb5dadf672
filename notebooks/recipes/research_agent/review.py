"""The supervisor's side: read the draft that waits in a run, then decide by its digest.

    python -m recipes.research_agent.review RUN-ID
    python -m recipes.research_agent.review RUN-ID DIGEST approve|reject NAME [REASON]

The digest's first eight characters or more will do. $APPROVAL_KEY signs the decision.
"""

import os
import sys

import pydantic

from agentkit import AgentPlugin, connect, run_main
from agentkit.approvals import DecisionRefused, decide, pending_approvals, read_decision, sign
from recipes.research_agent.markdown import to_markdown
from recipes.research_agent.report import Report

REPORT = pydantic.TypeAdapter(Report)


async def main() -> None:
    """Show what waits, or decide on it."""
    arguments = sys.argv[1:]
    if len(arguments) not in (1, 4, 5) or (len(arguments) > 1 and len(arguments[1]) < 8):
        raise SystemExit(__doc__)
    client = await connect(AgentPlugin())
    run = client.get_workflow_handle(arguments[0])
    waiting = await pending_approvals(run)
    if len(arguments) == 1:
        for each in waiting:
            print(to_markdown(REPORT.validate_python(each.request.arguments)))
            hours, who = each.remaining_seconds / 3600, ", ".join(each.may_decide)
            print(f"{each.request.digest[:12]}  {hours:.1f} hours left; may decide: {who}")
        return
    digest, answer, name, *reason = arguments[1:]
    seen = [w.request for w in waiting if w.request.digest.startswith(digest)]
    if len(seen) != 1:
        raise SystemExit(f"{len(seen)} drafts with the digest {digest}… are waiting.")
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
