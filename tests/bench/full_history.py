"""How fast each recipe's history grows, and how an inline loop ends when it is full.

    python -m tests.bench.full_history

Every turn calls one tool that returns 10 KB. Claude is played by an Activity that always asks for
one more, so that only the size of the history ends a run, or the recipe's own limit of turns.
"""

from __future__ import annotations

import importlib
import itertools
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.worker import Worker

from agentkit import AgentPlugin, ClaudeReply, connect, run_main
from agentkit.messages import ClaudeRequest, PinnedPrompt, Usage
from agentkit.tool_activities import ToolOutput
from classroom.machine import dev_server, processes
from classroom.workers import NOTEBOOKS
from tests.golden.runs import workflows_of

RESULT_BYTES = 10_000

INPUTS: dict[str, Any] = {
    "durable_loop": "Go on.",
    "parallel_tools": "Go on.",
    "versioned_prompts": "Go on.",
    "approval_gate": "Go on.",
    "research_agent": {"question": "Go on.", "budget": {}},
    "structured_retries": {"question": "Go on.", "budget": {}},
}
"""The recipes that keep their conversation in history, and a task without a budget for each."""


def always_asking(name: str) -> Callable[..., Any]:
    """Make a Claude that asks for one more result of a tool, whatever it has got."""

    @activity.defn(name="call_claude")
    async def always_ask(request: ClaudeRequest) -> ClaudeReply:
        turn = len(request.messages)
        content: Any = [{"type": "tool_use", "id": f"toolu_{turn}", "name": name, "input": {}}]
        return ClaudeReply(content, "tool_use", Usage(1, 1), "claude-sonnet-5-5", turn=turn)

    return always_ask


@activity.defn(dynamic=True)
async def ten_kilobytes(args: Sequence[RawValue]) -> ToolOutput:
    """Be any tool."""
    return ToolOutput("x" * RESULT_BYTES, characters=RESULT_BYTES)


@activity.defn(name="pin_prompt")
async def pin(name: str = "") -> PinnedPrompt:
    """Pin nothing."""
    return PinnedPrompt("none", "sha256:" + "0" * 64)


async def grown(client: Client, recipe: str) -> tuple[str, list[int]]:
    """Run a recipe to its end; return how it ended, and its history's bytes after each turn."""
    queue = f"full-{uuid.uuid4()}"
    defined = workflows_of(recipe)
    tools = importlib.import_module(f"recipes.{recipe}.tools").TOOLS
    reads = next(tool.name for tool in reversed(tools) if tool.effect == "none")
    activities: list[Any] = [always_asking(reads), ten_kilobytes, pin]
    async with Worker(client, task_queue=queue, workflows=defined, activities=activities):
        name = (
            importlib.import_module("temporalio.workflow")
            ._Definition.must_from_class(defined[0])
            .name
        )
        run = await client.start_workflow(name, INPUTS[recipe], id=queue, task_queue=queue)
        result = await run.result()
    total, after = 0, []
    async for event in run.fetch_history_events():
        total += event.ByteSize()
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.activity_type.name == "call_claude":
            after.append(total)
    ended = result.get("stop_reason") or result.get("ended") or result
    return str(ended), [*after, total]


async def main() -> None:
    """Measure on a server of its own."""
    sys.path.insert(0, str(NOTEBOOKS))
    await dev_server.ensure()
    try:
        await print_rows(await connect(AgentPlugin()))
    finally:
        for each in processes.everything():
            each.stop()


async def print_rows(client: Client) -> None:
    """Measure each recipe that the command line names, or all."""
    print("recipe                ended          turns   KB a turn at 2, 10, 20, last     total MB")
    for recipe in sys.argv[1:] or INPUTS:
        ended, after = await grown(client, recipe)
        steps = [(b - a) / 1000 for a, b in itertools.pairwise(after)]
        chosen = [steps[n] for n in (1, 9, 18) if n < len(steps)] + steps[-2:-1]
        grew = "  ".join(f"{each:6.0f}" for each in chosen)
        print(f"{recipe:20}  {ended:13}  {len(after) - 1:5}   {grew}   {after[-1] / 1e6:8.1f}")


if __name__ == "__main__":
    os.environ.setdefault("AGENTKIT_OFFLINE", "1")
    os.environ.setdefault("AGENTKIT_HOME", tempfile.mkdtemp(prefix="agentkit-full-history-"))
    os.environ.setdefault("AGENTKIT_TEMPORAL_PORT", "0")
    run_main(main())
