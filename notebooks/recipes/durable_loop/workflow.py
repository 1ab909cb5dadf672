"""The agent loop as a Workflow: every step is recorded, so the run outlives its worker."""

from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import (
        Messages,
        ask_claude,
        assistant_message,
        run_tool,
        text_of,
        tool_calls,
        user_message,
    )
    from agentkit.limits import history_is_full
    from recipes.durable_loop.tools import TOOLS

MAX_TURNS = 20


@dataclass(frozen=True)
class AgentResult:
    """How a run ended."""

    text: str
    stop_reason: str
    turns: int


@workflow.defn
class AgentWorkflow:
    """A support agent that resumes at the step where its worker died."""

    def __init__(self) -> None:
        self.messages: Messages = []

    @workflow.run
    async def run(self, question: str) -> AgentResult:
        """Ask Claude, run the tools it asks for, send back the results, until it answers."""
        self.messages.append(user_message(question))
        for turn in range(1, MAX_TURNS + 1):
            reply = await ask_claude(self.messages)
            self.messages.append(assistant_message(reply))
            workflow.logger.info("Turn %d: %s", turn, reply.stop_reason)
            calls = tool_calls(reply)
            if not calls:
                return AgentResult(text_of(reply), reply.stop_reason, turn)
            results = [await run_tool(call, TOOLS) for call in calls]
            self.messages.append(user_message(results))
            if history_is_full():
                return AgentResult("The history is full.", "history_full", turn)
        return AgentResult(f"No answer within {MAX_TURNS} turns.", "max_turns", MAX_TURNS)

    @workflow.query
    def transcript(self) -> Messages:
        """Return the conversation so far."""
        return self.messages
