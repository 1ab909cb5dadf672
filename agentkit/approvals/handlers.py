"""The handlers through which people decide: a mixin for Workflows that have a Gate."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from agentkit.approvals.audit import AuditEntry
from agentkit.approvals.decisions import read_decision
from agentkit.approvals.gate import Gate
from agentkit.approvals.requests import Pending


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
            refusal = gate.refusal(read_decision(decision), workflow.now(), gate.verify)
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


def _no_gate(workflow: Gated) -> str:
    return f"{type(workflow).__name__} has no gate: set self.gate = Gate(…) in its __init__."
