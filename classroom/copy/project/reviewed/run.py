"""Try the agent on this machine: `make run`, or `.venv/bin/python run.py ["QUESTION" [ID]]`.

What isn't there is started, and stopped at the end: Temporal's development server if Temporal's
address is on this machine and nothing listens there, a stand-in for Claude if there is no key,
and a worker. What waits for a reviewer is asked here. A run that was broken off goes on when it
is given its ID again.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress

from temporalio.service import RPCError

from agentkit import AgentPlugin, connect, run_main
from agentkit.approvals import PendingApproval, pending_approvals
from classroom.copy.project.local.running import Running, running

EXAMPLE = "@EXAMPLE@"
REVIEW = "recipes.approval_gate.review"


async def main() -> None:
    """Start what is missing, start the run, and be its reviewer until it has ended."""
    with running("recipes.approval_gate.worker", EXAMPLE) as this:
        command = [sys.executable, "-m", "recipes.approval_gate.start", this.run_id, this.question]
        start = subprocess.Popen(command, env=this.env)
        try:
            await review(this, start)
        finally:
            start.terminate()
            start.wait()
    raise SystemExit(start.returncode)


async def review(this: Running, start: subprocess.Popen[bytes]) -> None:
    """Look for what waits, until start.py has printed the answer."""
    client = await connect(AgentPlugin())
    run = client.get_workflow_handle(this.run_id)
    while start.poll() is None:
        this.check_worker()
        with suppress(RPCError, asyncio.TimeoutError):  # it hasn't begun, or no worker answers yet
            for waiting in await asyncio.wait_for(pending_approvals(run), 5):
                decide(this, waiting)
        await asyncio.sleep(0.2)


def decide(this: Running, waiting: PendingApproval) -> None:
    """Have review.py show what waits, ask for a decision on it, and have review.py hand it in."""
    command = [sys.executable, "-m", REVIEW, this.run_id]
    subprocess.run(command, env=this.env, check=False)
    name = next(iter(waiting.may_decide), "ann")
    try:
        answer, _, reason = input(f"approve or reject, as {name} [REASON]: ").strip().partition(" ")
    except EOFError:
        raise SystemExit(
            f"\nNobody decides here, and the run waits. It goes on with: make run ID={this.run_id}"
            f"\nWhile a worker runs, a reviewer decides with: {' '.join(command)}"
        ) from None
    command += [waiting.request.digest, answer, name, *filter(None, [reason])]
    subprocess.run(command, env=this.env, check=False)


if __name__ == "__main__":
    run_main(main())
