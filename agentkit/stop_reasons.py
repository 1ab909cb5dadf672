"""Why a reply stopped, and what an agent does about it: every `stop_reason` has a branch.

The reasons are the API's (https://docs.anthropic.com/en/api/handling-stop-reasons). Everything
here is a pure function of its arguments, so Workflow code may call it.
"""

# No `from __future__ import annotations` here: see agentkit/messages.py.

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from agentkit.budget import Budget, Limit, Spent
from agentkit.claude import DEFAULT_MAX_TOKENS
from agentkit.messages import (
    ClaudeReply,
    Messages,
    assistant_message,
    text_of,
    tool_calls,
    user_message,
)

if TYPE_CHECKING:
    from anthropic.types import MessageParam

Do: TypeAlias = Literal["run_tools", "go_on", "ask_again", "end"]

MAX_CONTINUATIONS = 5
"""How often one answer is continued or asked for again before the run makes do with it."""

MOST_TOKENS = 64_000
"""How far `max_tokens` is raised for a reply that doesn't fit: what every current model allows."""

GO_ON = "Your answer was cut off. Go on exactly where it ends, and repeat nothing."

_ANSWERED = ("end_turn", "stop_sequence")


@dataclass(frozen=True)
class Outcome:
    """The end of a run, however it came.

    Attributes:
        text: The answer, its pieces joined; Claude's last words, if the run ended early.
        ended: The last reply's stop reason ("end_turn", "refusal", "max_tokens", …), "empty"
            for a reply without words, "history_full" for a run that can't grow, or the limit of
            the budget that was reached.
        detail: The reason, in one sentence; "" for an answer.
        spent: The run's account.
    """

    text: str
    ended: str
    detail: str
    spent: Spent

    @property
    def answered(self) -> bool:
        """Whether `text` is an answer that Claude itself brought to its end."""
        return self.ended in _ANSWERED


@dataclass(frozen=True)
class NextStep:
    """The step that a reply asks for.

    Attributes:
        do: "run_tools" runs the tools asked for, "go_on" calls Claude once more, "ask_again"
            does so as if this reply had never come, "end" ends the answer.
        messages: Messages to append to the conversation.
        max_tokens: The limit to ask with next; None for the worker's own.
        ended: For "end": the stop reason, or "empty".
        detail: For "end": the reason, in one sentence; "" for an answer.
    """

    do: Do
    messages: "list[MessageParam]"
    max_tokens: int | None
    ended: str = ""
    detail: str = ""


@dataclass
class PartialAnswer:
    """An answer that comes together out of one reply or several.

    Attributes:
        text: The words since the last tool ran, pieces joined.
        max_tokens: The limit to ask with next; None, the default, for the worker's own.
        continued: How often the answer was continued or asked for again.
    """

    text: str = ""
    max_tokens: int | None = None
    continued: int = 0

    def apply_reply(self, reply: ClaudeReply) -> NextStep:
        """Add the reply to a request with this `max_tokens`, and decide what comes next.

        After `MAX_CONTINUATIONS` without a tool between them, the next step is the end.
        """
        if not self.continued:
            self.text = ""
        step = next_step(reply, self.max_tokens, self.text)
        if step.do in ("go_on", "ask_again") and self.continued >= MAX_CONTINUATIONS:
            why = reply.stop_reason
            detail = f"Not whole after {self.continued} continuations: {why} each time."
            step = replace(step, do="end", ended=why, detail=detail)
        if step.do != "ask_again":
            self.text += text_of(reply)
        self.continued = 0 if step.do == "run_tools" else self.continued + 1
        self.max_tokens = step.max_tokens
        return step


def next_step(reply: ClaudeReply, max_tokens: int | None = None, before: str = "") -> NextStep:
    """Decide what one reply asks of the loop.

    Args:
        reply: The reply.
        max_tokens: The limit of its request; None for the worker's own.
        before: The text that this reply continues: a reply that adds nothing only ends it.
    """
    message = assistant_message(reply)
    # The API takes no message back that is empty, or that ends in thinking.
    blocks = cast("list[dict[str, Any]]", message["content"])
    says = any(block["type"] not in ("thinking", "redacted_thinking") for block in blocks)
    said: Messages = [message] if says else []
    was_asking = any(block["type"] == "tool_use" for block in reply.content)
    words = text_of(reply).strip()
    # The worker's own limit isn't known here, but a reply that was cut has reached it.
    limit = max(max_tokens or DEFAULT_MAX_TOKENS, reply.usage.output_tokens)

    def end(ended: str, detail: str = "") -> NextStep:
        return NextStep("end", said, max_tokens, ended, detail)

    match reply.stop_reason:
        case _ if tool_calls(reply):
            return NextStep("run_tools", said, max_tokens)
        case "end_turn" | "stop_sequence" | "tool_use" | "empty" if words or before.strip():
            return end(reply.stop_reason if reply.stop_reason in _ANSWERED else "end_turn")
        case "end_turn" | "stop_sequence" | "tool_use" | "empty":
            return end("empty", "Claude stopped without a word.")
        case "max_tokens" if words and not was_asking:
            return NextStep("go_on", [*said, user_message(GO_ON)], max_tokens)
        case "max_tokens" if limit < MOST_TOKENS:
            # A tool call that was cut has half its arguments, and no words are nothing to go on
            # from: neither may stay in the conversation.
            return NextStep("ask_again", [], min(2 * limit, MOST_TOKENS))
        case "max_tokens":
            detail = f"The reply doesn't fit into {limit} tokens."
            return NextStep("end", [], max_tokens, "max_tokens", detail)
        case "pause_turn":
            return NextStep("go_on", said, max_tokens)
        case "refusal":
            why = (reply.stop_details or {}).get("explanation")
            return end("refusal", str(why or "Claude refused, and gave no reason."))
        case "model_context_window_exceeded":
            return end(reply.stop_reason, "The conversation fills the model's context window.")
        case _:
            return end(reply.stop_reason, "agentkit doesn't know this stop reason.")


def out_of_budget(limit: Limit, budget: Budget, spent: Spent, text: str = "") -> Outcome:
    """Build the outcome of a run that has reached a limit of its budget; `text` is its last."""
    if limit == "usd" and spent.unpriced:
        detail = (
            f"{spent.unpriced} has no price in agentkit.budget.PRICES, so a budget in dollars "
            "can't be kept: add its price there."
        )
    else:
        used = {
            "turns": f"{spent.turns} of {budget.turns} turns",
            "tokens": f"{spent.input_tokens + spent.output_tokens} of {budget.tokens} tokens",
            "usd": f"{spent.usd:.4g} of {budget.usd or 0:g} US dollars",
            "seconds": f"all of {budget.seconds or 0:g} seconds",
        }[limit]
        detail = f"The budget is used up: {used}."
    return Outcome(text, limit, detail, spent)
