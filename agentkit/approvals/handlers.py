"""Requests that wait for people: how they are made, told, decided on, and how they expire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from agentkit.activity_options import NOTIFY_OPTIONS, VERIFY_OPTIONS
from agentkit.approvals.audit import Audit
from agentkit.approvals.policy import Terms
from agentkit.approvals.requests import (
    AuditEntry,
    Decision,
    Kind,
    Notice,
    read_decision,
)
from agentkit.approvals.signatures import Verify
from agentkit.approvals.waiting import PendingApproval, Waiting
from agentkit.messages import ToolCall


class Inbox:
    """The requests of one Workflow, and the handlers through which people decide on them.

    A `Gate` has one. It answers the Update `decide`, the Signal `submit_decision`, and the
    Queries `pending` and `audit`.

    Args:
        verify: Says whether a decision comes from its reviewer.
        forbids: Says why a call must not run even if a reviewer wants it; None when it may.
        asker: Who asks.
        audit: Where everything is written down.
        waiting: Requests that the run before has made.
    """

    def __init__(
        self,
        verify: Verify,
        forbids: Callable[[ToolCall], str | None],
        asker: str,
        audit: Audit,
        waiting: Sequence[Waiting] = (),
    ) -> None:
        self._verify, self._forbids, self._asker, self._audit = verify, forbids, asker, audit
        self.open = {each.request.id: each for each in waiting}
        self._brought = set(self.open)  # by the run before; no call of this one waits for it yet
        self._notices: set[asyncio.Task[None]] = set()
        self._checks: dict[str, set[int]] = {}  # Signals whose signature is being looked at
        self._signals = 0
        workflow.set_update_handler("decide", self._on_update, validator=self._validate)
        workflow.set_signal_handler("submit_decision", self._on_signal)
        workflow.set_query_handler("pending", self.pending)
        workflow.set_query_handler("audit", lambda: list(audit.entries))
        self._show()

    async def ask(self, call: ToolCall, why: str, terms: Terms) -> tuple[bool, AuditEntry]:
        """Ask for a decision on a call and wait for it, or for the end of its time.

        Args:
            call: The call. If the run before has asked for it, its request goes on as it is.
            why: What reviewers are told.
            terms: How long it may take, and who decides.

        Returns:
            Whether the call may run; and the entry that says who decided so and how.
        """
        waiting = self._bring_back(call)
        if waiting is None:
            waiting = self.open[call.id] = Waiting.begin(call, why, terms, self._asker)
            self._say(waiting, "asked")
            self._show()
        try:
            entry = await self._until_decided(waiting)
        except asyncio.CancelledError:
            self._audit.add("withdrawn", call.id, call.name, "gate", "The run was cancelled.")
            raise
        finally:
            del self.open[call.id]
        self._show()
        may_run = entry.event == "approved" or (
            entry.event == "expired" and waiting.request.on_timeout == "allow"
        )
        return may_run, entry

    def pending(self) -> list[PendingApproval]:
        """List the requests that wait, the oldest first."""
        # Workflow time stands still between two tasks. A Query is never replayed, so it may
        # look at the clock; on a server that skips time, Workflow time is the later one.
        now = max(workflow.now(), datetime.fromtimestamp(time.time(), UTC))
        return [
            PendingApproval(
                each.request,
                max(0.0, (each.request.expires_at - now).total_seconds()),
                each.may_decide,
                list(each.notes),
            )
            for each in self.open.values()
            if each.outcome is None
        ]

    @property
    def at_rest(self) -> bool:
        """Whether no request has been decided on without its call knowing yet."""
        return all(each.outcome is None for each in self.open.values())

    # A request's life

    def _bring_back(self, call: ToolCall) -> Waiting | None:
        """Find the request that the run before has made for this very call."""
        if call.id not in self._brought:
            return None
        self._brought.discard(call.id)
        waiting = self.open[call.id]
        if (waiting.request.tool, waiting.request.arguments) != (call.name, call.input):
            self._audit.add("withdrawn", call.id, call.name, "gate", "The call was changed.")
            return None
        for kind in [kind for kind in waiting.said if kind not in waiting.told]:
            self._tell(waiting, kind)
        return waiting

    async def _until_decided(self, waiting: Waiting) -> AuditEntry:
        request = waiting.request
        for moment, kind in waiting.due():
            # It returns None, decided or not, and raises when the time is up: what counts is
            # the outcome, which may have come in the same Workflow Task as the timer.
            with suppress(asyncio.TimeoutError):
                await workflow.wait_condition(
                    lambda: waiting.outcome is not None,
                    timeout=moment - workflow.now(),
                    timeout_summary=f"{request.tool}: {kind}",
                )
            if waiting.outcome is not None:
                return waiting.outcome
            if kind != "expired":
                self._say(waiting, kind)
        # What came in time counts, though looking at its signature takes longer than that.
        in_time = set(self._checks.get(request.id, ()))
        await workflow.wait_condition(
            lambda: waiting.outcome is not None or not in_time & self._checks.get(request.id, set())
        )
        if waiting.outcome is not None:
            return waiting.outcome
        then = "it may run" if request.on_timeout == "allow" else "it is denied"
        waiting.outcome = self._audit.add(
            "expired",
            request.id,
            request.tool,
            "timeout",
            f"Nobody decided until {request.expires_at:%Y-%m-%d %H:%M:%S} UTC; {then}.",
            request.arguments,
        )
        return waiting.outcome

    # What reviewers are told

    def _say(self, waiting: Waiting, kind: Kind) -> None:
        request = waiting.request
        waiting.said.append(kind)
        to = ", ".join(waiting.audience(kind)) or "any reviewer"
        self._audit.add(
            kind, request.id, request.tool, "gate", f"{request.why} (to {to})", request.arguments
        )
        self._tell(waiting, kind)

    def _tell(self, waiting: Waiting, kind: Kind) -> None:
        # In the background: a notifier that fails or hangs must not hold up the request's timer.
        task = asyncio.create_task(self._deliver(waiting, kind))
        self._notices.add(task)
        task.add_done_callback(self._notices.discard)

    async def _deliver(self, waiting: Waiting, kind: Kind) -> None:
        request = waiting.request
        try:
            await workflow.execute_activity(
                "notify_reviewers", Notice(kind, waiting.audience(kind), request), **NOTIFY_OPTIONS
            )
            waiting.told.append(kind)
        except Exception as err:
            cause = err.cause or err if isinstance(err, ActivityError) else err
            note = f"Reviewers could not be told ({kind}): {cause}"
            waiting.notes.append(note)
            self._audit.add("not notified", request.id, request.tool, "gate", note)
            self._show()

    def _show(self) -> None:
        """Say on the run's page what it waits for."""
        lines = []
        for each in self.open.values():
            if each.outcome is None:
                request = each.request
                until = f"{request.expires_at:%Y-%m-%d %H:%M:%S} UTC"
                lines.append(f"- `{request.tool}` (`{request.id}`) until {until}: {request.why}")
                lines.extend(f"  - {note}" for note in each.notes)
        waiting = "\n".join(["Waiting for a decision on:", *lines])
        workflow.set_current_details(waiting if lines else "No call waits for a decision.")

    # What reviewers decide

    def _refusal(self, decision: Decision, verify: Verify | None) -> str | None:
        """Say in one sentence why a decision doesn't count; None when it does."""
        waiting = self._undecided(decision.request_id)
        if waiting is None:
            return self._audit.why_gone(decision.request_id)
        request = waiting.request
        if decision.digest != request.digest:
            return "The digest is not this request's: look at the request again, then decide."
        # A rejection can't come too late to be safe: until the call runs, it is honoured.
        if decision.answer == "approve" and workflow.now() >= request.expires_at:
            return "The request has expired."
        if waiting.may_decide and decision.reviewer not in waiting.may_decide:
            names = ", ".join(waiting.may_decide)
            return f"{decision.reviewer} may not decide on this request; who may: {names}."
        if decision.arguments is not None:
            why = self._forbids(ToolCall(request.id, request.tool, decision.arguments))
            if why is not None:
                return f"The edited arguments are not allowed: {why}"
        try:
            return verify(decision, request) if verify else None
        except Exception as err:  # its text may tell of a key
            return f"The decision could not be verified ({type(err).__name__})."

    def _undecided(self, request_id: str) -> Waiting | None:
        waiting = self.open.get(request_id)
        return waiting if waiting is not None and waiting.outcome is None else None

    def _decide(self, decision: Decision) -> AuditEntry:
        waiting = self.open[decision.request_id]
        request = waiting.request
        waiting.outcome = self._audit.add(
            "approved" if decision.answer == "approve" else "rejected",
            request.id,
            request.tool,
            decision.reviewer,
            decision.reason,
            request.arguments,
            decision,
        )
        self._show()
        return waiting.outcome

    def _validate(self, value: object = None) -> None:
        # Runs before anything is recorded, and never on replay.
        try:
            refusal = self._refusal(read_decision(value), self._verify)
        except ValueError as err:
            refusal = str(err)
        if refusal is not None:
            raise ApplicationError(refusal, type="DecisionRefused", non_retryable=True)

    async def _on_update(self, value: object = None) -> AuditEntry:
        # The validator has accepted it in this very step, and on replay the history says so.
        return self._decide(read_decision(value))

    async def _on_signal(self, value: object = None, *_: object) -> None:
        # Whatever was sent: an exception here would stop the whole run.
        decision = None
        try:
            decision = read_decision(value)
            refusal = self._refusal(decision, None)
            if refusal is None:
                refusal = await self._verified(decision)
            if refusal is None and self._undecided(decision.request_id) is None:
                refusal = self._audit.why_gone(decision.request_id)  # somebody was quicker
        except ValueError as err:
            refusal = str(err)
        if refusal is None and decision is not None:
            self._decide(decision)
            return
        self._audit.add(
            "refused",
            decision.request_id if decision else "",
            "",
            decision.reviewer if decision else "unknown",
            refusal or "",
            decision=decision,
        )

    async def _verified(self, decision: Decision) -> str | None:
        request = self.open[decision.request_id].request
        self._signals += 1
        number, checks = self._signals, self._checks.setdefault(request.id, set())
        checks.add(number)
        try:
            # An Activity, although it computes only: keys change, and a replay must hear the
            # answer that was given then.
            refusal: str | None = await workflow.execute_activity(
                "verify_decision", args=[decision, request], **VERIFY_OPTIONS
            )
        except ActivityError as err:
            return f"The decision could not be verified ({err.cause or err})."
        finally:
            checks.discard(number)
        return refusal
