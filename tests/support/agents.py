"""Workflows that do one thing, tools that do as they are told, and a Worker that runs both.

They live in a module of their own: the Workflow sandbox imports this file again, and it must
pass there as it is.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from temporalio import activity
    from temporalio.client import Client, Plugin, WorkflowFailureError
    from temporalio.common import RetryPolicy
    from temporalio.exceptions import ActivityError, ApplicationError
    from temporalio.worker import Worker

    from agentkit import (
        AgentPlugin,
        AnyTool,
        ClaudeReply,
        ToolCall,
        ToolError,
        ask_claude,
        claude_activity,
        connect,
        idempotency_key,
        run_tool,
        tool,
        tool_activity,
        tool_calls,
        user_message,
    )
    from agentkit.messages import ClaudeRequest
    from agentkit.prompts import pin_prompt
    from agentkit.transcript import LongConversation, Window
    from classroom.machine import dev_server, waiting

HELLO = ClaudeRequest([user_message("Hello")])


@workflow.defn
class OneCall:
    """Calls Claude once."""

    @workflow.run
    async def run(self, request: ClaudeRequest) -> ClaudeReply:
        return await ask_claude(
            request.messages,
            max_tokens=request.max_tokens,
            system=request.system,
            tools=request.tools,
            model=request.model,
        )


@workflow.defn
class Oversize:
    """Calls Claude once, with more than Temporal carries."""

    @workflow.run
    async def run(self) -> ClaudeReply:
        halves = [user_message("x" * 1_100_000), user_message("y" * 1_100_000)]
        return await ask_claude(halves)


@workflow.defn
class Hold:
    """Keeps a reply that it was given, and gives it back."""

    @workflow.run
    async def run(self, reply: ClaudeReply) -> ClaudeReply:
        return ClaudeReply(reply.content, reply.stop_reason, reply.usage, reply.model)


@workflow.defn
class RunTool:
    """Runs one tool call."""

    @workflow.run
    async def run(self, call: ToolCall) -> dict[str, Any]:
        return {**await run_tool(call, TOOLS)}


@workflow.defn
class RunToolOnce:
    """Runs one tool call with one attempt, whose heartbeats may be a second apart."""

    @workflow.run
    async def run(self, call: ToolCall) -> dict[str, Any]:
        return {
            **await run_tool(
                call,
                TOOLS,
                heartbeat_timeout=timedelta(seconds=1),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        }


@workflow.defn
class RunToolInThreeRuns:
    """Runs the same call before and after each continue-as-new."""

    @workflow.run
    async def run(self, call: ToolCall, seen: list[str]) -> list[str]:
        seen = [*seen, str((await run_tool(call, TOOLS)).get("content"))]
        if len(seen) < 3:
            workflow.continue_as_new(args=[call, seen])
        return seen


@workflow.defn
class TwoConversations:
    """Asks twice in each of two runs, in conversations that know nothing of each other."""

    @workflow.run
    async def run(self, keys: list[str]) -> list[str]:
        replies = [await ask_claude([user_message("Hello")]) for _ in range(2)]
        calls = [call for reply in replies for call in tool_calls(reply)]
        keys = [*keys, *[str((await run_tool(call, TOOLS)).get("content")) for call in calls]]
        if len(keys) < 4:
            workflow.continue_as_new(keys)
        # The same call keeps its key.
        assert [(await run_tool(call, TOOLS)).get("content") for call in calls] == keys[2:]
        return keys


@workflow.defn
class TwoLongConversations:
    """Has the same to say in two conversations, each of which goes on in a second run."""

    @workflow.run
    async def run(self, talks: list[LongConversation], keys: list[str]) -> list[str]:
        talks = talks or [LongConversation(window=Window(summarise=False)) for _ in range(2)]
        for talk in talks:
            await talk.begin(await pin_prompt())
            talk.say("Hello")
            await talk.take_turn()
            results = [await run_tool(call, TOOLS) for call in talk.calls]
            keys += [str(result.get("content")) for result in results]
            talk.add_results(results)
        if len(keys) < 4:
            workflow.continue_as_new(args=[talks, keys])
        return keys


@activity.defn
def sleep_in_a_thread(seconds: float) -> str:
    """Block, as a database driver does."""
    time.sleep(seconds)
    return "slept"


@workflow.defn
class Blocking:
    """Runs the Activity above, with limits but no heartbeat timeout."""

    @workflow.run
    async def run(self, seconds: float) -> str:
        return await workflow.execute_activity(
            sleep_in_a_thread, seconds, start_to_close_timeout=timedelta(seconds=20)
        )


@dataclass
class Recorded:
    """What the tools below have seen, in the process that ran them."""

    keys: list[str | None] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    beating_tasks: int = 0
    was_cancelled: bool = False

    def attempt(self) -> int:
        self.keys.append(idempotency_key())
        self.attempts.append(activity.info().attempt)
        return activity.info().attempt


seen = Recorded()


@tool(effect="none")
async def add(a: int, b: int = 10, kind: Literal["plain", "json"] = "plain") -> object:
    """Add two numbers.

    Args:
        a: The first number.
        b: The second number.
        kind: How to say it.
    """
    seen.attempt()
    return f"{a + b}" if kind == "plain" else {"sum": a + b}


@tool(effect="none")
async def refuse() -> str:
    """Say no, always."""
    seen.attempt()
    raise ToolError("The desk is closed on Sundays.")


@tool(effect="none")
async def fail(times: int) -> str:
    """Fail some times, then work.

    Args:
        times: How often it fails.
    """
    if seen.attempt() <= times:
        raise RuntimeError("The carrier hung up.")
    return "delivered"


@tool(effect="none")
async def nap(seconds: float) -> str:
    """Sleep, without a heartbeat of its own.

    Args:
        seconds: How long.
    """
    seen.attempt()
    try:
        await asyncio.sleep(seconds / 2)
        names = [getattr(t.get_coro(), "__name__", "") for t in asyncio.all_tasks()]
        seen.beating_tasks = names.count("_beat")
        await asyncio.sleep(seconds / 2)
    except asyncio.CancelledError:
        seen.was_cancelled = True
        raise
    return "rested"


@tool(effect="none")
async def key() -> str:
    """Tell the idempotency key."""
    return str(idempotency_key())


TOOLS: list[AnyTool] = [add, refuse, fail, nap, key]
WORKFLOWS = [OneCall, Oversize, Hold, RunTool, RunToolOnce, RunToolInThreeRuns]


@dataclass(frozen=True)
class Desk:
    """A Worker of this process, and a client to give it work."""

    client: Client
    worker: Worker

    async def start(self, workflow: Any, *args: Any) -> Any:
        return await self.client.start_workflow(
            workflow,
            args=args,
            id=f"test-{uuid.uuid4()}",
            # A broken Workflow Task is retried forever: this ends it.
            execution_timeout=timedelta(seconds=40),
            task_queue=self.worker.task_queue,
        )

    async def run(self, workflow: Any, *args: Any) -> Any:
        return await (await self.start(workflow, *args)).result()

    async def run_tool(self, name: str, **arguments: object) -> dict[str, Any]:
        result: dict[str, Any] = await self.run(RunTool.run, ToolCall("toolu_1", name, arguments))
        return result


@asynccontextmanager
async def desk(
    *plugins: Plugin,
    tools: Sequence[AnyTool] = TOOLS,
    workflows: Sequence[type] = WORKFLOWS,
    activities: Sequence[Callable[..., Any]] | None = None,
    client: Client | None = None,
) -> AsyncIterator[Desk]:
    """Run a Worker on a task queue of its own, by default with `AgentPlugin()` and the tools."""
    seen.__init__()  # type: ignore[misc]
    await dev_server.ensure()
    client = client or await connect(*(plugins or (AgentPlugin(),)))
    async with Worker(
        client,
        task_queue=f"test-{uuid.uuid4()}",
        workflows=workflows,
        activities=activities or [claude_activity(""), tool_activity(tools)],
    ) as worker:
        yield Desk(client, worker)


def cause_of(err: WorkflowFailureError) -> ApplicationError:
    """Take out of a failed run what the Activity raised."""
    assert isinstance(err.cause, ActivityError)
    assert isinstance(err.cause.cause, ApplicationError)
    return err.cause.cause


async def eventually(condition: Callable[[], bool], timeout: float = 20) -> None:
    """Wait until something is so."""

    async def check() -> bool:
        return condition()

    late = AssertionError(f"not so within {timeout} s")
    await waiting.eventually(check, timeout=timeout, otherwise=lambda: late, every=0.02)
