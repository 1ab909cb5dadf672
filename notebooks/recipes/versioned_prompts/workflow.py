"""The agent loop with its prompt pinned: a deployment changes new runs, and none in flight."""

from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import Messages, assistant_message, run_tools, text_of, tool_calls, user_message
    from agentkit.prompts import PinnedPrompt, pin_prompt
    from recipes.versioned_prompts.activities import ask_claude
    from recipes.versioned_prompts.tools import TOOLS


@dataclass(frozen=True)
class Answer:
    """How a run ended, and which prompt it was given."""

    text: str
    stop_reason: str
    turns: int
    prompt: str


@workflow.defn
class VersionedPrompts:
    """A support agent that is told the same from its first turn to its last."""

    def __init__(self) -> None:
        self.messages: Messages = []
        self.pinned: PinnedPrompt | None = None

    @workflow.run
    async def run(self, question: str) -> Answer:
        """Take the current prompt, say which, and work with it until there is an answer."""
        self.pinned = prompt = await pin_prompt()
        workflow.set_current_details(f"Prompt: {prompt.label}")
        self.messages.append(user_message(question))
        for turn in range(1, 21):
            reply = await ask_claude(prompt, self.messages)
            self.messages.append(assistant_message(reply.content))
            if reply.stop_reason != "tool_use":
                return Answer(text_of(reply.content), reply.stop_reason, turn, prompt.label)
            results = await run_tools(tool_calls(reply.content), TOOLS)
            self.messages.append(user_message(results))
        return Answer("No answer within 20 turns.", "max_turns", 20, prompt.label)

    @workflow.query
    def transcript(self) -> Messages:
        """The conversation so far."""
        return self.messages

    @workflow.query
    def prompt(self) -> str:
        """The label of the prompt that this run keeps; "" before its first step."""
        return self.pinned.label if self.pinned else ""
