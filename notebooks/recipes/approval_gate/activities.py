"""The agent's Activities: Claude, the tools, notices to reviewers, the check of a decision."""

import os

from agentkit import claude_activity, tool_activity
from agentkit.approvals import FileNotifier, approval_activities, signed_by, trust_names
from recipes.approval_gate.tools import TOOLS

SYSTEM = """You are the support desk of a small bookshop.
Look things up before you act, and answer in two or three sentences."""

NOTIFIER = FileNotifier(os.environ.get("APPROVAL_INBOX", "approvals.jsonl"))

# For example "ann=… bob=…". The keys stay in the worker's memory; history holds signatures only.
KEYS = dict(pair.split("=", 1) for pair in os.environ.get("APPROVAL_KEYS", "").split())
VERIFY = signed_by({name: key.encode() for name, key in KEYS.items()}) if KEYS else trust_names

ACTIVITIES = [
    claude_activity(SYSTEM, TOOLS),
    tool_activity(TOOLS),
    *approval_activities(NOTIFIER, VERIFY),
]
