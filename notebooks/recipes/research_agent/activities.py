"""The agent's Activities: Claude with a pinned prompt, the tools, notices, checked decisions."""

import os

from agentkit import tool_activity
from agentkit.approvals import FileNotifier, approval_activities, signed_by, trust_names
from agentkit.prompts import prompt_activities
from recipes.research_agent.tools import TOOLS

SYSTEM = """You research a question for the supervisor of a small bookshop.
Plan first, then make all planned searches at once, then submit a report with publish_report.
Say only what a source says, and cite it word for word. Name contradictions between sources, and
what you did not find. When the report comes back, fix what is wrong with it and submit it again."""

NOTIFIER = FileNotifier(os.environ.get("APPROVAL_INBOX", "approvals.jsonl"))

# For example "ann=… bob=…". The keys stay in the worker's memory; history holds signatures only.
KEYS = dict(pair.split("=", 1) for pair in os.environ.get("APPROVAL_KEYS", "").split())
VERIFY = signed_by({name: key.encode() for name, key in KEYS.items()}) if KEYS else trust_names

ACTIVITIES = [
    *prompt_activities("research", SYSTEM, TOOLS, max_tokens=16_000),
    tool_activity(TOOLS),
    *approval_activities(NOTIFIER, VERIFY),
]
