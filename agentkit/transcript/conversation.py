"""The Workflow's side: a conversation of any length, of which a run carries a head."""

# No `from __future__ import annotations` here: see agentkit/claude.py.

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from temporalio import workflow

from agentkit.budget import Spent
from agentkit.claude import CLAUDE_OPTIONS
from agentkit.messages import Messages, ToolCall, Verbatim, user_message
from agentkit.stop_reasons import Answer
from agentkit.transcript.payloads import (
    Condensed,
    Condensing,
    Prompt,
    Turn,
    TurnTaken,
    by_reference,
)
from agentkit.transcript.window import Window

if TYPE_CHECKING:
    from anthropic.types import ToolResultBlockParam

    Results: TypeAlias = Sequence[ToolResultBlockParam]


@dataclass
class LongConversation:
    """What a run knows of its conversation: the whole of it goes along to the next run.

    Its worker needs a client with `TranscriptPlugin`.

    Attributes:
        prompt: The reference of the prompt that the conversation began with; "" before that.
        window: How much of the conversation goes to Claude.
        head: The end of the conversation; None before its first turn.
        new: What was said since the head.
        calls: The tools that Claude asked for and that have no results yet.
        answer: The answer that is coming together.
        spent: What the conversation has used, summaries included.
        full: Whether the window leaves out what no summary covers.

    Example:
        ```python
        await talk.begin(Prompt(SYSTEM, [t.schema() for t in TOOLS]))
        talk.say("Where is order 1036?")
        while (await talk.take_turn()).do != "end":
            if talk.calls:
                talk.give(await run_tools(talk.calls, TOOLS))
        ```
    """

    prompt: str = ""
    window: Window = field(default_factory=Window)
    head: str | None = None
    new: Verbatim[Messages] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    answer: Answer = field(default_factory=Answer)
    spent: Spent = field(default_factory=Spent)
    full: bool = False

    async def begin(self, prompt: Prompt) -> None:
        """Pin the prompt, unless this conversation has one: a new one is for new conversations.

        Args:
            prompt: System prompt, tools and model.
        """
        if not self.prompt:
            self.prompt = await _execute("keep_prompt", prompt, str)

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
            raise ValueError("Claude waits for the results of its tools: give() them first.")
        self.new.append(user_message(text))

    def give(self, results: "Results") -> None:
        """Add the results of `calls`; they go to Claude with the next turn.

        Args:
            results: One block for each call, from `run_tools` or a `Gate`.

        Raises:
            ValueError: They are not the results of these calls.
        """
        ids = [call.id for call in self.calls]
        if [block["tool_use_id"] for block in results] != ids:
            raise ValueError(f"Expected the results of {ids}, in this order.")
        self.new.append(user_message([by_reference(block) for block in results]))
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
            raise ValueError("Claude waits for the results of its tools: give() them first.")
        if self.full and self.window.summarise and self.head is not None:
            await self._condense(self.head, options)
        # Of an answer that is over nothing needs to go along.
        answer = self.answer if self.answer.continued else replace(self.answer, text="")
        turn = Turn(self.head, self.new, self.prompt, self.window, answer)
        taken: TurnTaken = await _execute("take_turn", turn, TurnTaken, **options)
        self.head, self.new, self.calls = taken.head, [], taken.calls
        self.answer, self.full = taken.answer, taken.full
        self.spent.add(taken)
        if taken.do == "end":
            self.answer = Answer()
        return taken

    async def _condense(self, head: str, options: dict[str, Any]) -> None:
        task = Condensing(head, self.prompt, self.window)
        made: Condensed = await _execute("condense", task, Condensed, **options)
        self.head, self.full = made.head, False
        self.spent.add(made)


async def _execute(name: str, argument: object, result: type, **options: Any) -> Any:
    settings: dict[str, Any] = {**CLAUDE_OPTIONS, **options}
    return await workflow.execute_activity(name, argument, result_type=result, **settings)
