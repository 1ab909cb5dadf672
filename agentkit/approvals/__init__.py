"""People in the loop: a policy decides which tool calls wait, and a person decides on those."""

from agentkit.approvals.client import (
    DecisionRefused,
    decide,
    pending_approvals,
    read_audit,
)
from agentkit.approvals.gate import Gate
from agentkit.approvals.notify import (
    FileNotifier,
    Notifier,
    WebhookNotifier,
    approval_activities,
)
from agentkit.approvals.policy import Policy, Terms, Verdict, allow, ask, ask_for_effects, deny
from agentkit.approvals.requests import (
    ApprovalRequest,
    AuditEntry,
    Decision,
    Notice,
    digest_of,
    read_decision,
)
from agentkit.approvals.signatures import Verify, sign, signed_by, trust_names
from agentkit.approvals.waiting import GateState, PendingApproval

__all__ = [
    "ApprovalRequest",
    "AuditEntry",
    "Decision",
    "DecisionRefused",
    "FileNotifier",
    "Gate",
    "GateState",
    "Notice",
    "Notifier",
    "PendingApproval",
    "Policy",
    "Terms",
    "Verdict",
    "Verify",
    "WebhookNotifier",
    "allow",
    "approval_activities",
    "ask",
    "ask_for_effects",
    "decide",
    "deny",
    "digest_of",
    "pending_approvals",
    "read_audit",
    "read_decision",
    "sign",
    "signed_by",
    "trust_names",
]
