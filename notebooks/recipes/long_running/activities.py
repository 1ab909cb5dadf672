"""The agent's Activities: its prompt, its conversation, its tools and its queue of tickets."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temporalio import activity

from agentkit import tool_activity
from agentkit.idempotency import prove_key, use_idempotency_key
from agentkit.prompts import prompt_activities
from agentkit.transcript import transcript_activities
from agentkit.transcript.payloads import cut
from recipes.long_running.tools import TOOLS, answer_ticket, next_ticket

SYSTEM = """You are the support desk of a small bookshop and work through a queue of tickets.
Look things up before you act, and answer each ticket in two or three sentences."""

MOST_CHARACTERS = 20_000  # of a ticket's question, which a run carries along


@dataclass(frozen=True)
class Ticket:
    """A ticket and, once Claude has given one, its answer."""

    number: int = 0
    question: str = ""
    answer: str = ""


@dataclass(frozen=True)
class SubmitAnswer:
    """A ticket to submit, and the idempotency key of its answer."""

    ticket: Ticket
    key: str


@activity.defn
async def submit_answer(submission: SubmitAnswer) -> Ticket | None:
    """Send a ticket's answer, once per key, and return the next ticket; None after the last."""
    ticket = submission.ticket
    if ticket.answer:
        await prove_key(submission.key, f"ticket-{ticket.number}")  # its own, and no other run's
        with use_idempotency_key(submission.key, "answer_ticket", [ticket.number, ticket.answer]):
            await asyncio.to_thread(answer_ticket, ticket.number, ticket.answer)
    found = await asyncio.to_thread(next_ticket, ticket.number)
    if found is None:
        return None
    number, question = found
    return Ticket(number, cut(question, MOST_CHARACTERS, "\n[Cut here: the ticket is longer.]"))


ACTIVITIES: list[Callable[..., Any]] = [
    *prompt_activities("support", SYSTEM, TOOLS),
    *transcript_activities(),
    tool_activity(TOOLS, keep_over=0),  # results stay in the store, history gets references
    submit_answer,
]
