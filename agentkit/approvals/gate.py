"""The gate itself: it stands in a Workflow, between what Claude asks for and what runs.

Its promises: nothing runs unless policy, a reviewer or the terms of a timeout let it; a
decision counts once, and for exactly what its reviewer saw; calls that needn't wait don't.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from temporalio import workflow

from agentkit.approvals.audit import Audit
from agentkit.approvals.handlers import Inbox
from agentkit.approvals.policy import Policy, Terms, Verdict, ask, ask_for_effects
from agentkit.approvals.requests import AuditEntry, Decision
from agentkit.approvals.signatures import Verify
from agentkit.approvals.waiting import GateState
from agentkit.messages import ToolCall, tool_result
from agentkit.tool_dispatch import run_tool, together
from agentkit.tools import AnyTool

if TYPE_CHECKING:
    from anthropic.types import ToolResultBlockParam


class Gate:
    """Runs tool calls, and holds back those that a person must decide on.

    Make one in a Workflow's `__init__`. It answers the Update `decide`, the Signal
    `submit_decision`, and the Queries `pending` and `audit`. Its worker needs
    `approval_activities`.

    Args:
        tools: The tools that may run; a call of any other is refused.
        policy: Judges each call.
        verify: Says whether a decision comes from its reviewer. `trust_names` takes everybody's
            word for it; `signed_by` wants a signature.
        terms: The terms of requests whose verdict names none.
        asker: Whom reviewers see as the one who asks; by default the Workflow's type.
        state: What `state()` of the run before returned, after continue-as-new.

    Example:
        ```python
        self.gate = Gate(TOOLS, policy, verify=signed_by(KEYS))
        ...
        results = await self.gate.run_all(tool_calls(reply.content))
        ```
    """

    def __init__(
        self,
        tools: Sequence[AnyTool],
        policy: Policy = ask_for_effects,
        *,
        verify: Verify,
        terms: Terms | None = None,
        asker: str = "",
        state: GateState | None = None,
    ) -> None:
        state = state or GateState()
        self._tools = {tool.name: tool for tool in tools}
        self._policy = policy
        self._terms = terms or Terms()
        self._audit = Audit(state.audit, state.left_out)
        asker = asker or workflow.info().workflow_type
        self._inbox = Inbox(verify, self._forbids, asker, self._audit, state.waiting)
        self._results = dict(state.results)
        self._under_way: set[str] = set()
        self._running: set[str] = set()

    async def run(self, call: ToolCall) -> ToolResultBlockParam:
        """Run one call; see `run_all`."""
        return (await self.run_all([call]))[0]

    async def run_all(self, calls: Sequence[ToolCall]) -> list[ToolResultBlockParam]:
        """Judge each call and run what may run; those that wait hold up no other.

        Args:
            calls: What Claude asks for; names and arguments may be wrong.

        Returns:
            One result a call, in the order asked. A call that was denied, rejected or never
            decided on gives a result with `is_error` that says so.

        Raises:
            asyncio.CancelledError: The run is being cancelled; what waited is withdrawn.
        """
        mine = []
        for call in calls:
            if call.id not in self._under_way:
                self._under_way.add(call.id)
                mine.append(call)
        results = await together(
            *(
                self._answer(call)
                if any(call is each for each in mine)
                else _no(call, f"Another call has the id {call.id} too; give each its own.")
                for call in calls
            )
        )
        for call in mine:
            self._under_way.discard(call.id)
            self._results.pop(call.id, None)
        return results

    async def finished(self) -> list[AuditEntry]:
        """Wait until every decision that has arrived was looked at; call it before the end.

        Returns:
            The audit, for the Workflow's result.
        """
        await workflow.wait_condition(workflow.all_handlers_finished)
        return list(self._audit.entries)

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way but waiting, so that the Workflow may continue as new.

        The next run makes its Gate from `state()` and calls `run_all` with the same calls.

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
        return not self._running and self._inbox.at_rest and workflow.all_handlers_finished()

    def state(self) -> GateState:
        """Give what the next run's Gate goes on from; only while `at_rest`."""
        waiting, audit = list(self._inbox.open.values()), self._audit
        return GateState(waiting, dict(self._results), list(audit.entries), audit.left_out)

    async def _answer(self, call: ToolCall) -> ToolResultBlockParam:
        if call.id not in self._results:  # or it ran before continue-as-new
            self._results[call.id] = await self._judge_and_run(call)
        return self._results[call.id]

    async def _judge_and_run(self, call: ToolCall) -> ToolResultBlockParam:
        tool = self._tools.get(call.name)
        if tool is None:
            # Not left to run_tool: the worker may have tools that this Workflow doesn't offer.
            known = ", ".join(sorted(self._tools)) or "none"
            return await _no(call, f"There is no tool {call.name!r}. Tools: {known}.")
        if not isinstance(call.input, dict):
            return await _no(call, f"Invalid arguments for {call.name}: not a JSON object.")
        verdict = self._judge(call, tool)
        if verdict.action == "deny":
            self._note("denied", call, verdict.reason)
            return await _no(call, f"Not allowed: {verdict.reason}")
        if verdict.action == "allow":
            if tool.effect != "none":
                self._note("allowed", call, verdict.reason)
            return await self._execute(call)
        may_run, entry = await self._inbox.ask(call, verdict.reason, verdict.terms or self._terms)
        if not may_run:
            how = "A reviewer rejected it" if entry.event == "rejected" else "Nobody approved it"
            return await _no(call, f"Not run. {how}: {entry.note or 'no reason was given.'}")
        return await self._execute_decided(call, entry.decision)

    def _judge(self, call: ToolCall, tool: AnyTool) -> Verdict:
        if call.id in self._inbox.open:
            return ask("")  # the run before has asked already
        try:
            # A copy: what a policy does to its arguments must not change what runs.
            verdict = self._policy(copy.deepcopy(call), tool)
            if not isinstance(verdict, Verdict):
                raise TypeError(f"it returned {verdict!r}, which is no verdict")
        except Exception as err:
            # Let through, it would fail the Workflow Task for ever, and the run would hang.
            return ask(f"The policy can't judge this call ({type(err).__name__}: {err}).")
        return verdict

    def _forbids(self, call: ToolCall) -> str | None:
        """Say why edited arguments must not run, even if a reviewer wants them."""
        try:
            verdict = self._policy(copy.deepcopy(call), self._tools[call.name])
        except Exception as err:
            return f"the policy can't judge them ({type(err).__name__}: {err})."
        return verdict.reason if verdict.action == "deny" else None

    async def _execute(self, call: ToolCall) -> ToolResultBlockParam:
        self._running.add(call.id)
        try:
            return await run_tool(call, tuple(self._tools.values()))
        finally:
            self._running.discard(call.id)

    async def _execute_decided(
        self, call: ToolCall, decision: Decision | None
    ) -> ToolResultBlockParam:
        edited = decision.arguments if decision else None
        result = await self._execute(
            call if edited is None else ToolCall(call.id, call.name, edited)
        )
        text = str(result.get("content", ""))
        failed = bool(result.get("is_error"))
        self._audit.add("failed" if failed else "ran", call.id, call.name, call.name, text[:500])
        if edited is None or edited == call.input:
            return result
        return tool_result(call, _with_note(text, edited), is_error=failed)

    def _note(self, event: Literal["allowed", "denied"], call: ToolCall, why: str) -> None:
        self._audit.add(event, call.id, call.name, "policy", why, call.input)


async def _no(call: ToolCall, why: str) -> ToolResultBlockParam:
    return tool_result(call, why, is_error=True)


def _with_note(text: str, edited: dict[str, Any]) -> str:
    """Tell Claude what has run instead, or it would tell the customer what it had asked for."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):  # what is JSON stays JSON
        return json.dumps({**found, "arguments_changed_by_reviewer": edited}, ensure_ascii=False)
    changed = json.dumps(edited, ensure_ascii=False)
    return f"{text}\n[A reviewer had changed the arguments to {changed}.]"
