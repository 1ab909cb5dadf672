"""Which calls wait for a person, and on what terms. The verdict depends on the call alone."""

from datetime import timedelta

from agentkit import AnyTool, ToolCall
from agentkit.approvals import Terms, Verdict, allow, deny, needs_approval
from agentkit.approvals.policy import effects_need_approval

TERMS = Terms(
    timeout=timedelta(hours=24),
    on_timeout="deny",
    reviewers=("ann",),
    remind_at=0.5,
    escalate_at=0.75,
    escalate_to=("bob",),
)


def policy(call: ToolCall, tool: AnyTool) -> Verdict:
    """Allow emails and small refunds, ask a person about larger ones, deny very large ones."""
    if call.name == "send_email":
        return allow("emails of the desk")
    if call.name != "refund":
        return effects_need_approval(call, tool)
    amount = call.input["amount"]
    if amount <= 0:  # it would take money
        return deny("A refund needs an amount above 0, in EUR.")
    if amount <= 50:
        return allow("a refund up to 50 EUR")
    if amount <= 200:
        return needs_approval("a refund over 50 EUR")
    return deny("The desk can't refund more than 200 EUR; accounting can.")
