"""The gate between the calls that Claude makes and their effects.

No call runs unless the policy, a reviewer or the terms of a timeout let it. A decision counts once,
and for exactly what its reviewer saw. A call that needn't wait doesn't.
"""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from temporalio import workflow

from agentkit.approvals import notify
from agentkit.approvals.audit import Audit, AuditEntry
from agentkit.approvals.decisions import Decision, Verify, read_decision, refusal
from agentkit.approvals.policy import (
    NoVerdict,
    Policy,
    Terms,
    Verdict,
    effects_need_approval,
    judge,
    needs_approval,
)
from agentkit.approvals.requests import ApprovalRequest, Notice, NoticeKind, Pending, digest_of
from agentkit.messages import ToolCall, Verbatim, tool_result
from agentkit.tool_dispatch import run_tool, together
from agentkit.tools import AnyTool

if TYPE_CHECKING:
    from anthropic.types import ToolResultBlockParam

    ToolResult: TypeAlias = ToolResultBlockParam
else:
    ToolResult = dict


@dataclass(frozen=True)
class GateState:
    """A Gate's memory, for the next run when its Workflow continues as new.

    `results` are those of other calls of the same message, which have run already.
    """

    pending: list[Pending] = field(default_factory=list)
    results: Verbatim[dict[str, ToolResult]] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)


class Gate:
    """Runs tool calls, and holds back those that a person must decide on.

    Its Workflow must be `Gated`, and its worker needs `approval_activities`.

    Args:
        tools: The tools that may run; a call of any other is refused.
        policy: Judges each call; `effects_need_approval` by default.
        verify: Tells whether a decision is its reviewer's: `trust_names` believes every name,
            `signed_by(keys)` checks signatures.
        terms: Terms of requests whose verdict has none of its own.
        asker: Who asks, for reviewers to read; the Workflow's type by default.
        state: The `state()` of the run before, after continue-as-new.
    """

    def __init__(
        self,
        tools: Sequence[AnyTool],
        policy: Policy = effects_need_approval,
        *,
        verify: Verify,
        terms: Terms | None = None,
        asker: str = "",
        state: GateState | None = None,
    ) -> None:
        state = state or GateState()
        self._tools = {tool.name: tool for tool in tools}
        self._policy = policy
        self.verify = verify
        self._terms = terms or Terms()
        self._asker = asker or workflow.info().workflow_type
        self._audit = Audit(state.audit)
        self._pending = {each.request.id: each for each in state.pending}
        self._carried = set(self._pending)  # by the run before; no call waits for them yet
        self._decided: dict[str, AuditEntry] = {}  # and the waiting call hasn't noticed yet
        self._results = dict(state.results)
        self._under_way: set[str] = set()
        self._running: set[str] = set()
        self._checks: dict[object, str] = {}  # Signals being verified, and their requests
        self._show()

    # Running calls

    async def run(self, call: ToolCall) -> ToolResult:
        """Run one call; see `run_all`."""
        return (await self.run_all([call]))[0]

    async def run_all(self, calls: Sequence[ToolCall]) -> list[ToolResult]:
        """Judge each call and run what may run; calls that wait don't hold up others.

        Args:
            calls: The calls that Claude makes; names and arguments may be wrong.

        Returns:
            One result per call, in the order asked. A call that was denied, rejected or never
            decided on has a result with `is_error` that says so.
        """
        mine: dict[str, ToolCall] = {}
        for call in calls:
            if call.id not in self._under_way:
                self._under_way.add(call.id)
                mine[call.id] = call
        found = await together(*(self._result(call) for call in mine.values()))
        results = dict(zip(mine, found, strict=True))
        for id in mine:
            self._under_way.discard(id)
            self._results.pop(id, None)
        twice = "Another call has the id {} too; give each its own."
        return [
            results[call.id] if mine.get(call.id) is call else _error(call, twice.format(call.id))
            for call in calls
        ]

    async def finished(self) -> list[AuditEntry]:
        """Wait for decisions that have arrived, before the Workflow ends; return the audit."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.audit()

    @property
    def at_rest(self) -> bool:
        """Whether all calls under way wait for people, so that the Workflow may continue as new.

        The next run makes its Gate from `state()` and calls `run_all` with the same calls. It also
        sends again what wasn't delivered, so a notifier that hangs doesn't hold up this run.

        Example:
            ```python
            running = asyncio.create_task(self.gate.run_all(calls))
            await workflow.wait_condition(
                lambda: running.done() or (suggested() and self.gate.at_rest)
            )
            if not running.done():
                workflow.continue_as_new(args=[calls, self.gate.state()])
            ```
        """
        return not self._running and not self._decided and workflow.all_handlers_finished()

    def state(self) -> GateState:
        """Return what the next run's Gate needs to know; only while `at_rest`."""
        return GateState(list(self._pending.values()), dict(self._results), self.audit())

    async def _result(self, call: ToolCall) -> ToolResult:
        if call.id not in self._results:  # else it ran before continue-as-new
            self._results[call.id] = await self._judge_and_run(call)
        return self._results[call.id]

    async def _judge_and_run(self, call: ToolCall) -> ToolResult:
        tool = self._tools.get(call.name)
        if tool is None:
            # Not left to run_tool: the worker may have tools that this Workflow doesn't offer.
            known = ", ".join(sorted(self._tools)) or "none"
            return _error(call, f"There is no tool {call.name!r}. Tools: {known}.")
        if not isinstance(call.input, dict):
            return _error(call, f"Invalid arguments for {call.name}: not a JSON object.")
        pending = self._carried_request(call)
        if pending is None:
            try:
                verdict = judge(self._policy, call, tool)
            except NoVerdict as err:
                verdict = needs_approval(f"The policy can't judge this call ({err}).")
            if verdict.action == "deny":
                self._audit.add("denied", call, by="policy", note=verdict.reason)
                return _error(call, f"Not allowed: {verdict.reason}")
            if verdict.action == "allow":
                if tool.effect != "none":
                    self._audit.add("allowed", call, by="policy", note=verdict.reason)
                return await self._execute(call)
            pending = self._request(call, verdict)
        entry = await self._until_decided(pending)
        self._show()
        lapsed = entry.event == "expired" and pending.request.terms.on_timeout == "allow"
        if entry.event == "approved" or lapsed:
            return await self._execute_decided(call, entry.decision)
        how = "A reviewer rejected it" if entry.event == "rejected" else "Nobody approved it"
        return _error(call, f"Not run. {how}: {entry.note or 'no reason was given.'}")

    async def _execute(self, call: ToolCall) -> ToolResult:
        self._running.add(call.id)
        try:
            return await run_tool(call, tuple(self._tools.values()))
        finally:
            self._running.discard(call.id)

    async def _execute_decided(self, call: ToolCall, decision: Decision | None) -> ToolResult:
        edited = decision.arguments if decision else None
        result = await self._execute(call if edited is None else replace(call, input=edited))
        failed = bool(result.get("is_error"))
        self._audit.add("failed" if failed else "ran", call, by=call.name, note=_text(result)[:500])
        return result if edited in (None, call.input) else _with_note(result, edited)

    # Requests that wait

    def _carried_request(self, call: ToolCall) -> Pending | None:
        """Find the request that an earlier run made for this very call."""
        if call.id not in self._carried:
            return None
        self._carried.discard(call.id)
        pending = self._pending[call.id]
        if pending.request.call != call:
            self._audit.add("withdrawn", call, by="gate", note="The call was changed.")
            self._drop(call)
            return None
        for kind, delivery in pending.notices.items():
            if delivery != "delivered":
                self._send(pending, kind)
        return pending

    def _request(self, call: ToolCall, verdict: Verdict) -> Pending:
        """Ask reviewers about a call; its time begins now."""
        info = workflow.info()
        request = ApprovalRequest(
            call,
            verdict.terms or self._terms,
            asker=self._asker,
            why=verdict.reason,
            workflow_id=info.workflow_id,
            first_run_id=info.first_execution_run_id,
            asked_at=workflow.now(),
        )
        pending = Pending(replace(request, digest=digest_of(request)))
        self._pending[call.id] = pending
        self._announce(pending, "asked")
        self._show()
        return pending

    async def _until_decided(self, pending: Pending) -> AuditEntry:
        """Wait for a decision, or for the end of the request's time."""
        call = pending.request.call
        try:
            for moment, kind in pending.request.moments():
                if kind in pending.notices:
                    continue  # an earlier run has sent it
                # A decision may arrive in the same Workflow Task in which the time is up.
                with suppress(asyncio.TimeoutError):
                    await workflow.wait_condition(
                        lambda: call.id in self._decided,
                        timeout=moment - workflow.now(),
                        timeout_summary=f"{call.name}: {kind}",
                    )
                if call.id in self._decided:
                    return self._decided[call.id]
                if kind != "expired":
                    self._announce(pending, kind)
            # A Signal that came in time counts, though verifying it takes longer than that.
            in_time = [check for check, id in self._checks.items() if id == call.id]
            await workflow.wait_condition(
                lambda: call.id in self._decided or not any(c in self._checks for c in in_time)
            )
            return self._decided.get(call.id) or self._expired(pending.request)
        except asyncio.CancelledError:
            self._audit.add("withdrawn", call, by="gate", note="The run was cancelled.")
            raise
        finally:
            self._drop(call)

    def _drop(self, call: ToolCall) -> None:
        del self._pending[call.id]
        self._decided.pop(call.id, None)

    def _expired(self, request: ApprovalRequest) -> AuditEntry:
        then = "it may run" if request.terms.on_timeout == "allow" else "it is denied"
        note = f"Nobody decided until {_utc(request.expires_at)}; {then}."
        return self._audit.add("expired", request.call, by="timeout", note=note)

    # Notices to reviewers

    def _announce(self, pending: Pending, kind: NoticeKind) -> None:
        self._send(pending, kind)
        note = f"{pending.request.why} (to {', '.join(pending.audience(kind)) or 'any reviewer'})"
        self._audit.add(kind, pending.request.call, by="gate", note=note)

    def _send(self, pending: Pending, kind: NoticeKind) -> None:
        pending.notices[kind] = "under way"
        # In the background: a notifier that fails or hangs must not hold up the request's timer.
        # The SDK keeps the tasks of a run alive.
        asyncio.create_task(self._deliver(pending, kind))  # noqa: RUF006

    async def _deliver(self, pending: Pending, kind: NoticeKind) -> None:
        failure = await notify.notify(Notice(kind, pending.audience(kind), pending.request))
        pending.notices[kind] = "failed" if failure else "delivered"
        if failure:
            note = f"Reviewers could not be told ({kind}): {failure}"
            pending.notes.append(note)
            self._audit.add("not notified", pending.request.call, by="gate", note=note)
            self._show()

    def _show(self) -> None:
        """List on the run's page in the Web UI what it waits for."""
        lines = []
        for each in self._waiting():
            request, until = each.request, _utc(each.request.expires_at)
            lines.append(f"- `{request.tool}` (`{request.id}`) until {until}: {request.why}")
            lines.extend(f"  - {note}" for note in each.notes)
        waiting = "\n".join(["Waiting for a decision on:", *lines])
        workflow.set_current_details(waiting if lines else "No call waits for a decision.")

    def _waiting(self) -> list[Pending]:
        return [each for id, each in self._pending.items() if id not in self._decided]

    # What the handlers of `Gated` need

    def pending(self) -> list[Pending]:
        """List the requests that wait, the oldest first; only for a Query."""
        # Workflow time stands still between two tasks. A Query is never replayed, so it may read
        # the clock; on a server that skips time, Workflow time is the later one.
        now = max(workflow.now(), datetime.fromtimestamp(time.time(), UTC))
        left = [(each, each.request.expires_at - now) for each in self._waiting()]
        return [replace(p, remaining_seconds=max(0.0, t.total_seconds())) for p, t in left]

    def audit(self) -> list[AuditEntry]:
        """List the audit's entries, the oldest first."""
        return list(self._audit.entries)

    def refusal(
        self, decision: Decision, now: datetime, verify: Verify | None = None
    ) -> str | None:
        """Say why a decision doesn't count; None when it does. See `decisions.refusal`."""
        id = decision.request_id
        return refusal(
            decision,
            None if id in self._decided else self._pending.get(id),
            now,
            policy=self._policy,
            tools=self._tools,
            verify=verify,
            ended=self._audit.ending(id),
        )

    def decide(self, decision: Decision) -> AuditEntry:
        """Let a decision count; only one for which `refusal` has just returned None."""
        call = self._pending[decision.request_id].request.call
        entry = self._audit.add(
            "approved" if decision.answer == "approve" else "rejected",
            call,
            by=decision.reviewer,
            note=decision.reason,
            decision=decision,
        )
        self._decided[call.id] = entry
        self._show()
        return entry

    async def submit(self, value: object) -> None:
        """Let a decision that came by Signal count, or record why it doesn't."""
        try:
            decision = read_decision(value)
        except ValueError as err:
            self._audit.add_refused(None, str(err))
            return
        arrived, check = workflow.now(), object()
        why = self.refusal(decision, arrived)
        if why is None:
            request = self._pending[decision.request_id].request
            self._checks[check] = request.id
            try:
                why = await notify.verify(notify.VerifyDecision(decision, request))
            finally:
                del self._checks[check]
            # Another decision may have counted meanwhile.
            why = why or self.refusal(decision, arrived)
        if why is None:
            self.decide(decision)
        else:
            self._audit.add_refused(decision, why)


def _error(call: ToolCall, why: str) -> ToolResult:
    return tool_result(call, why, is_error=True)


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _text(result: ToolResult) -> str:
    """Return a result's text; of one that a store keeps, its beginning."""
    content: Any = result.get("content", "")
    return str(content["preview"] if isinstance(content, dict) else content)


def _with_note(result: ToolResult, edited: dict[str, Any]) -> ToolResult:
    """Tell Claude which arguments ran, or it would report those that it had asked for."""
    note = f"[A reviewer had changed the arguments to {json.dumps(edited, ensure_ascii=False)}.]"
    content: Any = result.get("content", "")
    if isinstance(content, dict):  # kept in a store
        content = {**content, "note": note}
    elif isinstance(found := _json(content), dict):  # JSON stays JSON
        content = json.dumps({**found, "arguments_changed_by_reviewer": edited}, ensure_ascii=False)
    else:
        content = f"{content}\n{note}"
    return {**result, "content": content}


def _json(text: str) -> object:
    with suppress(ValueError):
        return json.loads(text)
    return None
