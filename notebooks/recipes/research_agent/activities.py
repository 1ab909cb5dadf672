"""The agent's Activities: Claude with a pinned prompt, the tools, notices, checked decisions."""

import os

from agentkit import tool_activity
from agentkit.approvals import FileNotifier, approval_activities
from agentkit.approvals.decisions import authorizer, verify_from_environment
from agentkit.approvals.policy import effects_need_approval
from agentkit.prompts import prompt_activities
from recipes.research_agent.policy import TERMS
from recipes.research_agent.tools import TOOLS

SYSTEM = """You research a question for the supervisor of a small bookshop.
Plan first, then make all planned searches at once, then submit a report with publish_report.
Say only what a source says, and cite it word for word. Name contradictions between sources, and
what you did not find. When the report comes back, fix what is wrong with it and submit it again."""

NOTIFIER = FileNotifier(os.environ.get("APPROVAL_INBOX", "approvals.jsonl"))

# The reviewers' keys, from $APPROVAL_KEYS. They stay in memory; history holds signatures only.
VERIFY = verify_from_environment()

ACTIVITIES = [
    *prompt_activities("research", SYSTEM, TOOLS, max_tokens=16_000),
    # The gate's policy knows what its run has found; here, each report needs a decision.
    tool_activity(TOOLS, authorize=authorizer(effects_need_approval, VERIFY, TERMS)),
    *approval_activities(NOTIFIER, VERIFY),
]
