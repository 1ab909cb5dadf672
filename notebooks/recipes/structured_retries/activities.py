"""The agent's Activities: one call of Claude, and one Activity that runs any tool."""

from agentkit import claude_activity, tool_activity
from recipes.structured_retries.tools import TOOLS

SYSTEM = """You are the support desk of a small bookshop.
Look things up before you act, and answer in two or three sentences."""

ACTIVITIES = [
    claude_activity(SYSTEM, TOOLS),  # "call_claude": one Messages call
    tool_activity(TOOLS),  # dynamic: "tool.find_order", "tool.refund", …
]
