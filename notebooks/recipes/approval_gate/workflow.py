"""The agent loop with an approval gate: a tool call runs when policy or a person allows it."""

from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import Messages, ask_claude, assistant_message, text_of, tool_calls, user_message
    from agentkit.approvals import AuditEntry, Gate, Gated
    from agentkit.limits import history_is_full
    from agentkit.messages import quoted
    from recipes.approval_gate.activities import VERIFY
    from recipes.approval_gate.policy import TERMS, policy
    from recipes.approval_gate.tools import TOOLS

MAX_TURNS = 20


@dataclass(frozen=True)
class AgentResult:
    """How a run ended, and who decided on what."""

    text: str
    stop_reason: str
    turns: int
    audit: list[AuditEntry]


@workflow.defn
class ApprovalGateWorkflow(Gated):
    """A support agent whose effects need a person's approval."""

    @workflow.init
    def __init__(self, question: str) -> None:
        self.messages: Messages = []
        asker = f"the support desk, for a customer who wrote: {quoted(question)}"
        self.gate = Gate(TOOLS, policy, verify=VERIFY, terms=TERMS, asker=asker)

    @workflow.run
    async def run(self, question: str) -> AgentResult:
        """Call Claude and run what the gate lets through, until Claude answers."""
        self.messages.append(user_message(question))
        for turn in range(1, MAX_TURNS + 1):
            reply = await ask_claude(self.messages)
            self.messages.append(assistant_message(reply))
            workflow.logger.info("Turn %d: %s", turn, reply.stop_reason)
            calls = tool_calls(reply)
            if not calls:
                audit = await self.gate.finished()
                return AgentResult(text_of(reply), reply.stop_reason, turn, audit)
            results = await self.gate.run_all(calls)
            self.messages.append(user_message(results))
            if history_is_full():
                audit = await self.gate.finished()
                return AgentResult("The history is full.", "history_full", turn, audit)
        text = f"No answer within {MAX_TURNS} turns."
        return AgentResult(text, "max_turns", MAX_TURNS, await self.gate.finished())

    @workflow.query
    def transcript(self) -> Messages:
        """Return the conversation so far."""
        return self.messages
