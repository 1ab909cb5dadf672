"""Durable Claude agents on Temporal: the names that recipes use."""

from agentkit.budget import Budget, Spent
from agentkit.claude import ask_claude, claude_activity
from agentkit.client import connect, run_main, run_until_signalled
from agentkit.idempotency import idempotency_key, once
from agentkit.messages import (
    ClaudeReply,
    Messages,
    ToolCall,
    assistant_message,
    text_of,
    tool_calls,
    user_message,
)
from agentkit.plugin import AgentPlugin
from agentkit.tool_activities import tool_activity
from agentkit.tool_dispatch import outcome_is_unknown, run_tool, run_tools
from agentkit.tools import AnyTool, ToolError, tool

__all__ = [
    "AgentPlugin",
    "AnyTool",
    "Budget",
    "ClaudeReply",
    "Messages",
    "Spent",
    "ToolCall",
    "ToolError",
    "ask_claude",
    "assistant_message",
    "claude_activity",
    "connect",
    "idempotency_key",
    "once",
    "outcome_is_unknown",
    "run_main",
    "run_tool",
    "run_tools",
    "run_until_signalled",
    "text_of",
    "tool",
    "tool_activity",
    "tool_calls",
    "user_message",
]
