"""One turn: which tools to ask for, or what to answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from offline_claude.mind.answers import announcement, answer, still_open
from offline_claude.mind.case import Case
from offline_claude.mind.choice import ToolUse, own_tools
from offline_claude.mind.continuation import (
    NOTHING_MORE,
    continued,
    given_words,
    without_interruptions,
)
from offline_claude.mind.conversation import SHOP_TOOLS
from offline_claude.mind.desk import effects, look_ups
from offline_claude.mind.emptiness import complete
from offline_claude.mind.filler import MissingArgument
from offline_claude.mind.forcing import any_tool, extraction, forced, tool_search
from offline_claude.mind.introduction import cannot_help, introduction
from offline_claude.mind.json_schema import Schema
from offline_claude.mind.marked_fields import in_fields, wanted_fields
from offline_claude.mind.mending import mended
from offline_claude.mind.reasoning import reasoning
from offline_claude.mind.research import research
from offline_claude.mind.structured import as_json, extracted, from_results
from offline_claude.mind.talk import said_again, small_talk
from offline_claude.mind.tool_kinds import is_tool_search
from offline_claude.mind.wanted_json import wanted_json
from offline_claude.reply import Thought
from offline_claude.request import MessagesRequest, ToolRun

_MOST_RUNS = 60
"""A bound on the tools used for one question: no conversation goes on for ever."""


def think(request: MessagesRequest) -> Thought:
    """Decide what to say next: the same request always gives the same thought.

    Args:
        request: A checked request.

    Returns:
        Words, and the tools to ask for.
    """
    asked_to_go_on = _ends_with(request, "user")
    request = replace(request, messages=without_interruptions(request.messages))
    begun = _ends_with(request, "assistant")
    case = Case.read(request)
    schema, wanted = request.output_schema, None
    thought, asked_for = _next(case), ""
    if request.forced_tool is not None:
        thought = Thought("", [forced(case, request.forced_tool)])
    elif request.tool_choice == "any" and case.tools and not thought.calls:
        thought = Thought("", [any_tool(case)])
    if request.tool_choice == "any" and thought.calls:
        thought = replace(thought, text="")  # the API writes nothing before a call it must make
    if not request.parallel:
        thought = replace(thought, calls=thought.calls[:1])
    if thought.calls:
        if begun:
            thought = replace(thought, text=_rest(request.messages[-1].text, thought.text))
    elif schema is not None:
        thought = Thought(_as_schema(case, schema, case.material, thought.text))
    elif begun:
        rest = continued(given_words(request.messages), thought.text, case)
        thought = Thought(rest or (NOTHING_MORE if asked_to_go_on else ""))
    elif fields := wanted_fields(request.messages[-1].text, request.system):
        value = _extracted(case, fields, case.material, thought.text)
        thought = Thought(in_fields(value, fields))
    elif wanted := wanted_json(case):
        texts = [*wanted.texts, *case.material[1:]]
        told = _as_schema(case, wanted.schema, texts, thought.text)
        thought = Thought(f"```json\n{told}\n```" if wanted.fenced else told)
    if request.thinking:
        asked_for = thought.text if not thought.calls and thought.text.endswith("?") else ""
        as_json_text = schema is not None or wanted is not None
        told = reasoning(case, thought.calls, asked_for, as_json=as_json_text)
        thought = replace(thought, reasoning=told)
    return thought


def _ends_with(request: MessagesRequest, role: str) -> bool:
    return [message.role for message in request.messages[-1:]] == [role]


def _rest(given: str, announced: str) -> str:
    """What is still to be said before a call: of what was begun, the rest; of other words, none."""
    return announced[len(given) :] if announced.startswith(given) else ""


def _as_schema(case: Case, schema: Schema, texts: list[str], text: str) -> str:
    return as_json(_extracted(case, schema, texts, text))


def _extracted(case: Case, schema: Schema, texts: list[str], text: str) -> Any:
    """The answer as a value: from the question, from what tools returned, from what was before."""
    known = case.known | case.listed
    value = extracted(schema, texts[:8], known, answer=text)
    results = [run.value for run in case.runs if run.value is not None and not run.is_error]
    if results and isinstance(value, dict):
        value = complete({**value, **from_results(schema, results)}, schema, schema)
    if case.complaint and isinstance(value, dict):
        run = ToolRun("", value, case.complaint, True, None)
        value = mended(run, schema, case.question, known) or value
    return value


def _next(case: Case) -> Thought:
    if not case.runs and (told := introduction(case) or said_again(case)):
        return Thought(told)
    if len(case.runs) < _MOST_RUNS and (step := research(case)):
        return step
    missing: MissingArgument | None = None
    calls: list[ToolUse] = []
    if len(case.runs) < _MOST_RUNS and case.focus.strip():
        calls = look_ups(case) if case.is_desk else []
        try:
            calls += own_tools(case, look_ups_first=bool(calls))
        except MissingArgument as err:
            missing = err
        if not calls and case.is_desk:
            calls = effects(case)
        if not calls and not case.is_desk and (last := extraction(case)):
            calls = [last]
    if calls:
        return Thought(announcement(case, calls), _once(calls))
    if missing:
        return Thought(_with_results(case, _ask_for(missing)))
    own = any(run.name not in SHOP_TOOLS for run in case.runs)
    if case.tools and case.is_desk and case.lacks_order and not own:
        return Thought(_with_results(case, _ask_for_order()))
    return _without_tools(case)


def _without_tools(case: Case) -> Thought:
    """What is said when no tool fits, or all that do have been used."""
    useful = [r for r in case.runs if not is_tool_search(r.name)]
    if useful:
        return Thought(answer(case))
    unseen = " and ".join(dict.fromkeys(case.unseen))
    blind = f"I can't look at the {unseen} you sent: I am rules, not a model. " if unseen else ""
    if told := still_open(case):
        return Thought(told)
    if told := small_talk(case):
        return Thought(f"{blind}{told}")
    if case.focus.strip() and len(case.runs) < _MOST_RUNS and (search := tool_search(case)):
        return Thought(announcement(case, [search]), [search])
    return Thought(blind.rstrip() or cannot_help(case))


def _with_results(case: Case, question: str) -> str:
    """Ask, but don't keep back what the tools have already said."""
    return f"{answer(case)} {question}" if case.runs else question


def _once(calls: list[ToolUse]) -> list[ToolUse]:
    return [c for i, c in enumerate(calls) if c not in calls[:i]]


def _ask_for_order() -> str:
    return "I can do that once I know which order it is about. What is the order number?"


def _ask_for(missing: MissingArgument) -> str:
    choices = f" ({' or '.join(map(str, missing.choices[:12]))})" if missing.choices else ""
    name = missing.name.replace("_", " ")
    return f"I need one more thing from you, the {name}{choices}. What should it be?"
