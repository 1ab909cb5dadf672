"""The Workflow's side of a transcript: a conversation of which a run carries only the head."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from temporalio import workflow

from agentkit.activity_options import CLAUDE_OPTIONS
from agentkit.budget import Spent
from agentkit.messages import Messages, PinnedPrompt, ToolCall, Verbatim, user_message
from agentkit.stop_reasons import PartialAnswer
from agentkit.transcript.payloads import Condensed, Turn, TurnTaken
from agentkit.transcript.window import Window

if TYPE_CHECKING:
    from anthropic.types import ToolResultBlockParam

    Results: TypeAlias = Sequence[ToolResultBlockParam]


@dataclass
class LongConversation:
    """A run's knowledge of its conversation, which continue-as-new carries to the next run.

    Its worker needs `prompt_activities`, `transcript_activities` and `tool_activity(…,
    keep_over=0)`, all with the same store.

    Attributes:
        prompt: The prompt that the conversation began with; None before that.
        window: The part of the conversation that goes to Claude.
        head: The end of the conversation; None before its first turn.
        new: Messages since the head.
        calls: The tools that Claude asked for and that have no results yet.
        answer: The answer so far.
        spent: The conversation's account, summaries included.
        full: Whether messages have dropped out of the window that no summary covers yet.

    Example:
        ```python
        if talk.prompt is None:
            await talk.begin(await pin_prompt())
        talk.say("Where is order 1036?")
        while (await talk.take_turn()).do != "end":
            if talk.calls:
                talk.add_results(await run_tools(talk.calls, TOOLS))
        ```
    """

    prompt: PinnedPrompt | None = None
    window: Window = field(default_factory=Window)
    head: str | None = None
    new: Verbatim[Messages] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    answer: PartialAnswer = field(default_factory=PartialAnswer)
    spent: Spent = field(default_factory=Spent)
    full: bool = False

    async def begin(self, pinned: PinnedPrompt) -> None:
        """Take a prompt from `pin_prompt`, unless the conversation has one: it keeps its first."""
        self.prompt = self.prompt or pinned

    def say(self, text: str) -> None:
        """Add words of the user's, for the next turn.

        Raises:
            ValueError: There are none, which the API refuses; or tools have no results yet.
        """
        if not text.strip():
            raise ValueError("The user has to say something.")
        if self.calls:
            raise ValueError("Claude waits for the results of its tools: add_results() first.")
        self.new.append(user_message(text))

    def add_results(self, results: "Results") -> None:
        """Add the results of `calls`, from `run_tools` or a `Gate`, for the next turn.

        Raises:
            ValueError: They are not the results of these calls.
        """
        ids = [call.id for call in self.calls]
        if [block["tool_use_id"] for block in results] != ids:
            raise ValueError(f"Expected the results of {ids}, in this order.")
        self.new.append(user_message([_without_preview(block) for block in results]))
        self.calls = []

    @property
    def has_more_to_say(self) -> bool:
        """Whether a turn is due: a message is new, or an answer isn't whole yet."""
        return bool(self.new) or self.answer.continued > 0

    async def take_turn(self, **options: Any) -> TurnTaken:
        """Call Claude, after making a summary if one is due.

        Args:
            **options: Activity options (`workflow.ActivityConfig`) that replace
                `agentkit.activity_options.CLAUDE_OPTIONS`.

        Raises:
            ActivityError: The call failed for good; `new` still holds what is to be sent.
        """
        if self.calls:
            raise ValueError("Claude waits for the results of its tools: add_results() first.")
        if self.prompt is None:
            raise ValueError("This conversation has no prompt: begin(await pin_prompt()) first.")
        # An answer that is over needn't go along.
        answer = self.answer if self.answer.continued else replace(self.answer, text="")
        turn = Turn(self.head, self.new, self.prompt, self.window, answer)
        if self.full and self.window.summarise:
            made: Condensed = await _execute("condense", replace(turn, new=[]), Condensed, options)
            self.spent.add(made)
            turn = replace(turn, head=made.head)
            self.head, self.full = made.head, False
        taken: TurnTaken = await _execute("take_turn", turn, TurnTaken, options)
        self.head, self.new, self.calls = taken.head, [], taken.calls
        self.answer, self.full = taken.answer, taken.full
        self.spent.add(taken)
        if taken.do == "end":
            self.answer = PartialAnswer()
        return taken


async def _execute(name: str, turn: Turn, result: type, options: dict[str, Any]) -> Any:
    settings: dict[str, Any] = {**CLAUDE_OPTIONS, **options}
    return await workflow.execute_activity(name, turn, result_type=result, **settings)


def _without_preview(block: "ToolResultBlockParam") -> "ToolResultBlockParam":
    """Reduce a kept result to its reference and note: history has the preview already."""
    content: Any = block.get("content")
    if not isinstance(content, dict):
        return block
    kept: Any = {key: content[key] for key in ("kept", "note") if key in content}
    return {**block, "content": kept}
