"""What a run takes along when it continues as new. Its size doesn't grow with the work done."""

from dataclasses import dataclass, field, replace

from agentkit import Budget
from agentkit.transcript import LongConversation
from agentkit.transcript.inbox import Inbox
from recipes.long_running.activities import Ticket


@dataclass(frozen=True)
class Progress:
    """How far the agent has come, as the Query `progress` and the result report it."""

    tickets: int
    turns: int
    runs: int
    head: str | None
    usd: float
    ended: str
    refused: int = 0  # messages of people's: blank, no text, or too many at once


@dataclass
class Queue:
    """The agent's work, and how far it has come."""

    most: int | None = None  # tickets to answer; None for all there are
    steps_per_run: int | None = None  # when to continue as new; None leaves it to the server
    budget: Budget = field(default_factory=Budget)  # of all runs together; seconds don't count
    talk: LongConversation = field(default_factory=LongConversation)
    ticket: Ticket = field(default_factory=Ticket)  # the one being worked on
    inbox: Inbox = field(default_factory=Inbox)  # people's messages, not yet put to Claude
    asked: bool = False  # whether the ticket's question has been put to Claude
    answered: int = 0
    runs: int = 1
    ended: str = ""

    def what_is_wrong(self) -> str:
        """Say what no run can work with; "" if nothing is."""
        if self.most is not None and self.most < 0:
            return f"most is {self.most}: give a number of tickets, or None for all there are."
        if self.steps_per_run is not None and self.steps_per_run < 1:
            return f"steps_per_run is {self.steps_per_run}: a run takes one step at least."
        return ""

    def start_ticket(self, ticket: Ticket | None) -> None:
        """Take up the next ticket; if there is none and nothing left to say, end the work."""
        if ticket is not None and self.answered != self.most:
            self.ticket = ticket
        elif not self.inbox.waiting:
            self.ended = "done"

    def ask_question(self) -> None:
        """Put the ticket's question to Claude."""
        self.talk.say(f"Ticket {self.ticket.number}: {self.ticket.question}")
        self.asked = True

    def record_answer(self, text: str) -> None:
        """Write Claude's answer into the ticket; the next step submits it."""
        self.ticket = replace(self.ticket, answer=text)
        self.asked = False
        self.answered += 1

    def progress(self) -> Progress:
        """Sum up how far the work has come."""
        return Progress(
            tickets=self.answered,
            turns=self.talk.spent.turns,
            runs=self.runs,
            head=self.talk.head,
            usd=self.talk.spent.usd,
            ended=self.ended,
            refused=self.inbox.refused,
        )
