"""A Workflow's own module that declares its tools and Activities too, without a pass-through."""

from dataclasses import replace
from datetime import date
from enum import Enum
from typing import Any

from temporalio import workflow

from agentkit import ToolCall, claude_activity, run_tool, tool, tool_activity


class Size(Enum):
    """How large."""

    SMALL = "small"
    LARGE = "large"


@tool(effect="none")
async def pack(day: date, size: Size = Size.SMALL) -> str:
    """Pack a parcel.

    Args:
        day: When.
        size: How large.
    """
    return f"{type(day).__name__} {day} {type(size).__name__} {size.value}"


TOOLS = [pack]
ACTIVITIES = [claude_activity("You pack.", TOOLS), tool_activity(TOOLS)]


@workflow.defn
class Packing:
    """Packs once."""

    @workflow.run
    async def run(self, call: ToolCall) -> dict[str, Any]:
        # As a Gate does, in the sandbox.
        return {**await run_tool(replace(call, input=pack.normalised(call.input)), TOOLS)}
