"""The agent loop with parallel tools: all calls of a message at once, each on its own."""

from dataclasses import dataclass, field

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import (
        Messages,
        assistant_message,
        outcome_is_unknown,
        run_tools,
        text_of,
        tool_calls,
        user_message,
    )
    from recipes.parallel_tools.activities import ask_claude
    from recipes.parallel_tools.tools import TOOLS


@dataclass(frozen=True)
class Answer:
    """How a run ended; `ask_a_person` lists the effects that may or may not have happened."""

    text: str
    stop_reason: str
    turns: int
    ask_a_person: list[str] = field(default_factory=list)


@workflow.defn
class ParallelTools:
    """A support agent whose tools run side by side, and fail side by side."""

    def __init__(self) -> None:
        self.messages: Messages = []
        self.unknown: list[str] = []

    @workflow.run
    async def run(self, question: str) -> Answer:
        """Ask Claude, run all tools it asks for at once, give the results back in order."""
        self.messages.append(user_message(question))
        for turn in range(1, 21):
            reply = await ask_claude(self.messages)
            self.messages.append(assistant_message(reply.content))
            if reply.stop_reason != "tool_use":
                return Answer(text_of(reply.content), reply.stop_reason, turn, self.unknown)
            calls = tool_calls(reply.content)
            results = await run_tools(calls, TOOLS)
            pairs = zip(calls, results, strict=True)
            self.unknown += [call.name for call, result in pairs if outcome_is_unknown(result)]
            self.messages.append(user_message(results))
        return Answer("No answer within 20 turns.", "max_turns", 20, self.unknown)

    @workflow.query
    def transcript(self) -> Messages:
        """The conversation so far."""
        return self.messages
