"""The agent loop with a gate between what Claude asks for and what runs."""

from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import Messages, assistant_message, text_of, tool_calls, user_message
    from agentkit.approvals import AuditEntry, Gate
    from recipes.approval_gate.activities import VERIFY, ask_claude
    from recipes.approval_gate.policy import TERMS, policy
    from recipes.approval_gate.tools import TOOLS


@dataclass(frozen=True)
class Answer:
    """How a run ended, and who decided what on the way."""

    text: str
    stop_reason: str
    turns: int
    audit: list[AuditEntry]


@workflow.defn
class ApprovalGate:
    """A support agent whose effects need somebody's consent."""

    @workflow.init
    def __init__(self, question: str) -> None:
        self.messages: Messages = []
        asker = f"the support desk, for a customer who wrote: {question}"
        self.gate = Gate(TOOLS, policy, verify=VERIFY, terms=TERMS, asker=asker)

    @workflow.run
    async def run(self, question: str) -> Answer:
        """Ask Claude, run what the gate lets through, give back the results; until it answers."""
        self.messages.append(user_message(question))
        for turn in range(1, 21):
            reply = await ask_claude(self.messages)
            self.messages.append(assistant_message(reply.content))
            if reply.stop_reason != "tool_use":
                audit = await self.gate.finished()
                return Answer(text_of(reply.content), reply.stop_reason, turn, audit)
            results = await self.gate.run_all(tool_calls(reply.content))
            self.messages.append(user_message(results))
        return Answer("No answer within 20 turns.", "max_turns", 20, await self.gate.finished())

    @workflow.query
    def transcript(self) -> Messages:
        """The conversation so far."""
        return self.messages
