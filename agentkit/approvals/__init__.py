"""People in the loop: a policy says which tool calls wait, and people decide on those."""

from agentkit.approvals.audit import AuditEntry
from agentkit.approvals.client import DecisionRefused, decide, pending_approvals
from agentkit.approvals.decisions import Decision, sign, signed_by, trust_names
from agentkit.approvals.gate import Gate, Gated
from agentkit.approvals.notify import FileNotifier, approval_activities
from agentkit.approvals.policy import Terms, Verdict, allow, deny, needs_approval

__all__ = [
    "AuditEntry",
    "Decision",
    "DecisionRefused",
    "FileNotifier",
    "Gate",
    "Gated",
    "Terms",
    "Verdict",
    "allow",
    "approval_activities",
    "decide",
    "deny",
    "needs_approval",
    "pending_approvals",
    "sign",
    "signed_by",
    "trust_names",
]
