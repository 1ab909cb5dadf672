"""The agent loop with a pinned prompt: a deployment changes new runs, and none in flight."""

from dataclasses import dataclass

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import (
        Messages,
        ask_claude,
        assistant_message,
        run_tools,
        text_of,
        tool_calls,
        user_message,
    )
    from agentkit.limits import history_is_full
    from agentkit.prompts import PinnedPrompt, pin_prompt
    from recipes.versioned_prompts.tools import TOOLS

MAX_TURNS = 20


@dataclass(frozen=True)
class AgentResult:
    """How a run ended, and which prompt it had."""

    text: str
    stop_reason: str
    turns: int
    prompt: str


@workflow.defn
class VersionedPromptsWorkflow:
    """A support agent whose prompt and tools stay the same from its first turn to its last."""

    def __init__(self) -> None:
        self.messages: Messages = []
        self.pinned: PinnedPrompt | None = None

    @workflow.run
    async def run(self, question: str) -> AgentResult:
        """Pin the current prompt, then call Claude and run its tools until it answers."""
        self.pinned = prompt = await pin_prompt()
        workflow.set_current_details(f"Prompt: {prompt.label}")
        self.messages.append(user_message(question))
        for turn in range(1, MAX_TURNS + 1):
            reply = await ask_claude(self.messages, prompt=prompt)
            self.messages.append(assistant_message(reply))
            workflow.logger.info("Turn %d: %s", turn, reply.stop_reason)
            calls = tool_calls(reply)
            if not calls:
                return AgentResult(text_of(reply), reply.stop_reason, turn, prompt.label)
            results = await run_tools(calls, TOOLS)
            self.messages.append(user_message(results))
            if history_is_full():
                return AgentResult("The history is full.", "history_full", turn, prompt.label)
        text = f"No answer within {MAX_TURNS} turns."
        return AgentResult(text, "max_turns", MAX_TURNS, prompt.label)

    @workflow.query
    def transcript(self) -> Messages:
        """Return the conversation so far."""
        return self.messages

    @workflow.query
    def prompt(self) -> str:
        """Return the label of this run's prompt; "" before its first step."""
        return self.pinned.label if self.pinned else ""
