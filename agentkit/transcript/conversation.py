"""The Workflow's side: a conversation of any length, of which a run carries a head."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from temporalio import workflow

from agentkit.activity_options import CLAUDE_OPTIONS
from agentkit.budget import Spent
from agentkit.messages import Messages, PinnedPrompt, ToolCall, Verbatim, user_message
from agentkit.stop_reasons import PartialAnswer
from agentkit.transcript.payloads import (
    Condensed,
    Condensing,
    Turn,
    TurnTaken,
)
from agentkit.transcript.window import Window

if TYPE_CHECKING:
    from anthropic.types import ToolResultBlockParam

    Results: TypeAlias = Sequence[ToolResultBlockParam]


@dataclass
class LongConversation:
    """What a run knows of its conversation: the whole of it goes along to the next run.

    Its worker needs `prompt_activities`, `transcript_activities` and `tool_activity(…,
    keep_over=0)`, all with the same store.

    Attributes:
        prompt: The prompt that the conversation began with; None before that.
        window: How much of the conversation goes to Claude.
        head: The end of the conversation; None before its first turn.
        new: What was said since the head.
        calls: The tools that Claude asked for and that have no results yet.
        answer: The answer that is coming together.
        spent: What the conversation has used, summaries included.
        full: Whether the window leaves out what no summary covers.

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
        """Take a prompt, unless this conversation has one: a new one is for new conversations.

        Args:
            pinned: From `pin_prompt`.
        """
        self.prompt = self.prompt or pinned

    def say(self, text: str) -> None:
        """Add words of the user's; they go to Claude with the next turn.

        Args:
            text: The words.

        Raises:
            ValueError: There are none, which the API refuses; or tools have no results yet.
        """
        if not text.strip():
            raise ValueError("The user has to say something.")
        if self.calls:
            raise ValueError("Claude waits for the results of its tools: add_results() first.")
        self.new.append(user_message(text))

    def add_results(self, results: "Results") -> None:
        """Add the results of `calls`; they go to Claude with the next turn.

        Args:
            results: One block for each call, from `run_tools` or a `Gate`.

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
        """Whether a turn is due: something is new, or an answer isn't whole yet."""
        return bool(self.new) or self.answer.continued > 0

    async def take_turn(self, **options: Any) -> TurnTaken:
        """Have Claude say what comes next; before that, if need be, make a summary.

        Args:
            **options: Activity options (`workflow.ActivityConfig`) that replace
                `agentkit.claude.CLAUDE_OPTIONS`.

        Returns:
            What came of it. When it asks for tools, they are in `calls`.

        Raises:
            ActivityError: The call failed for good; what was new is still there to be sent.
        """
        if self.calls:
            raise ValueError("Claude waits for the results of its tools: add_results() first.")
        if self.prompt is None:
            raise ValueError("This conversation has no prompt: begin(await pin_prompt()) first.")
        if self.full and self.window.summarise and self.head is not None:
            await self._condense(self.head, self.prompt, options)
        # Of an answer that is over nothing needs to go along.
        answer = self.answer if self.answer.continued else replace(self.answer, text="")
        turn = Turn(self.head, self.new, self.prompt, self.window, answer)
        taken: TurnTaken = await _execute("take_turn", turn, TurnTaken, **options)
        self.head, self.new, self.calls = taken.head, [], taken.calls
        self.answer, self.full = taken.answer, taken.full
        self.spent.add(taken)
        if taken.do == "end":
            self.answer = PartialAnswer()
        return taken

    async def _condense(self, head: str, prompt: PinnedPrompt, options: dict[str, Any]) -> None:
        task = Condensing(head, prompt, self.window)
        made: Condensed = await _execute("condense", task, Condensed, **options)
        self.head, self.full = made.head, False
        self.spent.add(made)


async def _execute(name: str, argument: object, result: type, **options: Any) -> Any:
    settings: dict[str, Any] = {**CLAUDE_OPTIONS, **options}
    return await workflow.execute_activity(name, argument, result_type=result, **settings)


def _without_preview(block: "ToolResultBlockParam") -> "ToolResultBlockParam":
    """Leave of a kept result what a link holds: history has its preview already."""
    content: Any = block.get("content")
    if not isinstance(content, dict):
        return block
    kept: Any = {key: content[key] for key in ("kept", "note") if key in content}
    return {**block, "content": kept}
