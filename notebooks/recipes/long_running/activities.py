"""The queue's Activity, and the prompt; those of the conversation come with TranscriptPlugin."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from agentkit.idempotency import use_idempotency_key
    from agentkit.transcript import Prompt
    from recipes.long_running.tools import TOOLS, answer_ticket, next_ticket

SYSTEM = """You are the support desk of a small bookshop and work through a queue of tickets.
Look things up before you act, and answer each ticket in two or three sentences."""


@dataclass(frozen=True)
class Ticket:
    """A ticket and, once it has one, its answer."""

    number: int = 0
    question: str = ""
    answer: str = ""


@activity.defn
async def hand_in(done: Ticket, key: str) -> Ticket | None:
    """Send the answer of one ticket, once for this key, and take the next ticket."""
    if done.answer:
        with use_idempotency_key(key):
            answer_ticket(done.number, done.answer)
    found = next_ticket(done.number)
    return None if found is None else Ticket(*found)


def prompt() -> Prompt:
    """The prompt of conversations that begin now."""
    return Prompt(SYSTEM, [t.schema() for t in TOOLS])


async def next_after(done: Ticket) -> Ticket | None:
    """Hand a ticket in and get the next one; None when the queue is empty."""
    return await workflow.execute_activity(
        hand_in,
        args=[done, f"{workflow.info().first_execution_run_id}:ticket-{done.number}"],
        start_to_close_timeout=timedelta(seconds=20),
        schedule_to_close_timeout=timedelta(minutes=5),
        heartbeat_timeout=timedelta(seconds=2),
        retry_policy=RetryPolicy(maximum_attempts=20),
    )
