"""Which calls wait for a person, and on what terms. It decides by its arguments alone."""

from datetime import timedelta

from agentkit import AnyTool, ToolCall
from agentkit.approvals import Terms, Verdict, allow, ask, ask_for_effects, deny

TERMS = Terms(
    timeout=timedelta(hours=24),
    on_timeout="deny",
    reviewers=("ann",),
    remind_at=0.5,
    escalate_at=0.75,
    escalate_to=("bob",),
)


def policy(call: ToolCall, tool: AnyTool) -> Verdict:
    """Small refunds and emails run, larger refunds ask, very large ones are denied."""
    if call.name == "send_email":
        return allow("emails of the desk")
    if call.name != "refund":
        return ask_for_effects(call, tool)
    amount = call.input["amount"]
    if amount <= 50:
        return allow("a refund up to 50 EUR")
    if amount <= 200:
        return ask("a refund over 50 EUR")
    return deny("The desk can't refund more than 200 EUR; accounting can.")
