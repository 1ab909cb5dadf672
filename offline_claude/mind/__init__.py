"""The mind: from the request alone to the next thing to say. It is rules, not a model."""

from __future__ import annotations

from dataclasses import replace

from offline_claude.mind.about import introduction, without_tools
from offline_claude.mind.choose import own_tools
from offline_claude.mind.conversation import MOST_RUNS, SHOP_TOOLS, once
from offline_claude.mind.fill import MissingArgument
from offline_claude.mind.report import report
from offline_claude.mind.shop_case import Case
from offline_claude.mind.shop_desk import effects, look_ups
from offline_claude.mind.structured import finishing_tool, obey, prompted, structured, tool_search
from offline_claude.mind.wording import announcement, answer
from offline_claude.reply import Thought
from offline_claude.request import Message, Sent

__all__ = ["think"]


def think(sent: Sent) -> Thought:
    """Decide what to say next; a request that passed every rule always gives the same thought."""
    case = Case.read(sent)
    thought = obey(case, _next(case))
    asked, schema = (case, s) if (s := case.sent.output_schema) is not None else prompted(case)
    if not thought.calls and schema is not None:
        thought = Thought(structured(asked, schema, thought.text))
    elif case.begun is not None:
        thought = replace(thought, text=_rest(case, case.begun, thought))
    calls = [(case.tools.get(name, {"name": name})["name"], a) for name, a in thought.calls]
    return replace(thought, calls=calls, reasoning=_reasoning(case, thought))


def _next(case: Case) -> Thought:
    """The first answer that there is: about itself, a report, calls of tools, words."""
    if not case.runs and (told := introduction(case)):
        return Thought(told)
    step = None
    if len(case.runs) < MOST_RUNS and case.focus.strip():
        step = report(case) or _calls(case)
    return step or Thought(answer(case) if case.runs else without_tools(case))


def _calls(case: Case) -> Thought | None:
    """Look-ups, then effects, then a tool for the answer or to find more; or a question back."""
    calls = look_ups(case) if case.is_desk else []
    asks = ""
    try:
        calls += own_tools(case, look_ups_first=bool(calls))
        calls = calls or (effects(case) if case.is_desk else [])
    except MissingArgument as err:
        choices = f" ({' or '.join(map(str, err.choices[:12]))})" if err.choices else ""
        name = err.name.replace("_", " ")
        asks = f"I need one more thing from you, the {name}{choices}. What should it be?"
    own = any(run.name not in SHOP_TOOLS for run in case.runs)
    if not asks and case.tools and case.is_desk and case.lacks_order and not own:
        asks = "I can do that once I know which order it is about. What is the order number?"
    if not calls and not asks and (last := finishing_tool(case) or tool_search(case)):
        calls = [last]
    if calls := once(calls):
        return Thought(announcement(case, calls), calls)
    # What the tools have said already isn't kept back.
    return Thought(f"{answer(case)} {asks}" if case.runs else asks) if asks else None


def _rest(case: Case, begun: Message, thought: Thought) -> str:
    """The rest of a reply that was begun before; all of it, if it begins otherwise."""
    given = ""
    for block in begun.blocks[::-1]:
        if block["type"] == "text":
            given = f"{block['text']}{given}"
        elif not thought.calls:  # after a server tool's result, the answer begins
            break
    for part in (given, given.rstrip()):
        if thought.text.startswith(part):
            done = "I have nothing to add to that." if case.asked_to_go_on else ""
            return thought.text[len(part) :] or ("" if thought.calls else done)
    if thought.calls:
        return ""
    return thought.text if given.endswith((" ", "\n")) else f" {thought.text}"


def _reasoning(case: Case, thought: Thought) -> str:
    """A few sentences on the decision, for a thinking block."""
    about = f"The question is about order {' and '.join(map(str, case.orders[:5]))}. "
    found = f"I have what {', '.join(dict.fromkeys(r.name for r in case.runs))} returned. "
    names = " and ".join(dict.fromkeys(name for name, _ in thought.calls))
    waits = case.wants_refund and names and "refund" not in names and "refund" in case.tools
    return (
        about * bool(case.orders and case.is_desk)
        + found * bool(case.runs)
        + (f"By my rules I use {names} now." if names else "No tool is left to use, so I answer.")
        + " Refunding waits until the order's total is known." * bool(waits)
    )
