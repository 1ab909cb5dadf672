"""The agent loop as a Workflow: every step is recorded, so the run outlives its worker."""

from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import Messages, assistant_message, run_tool, text_of, tool_calls, user_message
    from recipes.durable_loop.activities import ask_claude


@dataclass(frozen=True)
class Answer:
    """How a run ended."""

    text: str
    stop_reason: str
    turns: int


@workflow.defn
class DurableLoop:
    """A support agent that resumes at the step where its worker died."""

    def __init__(self) -> None:
        self.messages: Messages = []

    @workflow.run
    async def run(self, question: str) -> Answer:
        """Ask Claude, run the tools it asks for, give back the results; until it answers."""
        self.messages.append(user_message(question))
        for turn in range(1, 21):
            reply = await ask_claude(self.messages)
            self.messages.append(assistant_message(reply.content))
            calls = tool_calls(reply.content)
            if reply.stop_reason != "tool_use":
                return Answer(text_of(reply.content), reply.stop_reason, turn)
            self.messages.append(user_message([await run_tool(call) for call in calls]))
        return Answer("No answer within 20 turns.", "max_turns", 20)

    @workflow.query
    def transcript(self) -> Messages:
        """The conversation so far."""
        return self.messages
