"""The reviewer's side: list the requests that wait in a run, and decide on them."""

from __future__ import annotations

import asyncio
import json
import shutil
import unicodedata
import uuid
from collections.abc import Iterator
from textwrap import wrap
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
_MOST_WORDS = 300  # characters of what others say about a call


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
    lines = [f"{request.digest[:12]}  {printable(request.tool)}"]
    lines += _barred(printable(arguments[:most], newlines=True))
    if (more := len(arguments) - most) > 0:
        lines.append(f"… {more:,} more characters: review by the digest to see them")
    for label, words in ("Why:", request.why), ("Asked by:", request.asker):
        cut = f"{words[:_MOST_WORDS]}…" if len(words) > _MOST_WORDS else words
        lines += [label, *_barred(printable(cut))]
    hours = pending.remaining_seconds / 3600
    lines.append(f"{hours:.1f} hours left; may decide: {printable(who)}")
    return "\n".join(lines)


def _barred(text: str) -> Iterator[str]:
    """Begin each line with a bar, also where the terminal would break one."""
    columns = max(20, shutil.get_terminal_size().columns - 2)
    for line in text.split("\n"):
        wide = any(unicodedata.east_asian_width(char) in "WF" for char in line)
        width = columns // 2 if wide else columns
        yield from (f"| {part}" for part in wrap(line, width, drop_whitespace=False) or [""])


async def decide(run: WorkflowHandle[Any, Any], decision: Decision) -> AuditEntry:
    """Send a decision by Update, wait until it counts, and return its audit entry.

    While no worker is up the Update waits for one, and it is lost if this process ends before. To
    leave a decision behind, send a Signal: `run.signal("submit_decision", decision)`.

    Raises:
        DecisionRefused: The decision doesn't count, and nothing of it was recorded. The run may
            have ended.
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
            if err.status == RPCStatusCode.NOT_FOUND and sendings == 1:
                raise DecisionRefused("The run has ended, or there is none of this id.") from None
            # The server drops an Update whose Workflow Task fails, as when an Activity ends in
            # the moment in which the run does, and expects it to be sent again.
            if err.status != RPCStatusCode.FAILED_PRECONDITION or sendings == _SENDINGS:
                raise
        await asyncio.sleep(0.1)
