"""The brain: from the request alone to the next thing to say. It is rules, not a model."""

from __future__ import annotations

import re
import textwrap

from agentkit.classroom.offline.answers import announcement, answer
from agentkit.classroom.offline.arguments import MissingArgument
from agentkit.classroom.offline.case import Case
from agentkit.classroom.offline.desk import (
    SHOP_TOOLS,
    ToolUse,
    effects,
    forced,
    look_ups,
    own_tools,
)
from agentkit.classroom.offline.reply import Thought
from agentkit.classroom.offline.request import MessagesRequest

_IDENTITY = (
    "I am the offline Claude, a deterministic stand-in that speaks the Messages API, not a model. "
    "I follow rules written down in this repository, so that lessons need no API key."
)
_WHO = re.compile(
    r"\b(who|what) are you\b|\bare you (really |an? |the )*(real|claude|model|ai|bot|human|llm)"
    r"|\byour name\b",
    re.IGNORECASE,
)


def think(request: MessagesRequest) -> Thought:
    """Decide what to say next: the same request always gives the same thought.

    Args:
        request: A checked request.

    Returns:
        Words, and the tools to ask for.
    """
    case = Case.read(request)
    if request.forced_tool is not None:
        calls = [forced(case, request.forced_tool)]
        return Thought("", calls)
    thought = _next(case)
    if request.tool_choice == "any" and case.tools and not thought.calls:
        thought = Thought("", [forced(case, None)])
    return thought if request.parallel else Thought(thought.text, thought.calls[:1])


def _next(case: Case) -> Thought:
    if not case.runs and _WHO.search(case.question):
        return Thought(_IDENTITY)
    missing: MissingArgument | None = None
    calls = look_ups(case)
    try:
        calls += own_tools(case, look_ups_first=bool(calls))
    except MissingArgument as err:
        missing = err
    if not calls:
        calls = effects(case)
    if calls:
        return Thought(announcement(case, calls), _once(calls))
    if missing:
        return Thought(_with_results(case, _ask_for(missing.name)))
    own = any(run.name not in SHOP_TOOLS for run in case.runs)
    if case.tools and case.lacks_order and not own:
        return Thought(_with_results(case, _ask_for_order()))
    return Thought(answer(case) if case.runs else _cannot_help(case))


def _with_results(case: Case, question: str) -> str:
    """Ask, but don't keep back what the tools have already said."""
    return f"{answer(case)} {question}" if case.runs else question


def _once(calls: list[ToolUse]) -> list[ToolUse]:
    return [c for i, c in enumerate(calls) if c not in calls[:i]]


def _ask_for_order() -> str:
    return "I can do that once I know which order it is about. What is the order number?"


def _ask_for(argument: str) -> str:
    return f"I need one more thing from you, the {argument.replace('_', ' ')}. What should it be?"


def _cannot_help(case: Case) -> str:
    question = textwrap.shorten(case.question, 400, placeholder="…")
    if not case.tools:
        return (
            "I am the offline Claude, not a model. This request offers me no tools, so I can't "
            f"look anything up or do anything about “{question}”."
        )
    offered = ", ".join(case.tools)
    hint = (
        " Ask me about an order, a shipment or the handbook." if SHOP_TOOLS & {*case.tools} else ""
    )
    return (
        f"I am the offline Claude, not a model, and I see no tool among {offered} that fits "
        f"“{question}”.{hint}"
    )
