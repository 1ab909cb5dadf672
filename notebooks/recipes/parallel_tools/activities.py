"""The two steps of the loop, as Activities: what each is given and how long it may take."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import agentkit
    from agentkit import ClaudeReply, ClaudeRequest, Messages
    from recipes.parallel_tools.tools import TOOLS

SYSTEM = """You are the support desk of a small bookshop.
Look things up before you act, and answer in two or three sentences."""


async def ask_claude(messages: Messages) -> ClaudeReply:
    """One Messages call: the whole conversation goes in, one reply comes out."""
    request = ClaudeRequest(messages, system=SYSTEM, tools=[t.schema() for t in TOOLS])
    return await agentkit.ask_claude(request, start_to_close_timeout=timedelta(minutes=2))
