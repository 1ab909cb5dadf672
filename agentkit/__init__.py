"""Durable Claude agents on Temporal: the names that recipes use."""

from agentkit.claude import (
    ClaudeReply,
    ClaudeRequest,
    ask_claude,
    call_claude,
    default_model,
)
from agentkit.client import connect, run_main, run_until_signalled
from agentkit.conversation import (
    Messages,
    ToolCall,
    assistant_message,
    text_of,
    tool_calls,
    tool_result,
    user_message,
)
from agentkit.idempotency import idempotency_key, once
from agentkit.plugin import AgentPlugin
from agentkit.tool_runs import outcome_is_unknown, run_tool, run_tools
from agentkit.tools import AnyTool, ToolError, tool

__all__ = [
    "AgentPlugin",
    "AnyTool",
    "ClaudeReply",
    "ClaudeRequest",
    "Messages",
    "ToolCall",
    "ToolError",
    "ask_claude",
    "assistant_message",
    "call_claude",
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
    "tool_result",
    "user_message",
]
