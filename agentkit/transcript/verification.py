"""Checks of a transcript: in itself, and against the heads in Workflow history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle

from agentkit.stores import Store
from agentkit.transcript.chain import BrokenTranscript, opened, size_of, walk


@dataclass(frozen=True)
class Verified:
    """The size of a conversation that is whole; `tokens` is an estimate."""

    links: int
    messages: int
    summaries: int
    tokens: int


def verify(store: Store, head: str | None) -> Verified:
    """Check a whole conversation: every link, every text it refers to, every total.

    Raises:
        BrokenTranscript: Something is missing, altered, or doesn't add up.
    """
    links = summaries = messages = tokens = 0
    later = None
    for link in walk(store, head):
        if later is None:
            messages, tokens = link.count, link.tokens
        elif (later.start, later.tokens - sum(later.sizes), later.first, later.noted) != (
            link.count,
            link.tokens,
            link.first,
            link.newest_summary,
        ):
            raise BrokenTranscript(f"{later.reference} doesn't follow on {link.reference}.")
        if link.sizes != [size_of(opened(store, each)) for each in link.messages]:
            raise BrokenTranscript(f"The sizes in {link.reference} aren't those of its messages.")
        links, summaries, later = links + 1, summaries + bool(link.summary), link
    if later is not None and (later.start, later.first, later.noted) != (0, later.reference, None):
        raise BrokenTranscript(f"{later.reference} says that it is the first, but it isn't.")
    return Verified(links, messages, summaries, tokens)


def verify_history(store: Store, heads: Sequence[str]) -> Verified:
    """Check a conversation against `recorded_heads`, and as `verify` does from the last of them.

    Raises:
        BrokenTranscript: As `verify`; or the heads aren't in the conversation, in this order.
    """
    if not heads:
        return Verified(0, 0, 0, 0)
    seen = verify(store, heads[-1])
    left = list(heads)
    for link in walk(store, heads[-1]):
        while left and left[-1] == link.reference:
            left.pop()
    if left:
        raise BrokenTranscript(
            f"History recorded {left[-1]}, which isn't in its place in the conversation that ends "
            f"with {heads[-1]}."
        )
    return seen


async def recorded_heads(client: Client, workflow_id: str, first_run_id: str) -> list[str]:
    """Collect the heads in the histories of a run and its continuations, the oldest first."""
    heads: list[str] = []
    run_id = first_run_id
    while run_id:
        run: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id, run_id=run_id)
        run_id = ""
        async for event in run.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                result = event.activity_task_completed_event_attributes.result.payloads
                values = await client.data_converter.decode(result)
                heads += [v["head"] for v in values if isinstance(v, dict) and "head" in v]
            elif event.HasField("workflow_execution_continued_as_new_event_attributes"):
                ended = event.workflow_execution_continued_as_new_event_attributes
                run_id = ended.new_execution_run_id
    return heads
