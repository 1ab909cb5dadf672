"""What reaches out of the Workflow: calls of Claude, notices to reviewers, reviewers' keys."""

import os
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import agentkit
    from agentkit import ClaudeReply, ClaudeRequest, Messages
    from agentkit.approvals import FileNotifier, Verify, signed_by, trust_names
    from recipes.approval_gate.tools import TOOLS

SYSTEM = """You are the support desk of a small bookshop.
Look things up before you act, and answer in two or three sentences."""

NOTIFIER = FileNotifier(os.environ.get("APPROVAL_INBOX", "approvals.jsonl"))

# Such as "ann=… bob=…". The worker keeps them in memory; history holds signatures only.
KEYS = dict(pair.split("=", 1) for pair in os.environ.get("APPROVAL_KEYS", "").split())
VERIFY: Verify = signed_by({n: k.encode() for n, k in KEYS.items()}) if KEYS else trust_names


async def ask_claude(messages: Messages) -> ClaudeReply:
    """One Messages call: the whole conversation goes in, one reply comes out."""
    request = ClaudeRequest(messages, system=SYSTEM, tools=[t.schema() for t in TOOLS])
    return await agentkit.ask_claude(request, start_to_close_timeout=timedelta(minutes=2))
