"""The Activities that work on a transcript."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from temporalio import activity
from temporalio.exceptions import ApplicationError

from agentkit.messages import ClaudeRequest, ToolCall, text_of, tool_calls
from agentkit.prompts import call_with, load_prompt
from agentkit.stores import SQLiteStore, Store
from agentkit.tool_activities import keep_arguments, open_arguments
from agentkit.transcript.chain import BrokenTranscript, Entry, append, append_summary, walk
from agentkit.transcript.payloads import (
    MOST_ARGUMENTS,
    MOST_SAID,
    Condensed,
    Turn,
    TurnTaken,
    cut,
    share,
)
from agentkit.transcript.shortening import shortened_text
from agentkit.transcript.summary import request_for, without_reply
from agentkit.transcript.window import read_window

T = TypeVar("T")

MOST_JUDGED = 50_000
"""The most characters, as JSON, of kept arguments that a Gate gets to see."""

NOT_RUN = (
    "Not run: the conversation was continued without this call. If it changes anything, find out "
    "whether it happened before you call it again, or ask a person."
)
"""The result of a call that the conversation was continued without, from a head of another run."""


def transcript_activities(store: Store | None = None) -> list[Callable[..., Any]]:
    """Make the Activities of a `LongConversation` for the Worker.

    They are `take_turn`, `condense`, `keep_text` for a person's long words, and `open_arguments`
    for a Gate.

    Args:
        store: Where conversations and prompts are kept, for all workers the same; by default
            `SQLiteStore()`.
    """
    kept_in = store or SQLiteStore()

    @activity.defn
    async def take_turn(turn: Turn) -> TurnTaken | None:
        return await _or_broken(_take_turn(kept_in, turn))

    @activity.defn
    async def condense(turn: Turn) -> Condensed:
        return await _or_broken(_condense(kept_in, turn))

    @activity.defn
    async def keep_text(text: str) -> str:
        return await asyncio.to_thread(kept_in.put, text)

    @activity.defn(name="open_arguments")
    async def open_for_gate(call: ToolCall) -> dict[str, Any]:
        found = (await asyncio.to_thread(open_arguments, call, kept_in)).input
        if (length := len(json.dumps(found, ensure_ascii=False))) > MOST_JUDGED:
            why = f"The arguments have {length:,} characters, and {MOST_JUDGED:,} can be judged."
            raise ApplicationError(f"{why} Send less at a time.", non_retryable=True)
        return found

    return [take_turn, condense, keep_text, open_for_gate]


async def _or_broken(step: Awaitable[T]) -> T:
    try:
        return await step
    except BrokenTranscript as err:
        raise ApplicationError(str(err), type="BrokenTranscript", non_retryable=True) from None


async def _take_turn(store: Store, turn: Turn) -> TurnTaken | None:
    """Read the window, call Claude, and append what both sides said.

    Return None, and call nobody, if messages drop out of the window that no summary covers.
    """
    new = await asyncio.to_thread(_with_all_results, store, turn)
    view = await asyncio.to_thread(read_window, store, turn.head, turn.window, new)
    if view.full and turn.window.summarise:
        return None
    prompt = await asyncio.to_thread(load_prompt, store, turn.prompt)
    request = ClaudeRequest(view.messages, max_tokens=turn.answer.max_tokens)
    reply = replace(await call_with(prompt, request), turn=view.count, among=turn.among)
    answer = replace(turn.answer)
    step = answer.apply_reply(reply)
    said = [*new, *cast("list[Entry]", step.messages)]
    head = await asyncio.to_thread(append, store, turn.head, said)
    calls = tool_calls(reply) if step.do == "run_tools" else []
    most = share(MOST_ARGUMENTS, len(calls))
    kept = [await asyncio.to_thread(keep_arguments, each, store, most) for each in calls]
    return TurnTaken(
        head=head,
        do=step.do,
        calls=kept,
        answer=replace(answer, text=cut(answer.text, MOST_SAID)),
        usage=reply.usage,
        model=reply.model,
        stop_reason=reply.stop_reason,
        ended=step.ended,
        detail=cut(step.detail, MOST_SAID),
    )


async def _condense(store: Store, turn: Turn) -> Condensed:
    """Append what is new, ask Claude for a summary of what drops out, and append that, too."""
    new = await asyncio.to_thread(_with_all_results, store, turn)
    head = await asyncio.to_thread(append, store, turn.head, new)
    prompt = await asyncio.to_thread(load_prompt, store, turn.prompt)
    request, covers = await asyncio.to_thread(request_for, store, head, turn.window)
    reply = await call_with(prompt, request)
    summary = text_of(reply).strip()
    if not summary:
        if activity.info().attempt == 1:
            why = f"Claude wrote no summary ({reply.stop_reason})."
            raise ApplicationError(why, type="NoSummary")
        view = await asyncio.to_thread(read_window, store, head, turn.window)
        summary = without_reply(view.summary, turn.window)
    summary = shortened_text(summary, turn.window.notes)
    head = await asyncio.to_thread(append_summary, store, head, summary, covers)
    return Condensed(head, reply.usage, reply.model)


def _with_all_results(store: Store, turn: Turn) -> list[Entry]:
    """Return the new messages, in which each open call of the head has a result.

    A conversation may be continued from a head between calls and results; the API wants both.
    """
    new = cast("list[Entry]", turn.new)
    last = next((link for link in walk(store, turn.head) if link.messages), None)
    content = last.messages[-1]["content"] if last else ""
    if last is None or last.messages[-1]["role"] == "user" or isinstance(content, str):
        return new
    first = new[0]["content"] if new else ""
    results = first if isinstance(first, list) else []
    known = {block.get("tool_use_id") for block in results}
    missing = [
        {"type": "tool_result", "tool_use_id": b["id"], "content": NOT_RUN, "is_error": True}
        for b in content
        if b.get("type") == "tool_use" and b["id"] not in known
    ]
    if missing and known:
        return [{**new[0], "content": [*missing, *results]}, *new[1:]]
    return [{"role": "user", "content": missing}, *new] if missing else new
