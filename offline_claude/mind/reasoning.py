"""Reasoning: what the rules decided, in one to four sentences, for a thinking block."""

from __future__ import annotations

from offline_claude.mind.case import Case
from offline_claude.mind.choice import ToolUse
from offline_claude.mind.fitting import is_effect
from offline_claude.mind.results import failed


def reasoning(case: Case, calls: list[ToolUse], asked_for: str, *, as_json: bool) -> str:
    """Tell what the rules decided.

    Args:
        case: The case.
        calls: The tools about to be asked for.
        asked_for: What the user is asked for, if anything.
        as_json: Whether the answer has to be JSON.

    Returns:
        Sentences that follow from the case alone.
    """
    told = []
    if case.orders and case.is_desk:
        numbers = " and ".join(map(str, case.orders[:5]))
        verb = "names" if str(case.orders[0]) in case.focus else "goes back to"
        told.append(f"The question {verb} order {numbers}.")
    if wrong := [run.name for run in case.runs if failed(run)]:
        told.append(f"{wrong[-1]} said no.")
    elif case.runs:
        used = ", ".join(dict.fromkeys(run.name for run in case.runs))
        told.append(f"I have what {used} returned.")
    if calls:
        names = list(dict.fromkeys(name for name, _ in calls))
        why = "the words of the question fit"
        if wrong and names[0] == wrong[-1]:
            why = "its error says what to change, or to try again"
        elif is_effect(names[0]):
            why = "nothing is left to look up first"
        told.append(f"By my rules I use {' and '.join(names)} now: {why}.")
        if case.wants_refund and "refund" not in names and "refund" in case.tools:
            told.append("Refunding waits until the order's total is known.")
    elif asked_for:
        told.append(f"I don't know the {asked_for}, so I ask instead of guessing.")
    elif case.runs:
        told.append("No tool is left to use, so I answer from the results.")
    else:
        told.append("No rule of mine finds a tool for this, so I answer without one.")
    if as_json and not calls:
        told.append("The request wants JSON, which I fill from what was said and found.")
    return " ".join(told[:4])
