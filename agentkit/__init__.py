"""Durable Claude agents on Temporal: the names that recipes use."""

from agentkit.budget import Budget, Spent
from agentkit.claude import (
    ClaudeReply,
    ClaudeRequest,
    ask_claude,
    default_model,
)
from agentkit.client import connect, run_main, run_until_signalled
from agentkit.idempotency import idempotency_key, once
from agentkit.messages import (
    Messages,
    ToolCall,
    assistant_message,
    text_of,
    tool_calls,
    user_message,
)
from agentkit.plugin import AgentPlugin
from agentkit.tool_runs import outcome_is_unknown, run_tool, run_tools
from agentkit.tools import AnyTool, ToolError, tool

__all__ = [
    "AgentPlugin",
    "AnyTool",
    "Budget",
    "ClaudeReply",
    "ClaudeRequest",
    "Messages",
    "Spent",
    "ToolCall",
    "ToolError",
    "ask_claude",
    "assistant_message",
    "connect",
    "default_model",
    "idempotency_key",
    "once",
    "outcome_is_unknown",
    "run_main",
    "run_tool",
    "run_tools",
    "run_until_signalled",
    "text_of",
    "tool",
    "tool_calls",
    "user_message",
]
