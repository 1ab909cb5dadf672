"""The agent loop with parallel tools: all calls of a message at once, each on its own."""

from dataclasses import dataclass, field

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import (
        Messages,
        ask_claude,
        assistant_message,
        outcome_is_unknown,
        run_tools,
        text_of,
        tool_calls,
        user_message,
    )
    from agentkit.limits import history_is_full
    from recipes.parallel_tools.tools import TOOLS

MAX_TURNS = 20


@dataclass(frozen=True)
class AgentResult:
    """How a run ended; `ask_a_person` lists the effects that may or may not have happened."""

    text: str
    stop_reason: str
    turns: int
    ask_a_person: list[str] = field(default_factory=list)


@workflow.defn
class ParallelToolsWorkflow:
    """A support agent whose tools run side by side, and fail side by side."""

    def __init__(self) -> None:
        self.messages: Messages = []
        self.unknown: list[str] = []

    @workflow.run
    async def run(self, question: str) -> AgentResult:
        """Ask Claude, run all tools it asks for at once, send the results back in order."""
        self.messages.append(user_message(question))
        for turn in range(1, MAX_TURNS + 1):
            reply = await ask_claude(self.messages)
            self.messages.append(assistant_message(reply))
            workflow.logger.info("Turn %d: %s", turn, reply.stop_reason)
            calls = tool_calls(reply)
            if not calls:
                return AgentResult(text_of(reply), reply.stop_reason, turn, self.unknown)
            results = await run_tools(calls, TOOLS)
            pairs = zip(calls, results, strict=True)
            self.unknown += [call.name for call, result in pairs if outcome_is_unknown(result)]
            self.messages.append(user_message(results))
            if history_is_full():
                return AgentResult("The history is full.", "history_full", turn, self.unknown)
        text = f"No answer within {MAX_TURNS} turns."
        return AgentResult(text, "max_turns", MAX_TURNS, self.unknown)

    @workflow.query
    def transcript(self) -> Messages:
        """Return the conversation so far."""
        return self.messages
