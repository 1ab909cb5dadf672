"""The Activities that work on a transcript."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from temporalio import activity
from temporalio.exceptions import ApplicationError

from agentkit.messages import ClaudeRequest, text_of, tool_calls
from agentkit.prompts import call_with, load_prompt
from agentkit.stores import SQLiteStore, Store
from agentkit.tool_activities import keep_arguments
from agentkit.transcript.chain import BrokenTranscript, Entry, append, append_summary
from agentkit.transcript.payloads import CUT, MOST_ARGUMENTS, MOST_SAID, Condensed, Turn, TurnTaken
from agentkit.transcript.summary import request_for
from agentkit.transcript.window import read_window

T = TypeVar("T")


def transcript_activities(store: Store | None = None) -> list[Callable[..., Any]]:
    """Make the Activities of a `LongConversation`, `take_turn` and `condense`, for the Worker.

    Args:
        store: Where conversations and prompts are kept, for all workers the same; by default
            `SQLiteStore()`.
    """
    kept_in = store or SQLiteStore()

    @activity.defn
    async def take_turn(turn: Turn) -> TurnTaken:
        return await _or_broken(_take_turn(kept_in, turn))

    @activity.defn
    async def condense(turn: Turn) -> Condensed:
        return await _or_broken(_condense(kept_in, turn))

    return [take_turn, condense]


async def _or_broken(step: Awaitable[T]) -> T:
    try:
        return await step
    except BrokenTranscript as err:
        raise ApplicationError(str(err), type="BrokenTranscript", non_retryable=True) from None


async def _take_turn(store: Store, turn: Turn) -> TurnTaken:
    """Read the window, call Claude, and append what both sides said."""
    new = cast("list[Entry]", turn.new)
    view = await asyncio.to_thread(read_window, store, turn.head, turn.window, new)
    prompt = await asyncio.to_thread(load_prompt, store, turn.prompt)
    request = ClaudeRequest(view.messages, max_tokens=turn.answer.max_tokens)
    reply = replace(await call_with(prompt, request), turn=view.count)
    answer = replace(turn.answer)
    step = answer.apply_reply(reply)
    said = [*new, *cast("list[Entry]", step.messages)]
    if step.do != "run_tools":
        said = [each for each in map(_without_calls, said) if each["content"]]
    head = await asyncio.to_thread(append, store, turn.head, said)
    calls = tool_calls(reply) if step.do == "run_tools" else []
    kept = [await asyncio.to_thread(keep_arguments, each, store, MOST_ARGUMENTS) for each in calls]
    return TurnTaken(
        head=head,
        do=step.do,
        calls=kept,
        answer=replace(answer, text=_cut(answer.text)),
        usage=reply.usage,
        model=reply.model,
        stop_reason=reply.stop_reason,
        ended=step.ended,
        detail=step.detail,
        full=view.full,
    )


async def _condense(store: Store, turn: Turn) -> Condensed:
    """Ask Claude for a summary of what drops out of the window, and append it."""
    assert turn.head is not None
    prompt = await asyncio.to_thread(load_prompt, store, turn.prompt)
    request, covers = await asyncio.to_thread(request_for, store, turn.head, turn.window)
    reply = await call_with(prompt, request)
    summary = text_of(reply).strip()
    if not summary:
        raise ApplicationError(f"Claude wrote no summary ({reply.stop_reason}).", type="NoSummary")
    head = await asyncio.to_thread(append_summary, store, turn.head, summary, covers)
    return Condensed(head, reply.usage, reply.model)


def _without_calls(message: Entry) -> Entry:
    """Drop calls that won't run, as of a refusal: the API wants a result for each."""
    content = message["content"]
    if message["role"] != "assistant" or all(b["type"] != "tool_use" for b in content):
        return message
    return {**message, "content": [block for block in content if block["type"] == "text"]}


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SAID else text[: MOST_SAID - len(CUT)] + CUT
