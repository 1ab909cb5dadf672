"""The naive loop's two Activities."""

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anthropic import AsyncAnthropic
from anthropic.types import Message
from temporalio import activity
from temporalio.common import RawValue

from tests.bench.tasks import MODEL, SYSTEM, TOOLS


@dataclass
class Request:
    """What goes to Claude."""

    messages: list[dict[str, Any]]


FUNCTIONS = {each.name: each.function for each in TOOLS}
SCHEMAS = [dict(each.schema()) for each in TOOLS]


@activity.defn
async def create(request: Request) -> Message:
    """Call Claude."""
    client = AsyncAnthropic(max_retries=0)
    messages: Any = request.messages
    tools: Any = SCHEMAS
    return await client.messages.create(
        model=MODEL, max_tokens=4096, system=SYSTEM, messages=messages, tools=tools
    )


@activity.defn(dynamic=True)
async def run_any_tool(args: Sequence[RawValue]) -> str:
    """Run a tool, whichever Claude asks for."""
    arguments = activity.payload_converter().from_payload(args[0].payload, dict)
    found = FUNCTIONS[activity.info().activity_type](**arguments)
    result = await found if inspect.isawaitable(found) else found
    return result if isinstance(result, str) else json.dumps(result)
