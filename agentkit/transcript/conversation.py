"""The Workflow's side of a transcript: a conversation of which a run carries only the head."""

# No `from __future__ import annotations` here: see agentkit/messages.py.

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from agentkit.activity_options import CLAUDE_OPTIONS
from agentkit.budget import Spent
from agentkit.idempotency import tell_apart
from agentkit.messages import (
    Messages,
    PinnedPrompt,
    ToolCall,
    Verbatim,
    canonical_json,
    user_message,
)
from agentkit.stop_reasons import PartialAnswer
from agentkit.transcript.inbox import MOST_WAITING, Kept
from agentkit.transcript.payloads import Condensed, Turn, TurnTaken, cut, share
from agentkit.transcript.window import Window

if TYPE_CHECKING:
    from anthropic.types import ToolResultBlockParam

    Results: TypeAlias = Sequence[ToolResultBlockParam]

MOST_RESULT = 50_000
"""The most characters of a result that a run carries because the store could not keep it."""

MOST_NEW = 1_000_000
"""The most characters, as JSON, of the messages that a run carries to its next turn."""

MOST_SUMMARIES = 20
"""The most summaries before one turn: a conversation may come from a larger window."""


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
        unanswered: Whether the head ends with messages that Claude hasn't answered yet.
        among: Tells it from its Workflow's other conversations; None before its first turn.

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
    unanswered: bool = False
    among: str | None = None

    async def begin(self, pinned: PinnedPrompt) -> None:
        """Take a prompt from `pin_prompt`, unless the conversation has one: it keeps its first."""
        self.prompt = self.prompt or pinned

    def say(self, words: object) -> bool:
        """Add a person's words for the next turn; results that are still due go before them.

        Args:
            words: A text, or what `Inbox.take` returns.

        Returns:
            Whether they were added. What is blank or no text isn't, as the API refuses it, nor
            what makes `new` longer than `MOST_NEW`, or more than `MOST_WAITING` messages. It never
            raises: the words may come from a Signal, whose handler must not.
        """
        content = {"kept": words.kept} if isinstance(words, Kept) else words
        blank = isinstance(content, str) and not content.strip()
        if blank or len(self.new) >= MOST_WAITING:
            return False
        if not isinstance(words, Kept | str) or len(canonical_json([self.new, content])) > MOST_NEW:
            return False
        self.new.append(cast(Any, {"role": "user", "content": content}))
        return True

    def add_results(self, results: "Results") -> None:
        """Add the results of `calls`, from `run_tools` or a `Gate`, for the next turn.

        Raises:
            ApplicationError: They are not the results of these calls; this fails the run.
        """
        ids = [call.id for call in self.calls]
        if [block["tool_use_id"] for block in results] != ids:
            raise _misuse(f"Expected the results of {ids[:20]}, in this order.")
        most = share(MOST_RESULT, len(ids))
        # Before anything that people have said meanwhile: the API wants results first.
        self.new.insert(0, user_message([_lean(block, most) for block in results]))
        self.calls = []

    @property
    def has_more_to_say(self) -> bool:
        """Whether a turn is due: a message is new, or an answer isn't whole yet."""
        return bool(self.new) or self.unanswered or self.answer.continued > 0

    async def take_turn(self, **options: Any) -> TurnTaken:
        """Call Claude, after making a summary if one is due.

        Args:
            **options: Activity options (`workflow.ActivityConfig`) that replace
                `agentkit.activity_options.CLAUDE_OPTIONS`.

        Raises:
            ActivityError: The call failed for good; `has_more_to_say` still holds.
            ApplicationError: It has no prompt, or `calls` have no results; this fails the run.
        """
        if self.calls:
            raise _misuse("Claude waits for the results of its tools: add_results() first.")
        if self.prompt is None:
            raise _misuse("This conversation has no prompt: begin(await pin_prompt()) first.")
        # An answer that is over needn't go along.
        answer = self.answer if self.answer.continued else replace(self.answer, text="")
        window, summaries = self.window, 0
        if self.among is None:
            self.among = tell_apart("conversation")
        taken: TurnTaken | None = None
        while taken is None:
            turn = Turn(self.head, self.new.copy(), self.prompt, window, answer, self.among)
            taken = await _execute("take_turn", turn, TurnTaken | None, options)
            if taken is None:  # messages would drop out that no summary covers
                summaries += 1
                if summaries > MOST_SUMMARIES or not await self._condense(turn, options):
                    # Better an agent that has forgotten something than one that never answers.
                    window = replace(window, summarise=False)
        self.head, self.calls, self.answer = taken.head, taken.calls, taken.answer
        self.unanswered = False
        del self.new[: len(turn.new)]  # and leave what was said meanwhile
        self.spent.add(taken)
        if taken.do == "end":
            self.answer = PartialAnswer()
        return taken

    async def _condense(self, turn: Turn, options: dict[str, Any]) -> bool:
        """Make a summary, and return whether that was possible."""
        try:
            made: Condensed = await _execute("condense", turn, Condensed, options)
        except ActivityError as err:
            if is_cancelled_exception(err):
                raise
            workflow.logger.warning("The turn goes on without a summary: %s", err.cause)
            return False
        self.spent.add(made)
        self.head, self.unanswered = made.head, True
        del self.new[: len(turn.new)]
        return True


async def _execute(name: str, turn: Turn, result: Any, options: dict[str, Any]) -> Any:
    settings: dict[str, Any] = {**CLAUDE_OPTIONS, **options}
    return await workflow.execute_activity(name, turn, result_type=result, **settings)


def _misuse(why: str) -> ApplicationError:
    """Build an error that fails the run: any other would let its Workflow Task fail forever."""
    return ApplicationError(why, type="Misuse", non_retryable=True)


def _lean(block: "ToolResultBlockParam", most: int) -> "ToolResultBlockParam":
    """Reduce a kept result to its reference and note: history has the preview already."""
    content: Any = block.get("content")
    if isinstance(content, str):
        return {**block, "content": cut(content, most, "\n[Cut here: too long to keep.]")}
    if not isinstance(content, dict):
        return block
    kept: Any = {key: content[key] for key in ("kept", "note", "blocks") if key in content}
    return {**block, "content": kept}
