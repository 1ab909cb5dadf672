"""The gate between the calls that Claude makes and their effects.

No call runs unless the policy, a reviewer or the terms of a timeout let it. A decision counts once,
and for exactly what its reviewer saw. A call that needn't wait doesn't. `Gated` has the handlers
through which people decide.
"""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic_core import from_json, to_json
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from agentkit.activity_options import PIN_OPTIONS
from agentkit.approvals import notify
from agentkit.approvals.audit import LONGEST_NOTE, MOST_ENTRIES, Audit, AuditEntry, bounded
from agentkit.approvals.decisions import (
    Decision,
    Verify,
    decided_call,
    read_decision,
    refusal,
)
from agentkit.approvals.policy import (
    Policy,
    Terms,
    Verdict,
    effects_need_approval,
    judge,
)
from agentkit.approvals.requests import ApprovalRequest, Notice, NoticeKind, Pending, digest_of
from agentkit.limits import history_is_full
from agentkit.messages import (
    ToolCall,
    Verbatim,
    canonical_json,
    printable,
    sha256_reference,
    tool_result,
)
from agentkit.tool_dispatch import run_tool, together
from agentkit.tools import AnyTool, ToolError

if TYPE_CHECKING:
    from anthropic.types import ToolResultBlockParam

    ToolResult: TypeAlias = ToolResultBlockParam
else:
    ToolResult = dict


MOST_REQUEST_BYTES = 250_000
"""The largest call that reviewers are asked about, as JSON."""

MOST_WAITING_BYTES = 1_500_000
"""How large all calls that wait may be together: one Query shows them all."""

MOST_STATE_BYTES = 900_000
"""The largest `GateState`. What is larger isn't at rest, so that it fits beside the calls."""


@dataclass(frozen=True)
class GateState:
    """A Gate's memory, for the next run when its Workflow continues as new.

    Attributes:
        pending: The requests that wait.
        results: Results of other calls of the same message, which have run already; by the digest
            of their call.
        audit: The audit so far.
        ran: The ids of calls without a place that have had their effect, the newest last.
    """

    pending: list[Pending] = field(default_factory=list)
    results: Verbatim[dict[str, ToolResult]] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)


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
        self._asker = (asker or workflow.info().workflow_type)[:LONGEST_NOTE]
        self._audit = Audit(state.audit)
        # Calls are told apart by `_key`, as their idempotency keys are.
        self._pending = {_key(each.request.call): each for each in state.pending}
        self._waiting_bytes = sum(_size(each.request.call) for each in self._pending.values())
        self._carried = dict(self._pending)  # by the run before; no call waits for them yet
        self._decided: dict[str, AuditEntry] = {}  # and the waiting call hasn't noticed yet
        self._decisions: dict[str, Decision] = {}  # whole, as the audit shortens them
        self._results = dict(state.results)
        self._ran = dict.fromkeys(state.ran)
        self._under_way: set[str] = set()
        self._running: set[str] = set()
        self._checks: dict[object, str] = {}  # Signals being verified, and their calls
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
            if _key(call) not in self._under_way:
                self._under_way.add(_key(call))
                mine[_key(call)] = call
        found = await together(*(self._result(call) for call in mine.values()))
        results = dict(zip(mine, found, strict=True))
        for call in mine.values():
            self._under_way.discard(_key(call))
            self._results.pop(_digest(call), None)
        return [
            results[_key(call)]
            if mine.get(_key(call)) is call
            else tool_result(call, _twice(call), is_error=True)
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
        return (
            not self._running
            and not self._decided
            and workflow.all_handlers_finished()
            and len(to_json(self.state())) <= MOST_STATE_BYTES
        )

    def state(self) -> GateState:
        """Return what the next run's Gate needs to know; only while `at_rest`."""
        ran = list(self._ran)[-MOST_ENTRIES:]
        return GateState(list(self._pending.values()), dict(self._results), self.audit(), ran)

    async def _result(self, call: ToolCall) -> ToolResult:
        digest = _digest(call)
        if digest not in self._results:  # else it ran before continue-as-new
            try:
                self._results[digest] = await self._judge_and_run(call)
            except ToolError as no:
                self._results[digest] = tool_result(call, str(no), is_error=True)
        return self._results[digest]

    async def _judge_and_run(self, call: ToolCall) -> ToolResult:
        pending = self._carried.pop(_key(call), None)
        try:
            tool, call = await self._normalised(call)
        except BaseException:
            if pending:
                self._withdraw(pending, "The call can't be made any more.")
            raise
        if pending and pending.request.call != call:
            self._withdraw(pending, "The call was changed.")
            pending = None
        if pending:
            for kind, delivery in pending.notices.items():
                if delivery != "delivered":
                    self._send(pending, kind)
        elif (verdict := self._judge(call, tool)).action == "allow":
            return await self._execute(call)
        else:
            pending = self._request(call, verdict)
        return await self._run_if_approved(pending)

    async def _normalised(self, call: ToolCall) -> tuple[AnyTool, ToolCall]:
        """Find a call's tool, and the arguments that policy, reviewers and tool are to see."""
        tool = self._tools.get(call.name)
        if tool is None:
            # Not left to run_tool: the worker may have tools that this Workflow doesn't offer.
            known = ", ".join(sorted(self._tools)) or "none"
            raise ToolError(f"There is no tool {call.name[:128]!r}. Tools: {known}.")
        if call.id in self._ran and not call.place:
            raise ToolError(_twice(call))
        if (size := _size(call)) > MOST_REQUEST_BYTES:
            most = f"a gate takes {MOST_REQUEST_BYTES:,} at most. Ask for less at a time."
            raise self._not_asked(call, f"The call has {size:,} bytes, and {most}")
        arguments = await self._opened(call) if call.kept else call.input
        return tool, replace(call, input=tool.normalised(arguments), kept="")

    async def _opened(self, call: ToolCall) -> dict[str, Any]:
        """Read arguments that are kept in the store, as far as a Workflow carries them."""
        self._running.add(_key(call))
        try:
            found: dict[str, Any] = await workflow.execute_activity(
                "open_arguments", call, result_type=dict[str, Any], **PIN_OPTIONS
            )
            return found
        except ActivityError as err:
            if is_cancelled_exception(err):
                raise
            raise self._not_asked(call, getattr(err.cause, "message", str(err))) from None
        finally:
            self._running.discard(_key(call))

    def _judge(self, call: ToolCall, tool: AnyTool) -> Verdict:
        """Return the policy's verdict, where that isn't a denial."""
        verdict = judge(self._policy, call, tool)
        if verdict.action == "deny":
            self._audit.add("denied", call, by="policy", note=verdict.reason)
            raise ToolError(f"Not allowed: {verdict.reason}")
        if verdict.action == "allow":
            if tool.effect != "none":
                self._audit.add("allowed", call, by="policy", note=verdict.reason)
            return verdict
        if (waiting := self._waiting_bytes) + _size(call) > MOST_WAITING_BYTES:
            wait = "Wait until they are decided."
            raise self._not_asked(call, f"Calls of {waiting:,} bytes wait already. {wait}")
        return verdict

    def _not_asked(self, call: ToolCall, why: str) -> ToolError:
        self._audit.add("denied", call, by="gate", note=why)
        return ToolError(f"Not run, and nobody was asked: {why}")

    async def _execute(self, call: ToolCall, approval: dict[str, Any] | None = None) -> ToolResult:
        self._running.add(_key(call))
        if not call.place and self._tools[call.name].effect != "none":
            self._ran[call.id] = None
        try:
            return await run_tool(call, tuple(self._tools.values()), approval=approval)
        finally:
            self._running.discard(_key(call))

    async def _run_if_approved(self, pending: Pending) -> ToolResult:
        """Wait for the decision on a request, and run its call if that lets it run."""
        request = pending.request
        call = request.call
        entry = await self._until_decided(pending)
        self._show()
        lapsed = entry.event == "expired" and request.terms.on_timeout == "allow"
        if entry.event != "approved" and not lapsed:
            how = "A reviewer rejected it" if entry.event == "rejected" else "Nobody approved it"
            raise ToolError(f"Not run. {how}: {entry.note or 'no reason was given.'}")
        decision = None if lapsed else self._decisions.pop(_key(call), None)
        decided = decided_call(call, decision, self._tools[call.name])
        result = await self._execute(decided, {"request": request, "decision": decision})
        failed = bool(result.get("is_error"))
        self._audit.add("failed" if failed else "ran", call, by=call.name, note=_text(result)[:500])
        return result if decided == call else _with_note(result, decided.input)

    # Requests that wait

    def _request(self, call: ToolCall, verdict: Verdict) -> Pending:
        """Ask reviewers about a call; its time begins now."""
        info = workflow.info()
        request = ApprovalRequest(
            call,
            verdict.terms or self._terms,
            asker=self._asker,
            why=verdict.reason[:LONGEST_NOTE],
            workflow_id=info.workflow_id,
            first_run_id=info.first_execution_run_id,
            asked_at=workflow.now(),
        )
        pending = Pending(replace(request, digest=digest_of(request)))
        self._pending[_key(call)] = pending
        self._waiting_bytes += _size(call)
        self._announce(pending, "asked")
        self._show()
        return pending

    async def _until_decided(self, pending: Pending) -> AuditEntry:
        """Wait for a decision, for the end of the request's time, or of the run's history."""
        call = pending.request.call
        key = _key(call)
        try:
            for moment, kind in pending.request.moments():
                if kind in pending.notices:
                    continue  # an earlier run has sent it
                # A decision may arrive in the same Workflow Task in which the time is up.
                with suppress(asyncio.TimeoutError):
                    await workflow.wait_condition(
                        lambda: key in self._decided or history_is_full(),
                        timeout=moment - workflow.now(),
                        timeout_summary=f"{call.name}: {kind}",
                    )
                if key in self._decided:
                    return self._decided[key]
                if history_is_full():
                    note = "The run's history is full."
                    return self._audit.add("withdrawn", call, by="gate", note=note)
                if kind != "expired":
                    self._announce(pending, kind)
            # A Signal that came in time counts, though verifying it takes longer than that.
            in_time = [check for check, each in self._checks.items() if each == key]
            await workflow.wait_condition(
                lambda: key in self._decided or not any(c in self._checks for c in in_time)
            )
            return self._decided.get(key) or self._expired(pending.request)
        except asyncio.CancelledError:
            self._audit.add("withdrawn", call, by="gate", note="The run was cancelled.")
            raise
        finally:
            self._drop(call)

    def _withdraw(self, pending: Pending, why: str) -> AuditEntry:
        call = pending.request.call
        self._drop(call)
        return self._audit.add("withdrawn", call, by="gate", note=why)

    def _drop(self, call: ToolCall) -> None:
        self._waiting_bytes -= _size(self._pending.pop(_key(call)).request.call)
        self._decided.pop(_key(call), None)

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
            note = f"Reviewers could not be told ({kind}): {failure}"[:LONGEST_NOTE]
            pending.notes.append(note)
            self._audit.add("not notified", pending.request.call, by="gate", note=note)
            self._show()

    def _show(self) -> None:
        """List on the run's page in the Web UI what it waits for."""
        lines = []
        for each in islice(self._waiting(), _MOST_SHOWN):
            request, until = each.request, _utc(each.request.expires_at)
            tool, id, why = _code(request.tool), _code(request.id), _code(request.why)
            lines.append(f"- {tool} ({id}) until {until}: {why}")
            lines.extend(f"  - {_code(note)}" for note in each.notes)
        if (more := len(self._pending) - len(self._decided) - _MOST_SHOWN) > 0:
            lines.append(f"- and {more} more")
        text = "\n".join(["Waiting for a decision on:", *lines])
        workflow.set_current_details(text if lines else "No call waits for a decision.")

    def _waiting(self) -> Iterator[Pending]:
        return (each for key, each in self._pending.items() if key not in self._decided)

    def named(self, decision: Decision) -> Pending | None:
        """Find the request that a decision names; of two with one id, the one that was seen."""
        named = [each for each in self._waiting() if each.request.id == decision.request_id]
        seen = [each for each in named if each.request.digest == decision.digest]
        return next(iter([*seen, *named]), None)

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
        self,
        decision: Decision,
        pending: Pending | None,
        now: datetime,
        verify: Verify | None = None,
    ) -> str | None:
        """Say why a decision doesn't count; None when it does. See `decisions.refusal`."""
        return refusal(
            decision,
            pending,
            now,
            policy=self._policy,
            tools=self._tools,
            verify=verify,
            ended=self._audit.ending(decision.request_id),
        )

    def decide(self, decision: Decision) -> AuditEntry:
        """Let a decision count; only one for which `refusal` has just returned None."""
        named = self.named(decision)
        assert named is not None
        call = named.request.call
        entry = self._audit.add(
            "approved" if decision.answer == "approve" else "rejected",
            call,
            by=decision.reviewer,
            note=decision.reason,
            decision=decision,
        )
        self._decided[_key(call)], self._decisions[_key(call)] = entry, decision
        self._show()
        return entry

    async def submit(self, value: object) -> None:
        """Let a decision that came by Signal count, or record why it doesn't."""
        try:
            decision = read_decision(value)
        except ValueError as err:
            self._audit.add_refused(None, str(err))
            return
        arrived, check, named = workflow.now(), object(), self.named(decision)
        why = self.refusal(decision, named, arrived)
        if why is None and named is not None:
            self._checks[check] = _key(named.request.call)
            try:
                why = await notify.verify(notify.VerifyDecision(decision, named.request))
            finally:
                del self._checks[check]
            # Meanwhile another decision may have counted, and the same call may wait once more.
            still = named if self.named(decision) is named else None
            why = why or self.refusal(decision, still, arrived)
        if why is None:
            self.decide(decision)
        else:
            self._audit.add_refused(decision, why)


class Gated:
    """Adds an Update, a Signal and two Queries to a Workflow whose `__init__` sets `self.gate`.

    Decisions arrive as `object`, because any client may send anything: what isn't a decision is
    refused, and never raises an exception in Workflow code.

    Example:
        ```python
        @workflow.defn
        class SupportWorkflow(Gated):
            @workflow.init
            def __init__(self, question: str) -> None:
                self.gate = Gate(TOOLS, policy, verify=signed_by(KEYS))
        ```
    """

    gate: Gate

    @workflow.update
    async def decide(self, decision: object = None) -> AuditEntry:
        """Decide on a request; what doesn't count is refused before it enters the history."""
        return self._checked_gate().decide(read_decision(decision))

    @decide.validator
    def _check_decision(self, decision: object = None) -> None:
        # Never runs on replay: the history says which Updates were accepted.
        gate = self._checked_gate()
        try:
            read = read_decision(decision)
            refusal = gate.refusal(read, gate.named(read), workflow.now(), gate.verify)
        except ValueError as err:
            refusal = str(err)
        if refusal is not None:
            raise ApplicationError(refusal, type="DecisionRefused", non_retryable=True)

    @workflow.signal
    async def submit_decision(self, decision: object = None, *_: object) -> None:
        """Decide on a request without an answer; the audit records what doesn't count."""
        if not hasattr(self, "gate"):
            workflow.logger.error("A decision was ignored. %s", _no_gate(self))
            return
        await self.gate.submit(decision)

    @workflow.query
    def pending(self) -> list[Pending]:
        """The requests that wait for a decision, the oldest first."""
        return self._checked_gate().pending()

    @workflow.query
    def audit(self) -> list[AuditEntry]:
        """The audit so far, the oldest entry first."""
        return self._checked_gate().audit()

    def _checked_gate(self) -> Gate:
        if not hasattr(self, "gate"):
            raise ApplicationError(_no_gate(self), type="NoGate", non_retryable=True)
        return self.gate


def _no_gate(workflow: "Gated") -> str:
    return f"{type(workflow).__name__} has no gate: set self.gate = Gate(…) in its __init__."


_MOST_SHOWN = 20
"""How many waiting requests the Web UI lists."""


def _key(call: ToolCall) -> str:
    return f"{call.place}:{call.id}" if call.place else call.id


def _digest(call: ToolCall) -> str:
    return sha256_reference(canonical_json(asdict(call)).encode())


def _size(call: ToolCall) -> int:
    """Return the bytes of a call's arguments as JSON; 0 of what isn't JSON, and is refused."""
    with suppress(Exception):
        return len(to_json(call.input))
    return 0


def _twice(call: ToolCall) -> str:
    return f"Another call has the id {call.id[:128]} too; give each its own."


def _code(text: str) -> str:
    """Write words from outside as Markdown that is only text: no link, no line of its own."""
    shown = printable(text[:LONGEST_NOTE]).replace("`", r"\u0060")
    return f"`{shown}`"


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _text(result: ToolResult) -> str:
    """Return a result's text; of one that a store keeps, its beginning."""
    content: Any = result.get("content", "")
    return str(content["preview"] if isinstance(content, dict) else content)


def _with_note(result: ToolResult, edited: dict[str, Any]) -> ToolResult:
    """Tell Claude which arguments ran, or it would report those that it had asked for."""
    edited = bounded(edited)
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
        return from_json(text)  # unlike json, it raises no RecursionError
    return None
