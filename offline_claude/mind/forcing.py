"""Forcing: the tool that is used because the request says so, or because nothing else is left."""

from __future__ import annotations

import re

from offline_claude.mind.answers import answer
from offline_claude.mind.arguments import fill
from offline_claude.mind.case import Case
from offline_claude.mind.choice import ToolUse, handbook_query
from offline_claude.mind.filler import MissingArgument
from offline_claude.mind.fitting import is_demanding, is_effect, looks_up, purpose
from offline_claude.mind.json_schema import kind_of, plain, properties
from offline_claude.mind.mending import mended
from offline_claude.mind.results import failed
from offline_claude.mind.structured import extracted
from offline_claude.mind.tool_kinds import is_final, is_tool_search, takes_the_answer
from offline_claude.mind.words import (
    FILLER_WORDS,
    SHOP_WORDS,
    exactly,
    meanings,
    name_words,
    stem,
    stems,
)

_MOST_TOOLS = 20
_ANSWERS = exactly("answer response reply result output")
_EXTRACTS = re.compile(
    r"\s*(?:please )?(?:extract|parse|classify|categori[sz]e|identify|analy[sz]e|record)\b",
    re.IGNORECASE,
)


def forced(case: Case, name: str) -> ToolUse:
    """Fill in a tool because the request says that it must be used.

    Args:
        case: The case.
        name: The tool.

    Returns:
        The call; what the question leaves open is filled with the emptiest value.
    """
    schema = case.tools.get(name, {}).get("input_schema", {})
    wrong = next((r for r in reversed(case.runs) if r.name == name and failed(r)), None)
    if wrong and (better := mended(wrong, schema, case.question, case.known)):
        return name, better
    texts, known = [case.written], case.known_for(name)
    if name == "search_handbook":
        texts = [handbook_query(case)]
    elif is_final(case, name):
        texts, known = case.material, case.known | case.listed
    told = answer(case) if case.runs else ""
    value = extracted(schema, texts, known, name, told)
    if not isinstance(value, dict):
        return name, {}
    takers = [k for k in value if told and _ANSWERS & {*name_words(k)} and is_final(case, name)]
    return name, value | {
        k: told for k in takers if kind_of(plain(properties(schema)[k], schema)) == "string"
    }


def any_tool(case: Case) -> ToolUse:
    """Choose a tool because the request says that one must be used, when no other is left to use.

    Args:
        case: The case.

    Returns:
        The call that ends the work if a tool is there for that, else the one that fits best and
        hasn't been made yet.
    """
    said = meanings(stems(case.question))
    used = {run.name for run in case.runs}
    ranked = sorted(
        case.tools,
        key=lambda n: (
            not is_final(case, n),
            n in used,
            -2 * len(meanings(stems(n)) & said)
            - len(meanings(stems(purpose(case.tools[n]))) & said),
        ),
    )
    calls = [forced(case, name) for name in ranked[:_MOST_TOOLS]]
    made = [(run.name, run.input) for run in case.runs]
    return next((c for c in calls if c not in made), calls[0])


def extraction(case: Case) -> ToolUse | None:
    """Choose the tool that takes an answer or an extraction, though nothing forces it.

    Args:
        case: A case for which nothing else is left to do.

    Returns:
        The call, or None when there is no such tool, or it has been used.
    """
    asks = bool(_EXTRACTS.match(case.focus[:500]))
    left = [n for n in case.own if not (looks_up(n) or is_effect(n) or is_demanding(case, n))]
    fitting_ones = [n for n in left if takes_the_answer(case, n)]
    if not fitting_ones and len(left) == 1 and (asks or _is_told(case, left[0])):
        fitting_ones = left
    if not fitting_ones or any(r.name in fitting_ones for r in case.runs):
        return None
    return forced(case, fitting_ones[0])


def _is_told(case: Case, name: str) -> bool:
    """Whether a tool is a record such as "Person", all of which the question tells."""
    if not name[:1].isupper() or len(case.tools) > 1:
        return False  # functions have small names; clients that want a record name it by its class
    schema = case.tools[name]["input_schema"]
    try:
        return len(fill(schema, case.question, {}, about=name)) > 1
    except MissingArgument:
        return False


def tool_search(case: Case) -> ToolUse | None:
    """Search for a tool that hasn't been loaded yet, once for each question.

    Args:
        case: A case that no tool fits.

    Returns:
        The call, or None when no tool looks for tools, or it has been used.
    """
    for name in case.own:
        if not is_tool_search(name):
            continue
        if any(r.name == name for r in case.runs):
            return None
        found = dict.fromkeys(w.lower() for w in re.findall(r"[^\W\d_]{2,}", case.focus[:1000]))
        telling = [w for w in found if not {stem(w)} <= FILLER_WORDS - SHOP_WORDS]
        if not telling:
            return None
        _, arguments = forced(case, name)
        texts = [k for k, v in arguments.items() if isinstance(v, str)]
        return name, arguments | dict.fromkeys(texts[:1], " ".join(telling[:6]))
    return None
