"""What a run of the agent takes along when it continues as new. It doesn't grow."""

from dataclasses import dataclass, field, replace

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import Budget
    from agentkit.transcript import LongConversation
    from recipes.long_running.activities import Ticket


@dataclass(frozen=True)
class Progress:
    """How far the agent has come, for whoever asks."""

    tickets: int
    turns: int
    runs: int
    head: str | None
    usd: float
    ended: str


@dataclass
class Queue:
    """The agent's work, and how far it has come."""

    most: int | None = None  # how many tickets; None for all there are
    steps_per_run: int | None = None  # when to continue as new; None leaves it to the server
    budget: Budget = field(default_factory=Budget)  # of all runs together; seconds don't count
    talk: LongConversation = field(default_factory=LongConversation)
    ticket: Ticket = field(default_factory=Ticket)  # the one being worked on
    said: list[str] = field(default_factory=list)  # by people in between, not yet answered
    asked: bool = False  # whether the ticket's question has been put to Claude
    done: int = 0
    runs: int = 1
    ended: str = ""

    def take(self, found: Ticket | None) -> None:
        """Take the next ticket; without one the work is over, once nobody has said anything."""
        if found is not None and self.done != self.most:
            self.ticket = found
        elif not self.said:
            self.ended = "done"

    def ask(self) -> None:
        """Put the ticket to Claude."""
        self.talk.say(f"Ticket {self.ticket.number}: {self.ticket.question}")
        self.asked = True

    def answer(self, text: str) -> None:
        """Note what Claude answered."""
        self.ticket = replace(self.ticket, answer=text)
        self.asked, self.done = False, self.done + 1

    def progress(self) -> Progress:
        """How far the work has come."""
        turns, usd = self.talk.spent.turns, self.talk.spent.usd
        return Progress(self.done, turns, self.runs, self.talk.head, usd, self.ended)
