"""The agent's Activities: Claude, the tools, notices to reviewers, the check of a decision."""

import os

from agentkit import claude_activity, tool_activity
from agentkit.approvals import FileNotifier, approval_activities
from agentkit.approvals.decisions import authorizer, verify_from_environment
from recipes.approval_gate.policy import TERMS, policy
from recipes.approval_gate.tools import TOOLS

SYSTEM = """You are the support desk of a small bookshop.
Look things up before you act, and answer in two or three sentences."""

NOTIFIER = FileNotifier(os.environ.get("APPROVAL_INBOX", "approvals.jsonl"))

# The reviewers' keys, from $APPROVAL_KEYS. They stay in memory; history holds signatures only.
VERIFY = verify_from_environment()

ACTIVITIES = [
    claude_activity(SYSTEM, TOOLS),
    tool_activity(TOOLS, authorize=authorizer(policy, VERIFY, TERMS)),
    *approval_activities(NOTIFIER, VERIFY),
]
