"""The choice of a learner's own tools: by the words of names, descriptions and arguments."""

from __future__ import annotations

import re
from typing import Any

from offline_claude.mind.arguments import fill, fill_each
from offline_claude.mind.case import Case
from offline_claude.mind.filler import MissingArgument
from offline_claude.mind.fitting import (
    Fitting,
    fitting,
    is_demanding,
    is_effect,
    looks_up,
    purpose,
    unmistakable,
)
from offline_claude.mind.json_schema import required
from offline_claude.mind.mending import forbids_more, is_temporary, mended
from offline_claude.mind.results import failed, is_unsettled
from offline_claude.mind.tool_kinds import ends_the_work
from offline_claude.mind.words import (
    FILLER_WORDS,
    fragments,
    meanings,
    name_words,
    plain_name,
    stem,
    stems,
)
from offline_claude.request import ToolRun

ToolUse = tuple[str, dict[str, Any]]

_MOST_CALLS = 20


def own_tools(case: Case, *, look_ups_first: bool) -> list[ToolUse]:
    """Choose tools that aren't the shop's, by the words of their names and descriptions.

    Args:
        case: The case.
        look_ups_first: Whether the shop's look-ups are still to come: what may have an effect
            then waits for them.

    Returns:
        The calls that haven't been made for this question, the look-ups before the effects.

    Raises:
        MissingArgument: A tool fits, but the question doesn't say what to give it.
    """
    wanted = [
        f
        for f in fitting(case)
        if not (look_ups_first and not looks_up(f.name)) and not ends_the_work(case, f.name)
    ]
    calls: list[ToolUse] = []
    missing: MissingArgument | None = None
    for fit in wanted:
        try:
            calls += _calls(case, fit, wanted)
        except MissingArgument as err:
            provider = _provider(case, err.name, fit.name)
            calls += [provider] if provider else []
            asks = not provider and not is_demanding(case, fit.name)
            missing = missing or (err if asks else None)
    corrected = [c for run in case.runs if (c := _again(case, run))]
    calls = [*corrected, *(c for c in calls if c not in corrected)]
    if reads := [c for c in calls if not is_effect(c[0])]:
        return reads
    if missing and not calls:
        raise missing
    return calls


def handbook_query(case: Case) -> str:
    """Choose keywords: a full-text search finds nothing for a whole sentence.

    Args:
        case: The case.

    Returns:
        A few words, or the question when it has none that tell.
    """
    if case.wants_refund:
        trouble = {"arrived damaged": "damaged", "wrong item": "wrong", "arrived late": "late"}
        return f"refund {trouble.get(case.trouble, '')}".strip()
    found = re.findall(r"[A-Za-z][\w-]*", case.reading)
    words = [w.lower() for w in found if not stems(w) <= FILLER_WORDS]
    return " ".join(dict.fromkeys(words)) or case.question.strip()


def _calls(case: Case, fit: Fitting, others: list[Fitting]) -> list[ToolUse]:
    """The calls of one tool that are still to be made."""
    schema = case.tools[fit.name]["input_schema"]
    known, before = case.known_for(fit.name), case.said_before(fit.name)
    last: MissingArgument | None = None
    for text in _texts(case, fit, others):
        try:
            planned = fill_each(schema, text, known, fit.name, before)
        except MissingArgument as err:
            last = err
            continue
        planned = planned[:_MOST_CALLS]
        made = [r for r in case.runs if r.name == fit.name]
        # What a tool returns may change what is known; it isn't a reason to call it once more.
        if len(made) >= len(planned):
            return []
        return [(fit.name, a) for a in planned if not any(r.input == a for r in made)]
    if any(r.name == fit.name for r in case.runs):
        return []
    raise last or MissingArgument("question")


def _texts(case: Case, fit: Fitting, others: list[Fitting]) -> list[str]:
    """What to fill a tool from: the parts of the question that speak of it, then all of it."""
    texts = [case.focus] if case.focus != case.question else []
    if len(others) > 1:
        mine, owner = [], ""
        for part in fragments(case.question):
            words = stems(unmistakable(part))
            scores = {o.name: len(words & o.heard) for o in others}
            top = max(scores.values())
            owners = [n for n, s in scores.items() if s == top] if top else []
            owner = (owner if owner in owners else owners[0]) if owners else owner
            if owner == fit.name or not owner or fit.name in owners:
                mine.append(part)
        texts.append(" and ".join(mine)) if mine else None
    return [*texts, case.question]


def _provider(case: Case, argument: str, asker: str) -> ToolUse | None:
    """A look-up that can tell what is missing: get_location for a weather without a place."""
    wanted = {stem(w) for w in name_words(argument)} - {"id", "name", "number"}
    for name in case.own:
        tool = case.tools[name]
        about = {stem(w) for w in name_words(plain_name(name))} | stems(purpose(tool))
        if name == asker or is_effect(name) or is_demanding(case, name):
            continue
        if not meanings(wanted) & meanings(about):
            continue
        if any(r.name == name for r in case.runs):
            continue
        if {*required(tool["input_schema"])} & {argument}:
            continue
        try:
            return name, fill(tool["input_schema"], case.question, case.known, about=name)
        except MissingArgument:
            continue
    return None


def _again(case: Case, run: ToolRun) -> ToolUse | None:
    """A failed call once more: with what its error names, or as it was if it says so."""
    if not failed(run) or run.name not in case.tools:
        return None
    if is_unsettled(run) or forbids_more(run.text):
        return None
    same = [r for r in case.runs if r.name == run.name]
    if any(r.input == run.input for r in same if r is not run) or same[-1] is not run:
        return None
    if is_temporary(run.text, effect=is_effect(run.name)):
        return run.name, run.input
    if is_demanding(case, run.name):
        return None
    # One correction for each call that was planned: a second error is for the user to hear.
    if sum(failed(r) for r in same) > 1:
        return None
    arguments = mended(run, case.tools[run.name]["input_schema"], case.question, case.known)
    return (run.name, arguments) if arguments and arguments != run.input else None
