"""A reviewer who decides on what waits, after a forger has tried."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from tests.crash.campaign.scenarios import Reviewing

EDITED_AMOUNT = 12.5
"""What the reviewer changes a refund to."""

Moment = Callable[[str], Awaitable[None]]


async def review(
    run: WorkflowHandle[Any, Any], how: Reviewing, note: dict[str, Any], moment: Moment
) -> None:
    """Wait for a request, forge a decision, decide, and send the decision again.

    Args:
        run: The run.
        how: By "update" with an edited amount, by "signal" as it was asked for; or "reject", by an
            Update too.
        note: Gets the request, the decision, and which forged decisions were accepted.
        moment: Is awaited when a request is "pending", and when it has just been "decided".
    """
    request = await _pending(run)
    note.update(request=request, accepted=[])
    await moment("pending")
    fields = {"request_id": request["call"]["id"], "reviewer": "ann", "answer": "approve"}
    forged = {**fields, "digest": "0" * 64}
    decision = {**fields, "digest": request["digest"]}
    if how == "reject":
        decision |= {"answer": "reject", "reason": "The customer has called it off."}
        note["decision"] = decision
        await _update(run, decision)
        await moment("decided")
        if await _update(run, {**decision, "answer": "approve"}):
            note["accepted"].append("an approval of what was rejected")
    elif how == "update":
        arguments = {**request["call"]["input"], "amount": EDITED_AMOUNT}
        decision["arguments"] = arguments
        note["decision"] = decision
        if await _update(run, forged):
            note["accepted"].append("a digest of nothing")
        if not await _update(run, decision):
            note["refused"] = True
        await moment("decided")
        if await _update(run, {**decision, "arguments": {**arguments, "amount": 13.5}}):
            note["accepted"].append("a second decision")
    else:
        note["decision"] = decision
        for each in (forged, decision, decision):
            await _persistently(partial(run.signal, "submit_decision", each))
        await moment("decided")


async def _pending(run: WorkflowHandle[Any, Any]) -> dict[str, Any]:
    while True:
        waiting = await _persistently(lambda: run.query("pending"))
        if waiting:
            request: dict[str, Any] = waiting[0]["request"]
            return request
        await asyncio.sleep(0.05)


async def _update(run: WorkflowHandle[Any, Any], decision: dict[str, Any]) -> bool:
    """Send a decision until the gate accepts or refuses it; a killed server loses Updates."""
    sent = 0
    while True:
        sent += 1
        try:
            await asyncio.wait_for(run.execute_update("decide", decision), 15)
        except WorkflowUpdateFailedError:
            # What was accepted, and its answer lost, is refused when it is sent again.
            return sent > 1 and await _is_recorded(run, decision)
        except (RPCError, TimeoutError) as err:
            if isinstance(err, RPCError) and err.status == RPCStatusCode.NOT_FOUND:
                return await _is_recorded(run, decision)
            await asyncio.sleep(0.1)
        else:
            return True


async def _is_recorded(run: WorkflowHandle[Any, Any], decision: dict[str, Any]) -> bool:
    audit = await _persistently(lambda: run.query("audit"))
    found = [each["decision"] for each in audit if each["event"] in ("approved", "rejected")]
    return any(
        (each["digest"], each["answer"]) == (decision["digest"], decision["answer"])
        and each["arguments"] == decision.get("arguments")
        for each in found
    )


async def _persistently(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until there is an answer: worker and server may be down."""
    while True:
        try:
            return await asyncio.wait_for(ask(), 5)
        except (RPCError, TimeoutError) as err:
            if isinstance(err, RPCError) and err.status == RPCStatusCode.NOT_FOUND:
                return None
            await asyncio.sleep(0.1)
