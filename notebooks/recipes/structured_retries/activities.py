"""The call of Claude: what it is given, how often it is tried, and for how long."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    import agentkit
    from agentkit import ClaudeReply, ClaudeRequest, Messages
    from recipes.structured_retries.tools import TOOLS

SYSTEM = """You are the support desk of a small bookshop.
Look things up before you act, and answer in two or three sentences."""

# Waits of 0.2, 0.8, 3.2 and 12.8 s, unless the API asks for another one.
RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=4, maximum_attempts=5
)


async def ask_claude(messages: Messages, max_tokens: int) -> ClaudeReply:
    """One Messages call: five attempts of at most two minutes, ten minutes with all waits."""
    tools = [t.schema() for t in TOOLS]
    return await agentkit.ask_claude(
        ClaudeRequest(messages, system=SYSTEM, tools=tools, max_tokens=max_tokens),
        start_to_close_timeout=timedelta(minutes=2),
        schedule_to_close_timeout=timedelta(minutes=10),
        retry_policy=RETRIES,
    )
