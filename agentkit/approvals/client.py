"""The reviewer's side: list the requests that wait in a run, and decide on them."""

from __future__ import annotations

import asyncio
import json
import shutil
import unicodedata
import uuid
from collections.abc import Iterator
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from agentkit.approvals.audit import AuditEntry
from agentkit.approvals.decisions import Decision
from agentkit.approvals.gate import Gated
from agentkit.approvals.requests import Pending
from agentkit.messages import printable

_SENDINGS = 20
_MOST_WORDS = 300


class DecisionRefused(Exception):
    """A decision that doesn't count; the message says why in one sentence."""


async def pending_approvals(run: WorkflowHandle[Any, Any]) -> list[Pending]:
    """List the requests that wait in a run, the oldest first; one of its workers must be up."""
    return await run.query(Gated.pending)


async def read_audit(run: WorkflowHandle[Any, Any]) -> list[AuditEntry]:
    """Read the audit of a run, also of one that has ended; one of its workers must be up."""
    return await run.query(Gated.audit)


def request_as_text(pending: Pending, most: int = 10_000) -> str:
    """Write down for a terminal what a reviewer decides on: arguments first, then why and who asks.

    Words from outside begin with a bar in each line, wherever the terminal breaks them, so that
    none of them looks like a line of ours.

    Args:
        pending: The request.
        most: Characters of its arguments to show; of longer ones the rest is counted.
    """
    request, who = pending.request, ", ".join(pending.may_decide) or "anyone"
    arguments = json.dumps(request.arguments, indent=2, ensure_ascii=False)
    lines = [
        f"{request.digest[:12]}  {printable(request.tool)}",
        *_barred(arguments, most, newlines=True),
        "Why:",
        *_barred(request.why, _MOST_WORDS),
        "Asked by:",
        *_barred(request.asker, _MOST_WORDS),
        f"{pending.remaining_seconds / 3600:.1f} hours left; may decide: {printable(who)}",
    ]
    return "\n".join(lines)


def _barred(text: str, most: int, *, newlines: bool = False) -> Iterator[str]:
    columns = max(20, shutil.get_terminal_size().columns - 2)
    for line in printable(text[:most], newlines=newlines).split("\n"):
        wide = any(unicodedata.east_asian_width(char) in "WFA" for char in line)
        step = columns // 2 if wide else columns
        yield from (f"| {line[at : at + step]}" for at in range(0, len(line) or 1, step))
    if len(text) > most:
        yield f"… {len(text) - most:,} more characters: review by the digest to see them"


async def decide(run: WorkflowHandle[Any, Any], decision: Decision) -> AuditEntry:
    """Send a decision by Update, wait until it counts, and return its audit entry.

    While no worker is up the Update waits for one, and it is lost if this process ends before. To
    leave a decision behind, send a Signal: `run.signal("submit_decision", decision)`.

    Raises:
        DecisionRefused: The decision doesn't count, and nothing of it was recorded.
    """
    update_id = str(uuid.uuid4())  # one id for all sendings, so that the decision counts once
    sendings = 0
    while True:
        sendings += 1
        try:
            return await run.execute_update(Gated.decide, decision, id=update_id)
        except WorkflowUpdateFailedError as err:
            cause = err.cause
            why = cause.message if isinstance(cause, ApplicationError) else str(cause)
            raise DecisionRefused(printable(why)) from None  # it quotes other reviewers
        except RPCError as err:
            # The server drops an Update whose Workflow Task fails, as when an Activity ends in
            # the moment in which the run does, and expects it to be sent again.
            if err.status != RPCStatusCode.FAILED_PRECONDITION or sendings == _SENDINGS:
                raise
        await asyncio.sleep(0.1)
