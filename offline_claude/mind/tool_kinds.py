"""Kinds of tools that do nothing themselves: they take the answer, or look for other tools."""

from __future__ import annotations

import re

from offline_claude.mind.case import Case
from offline_claude.mind.fitting import purpose
from offline_claude.mind.words import exactly, name_words, plain_name

_FINAL = exactly(
    "final finish finalize submit respond response answer result output json structured done "
    "complete conclude"
)
_TAKES_THE_ANSWER = re.compile(
    r"\bfinal (?:answer|response|result|output|tool)|\blast and final\b|\bcorrectly extracted\b"
    r"|\brespond with a json\b|\bstructured (?:output|response|answer)|\bend\w* (?:this|the) "
    r"(?:conversation|task)",
    re.IGNORECASE,
)


def is_tool_search(name: str) -> bool:
    """Tell whether a tool looks for tools that haven't been loaded.

    Args:
        name: The tool.

    Returns:
        True for such as ToolSearch or search_tools.
    """
    words = {*name_words(plain_name(name))}
    return len(words) > 1 and words <= {"tool", "tools", "search", "find"}


def is_final(case: Case, name: str) -> bool:
    """Tell whether a tool takes the answer instead of doing something.

    Args:
        case: The case.
        name: The tool.

    Returns:
        True for such as final_result, final_answer, submit, respond or json.
    """
    words = {*name_words(plain_name(name))}
    return bool(words & _FINAL) or takes_the_answer(case, name)


def takes_the_answer(case: Case, name: str) -> bool:
    """Tell whether a tool's description says that it takes the answer.

    Args:
        case: The case.
        name: The tool.

    Returns:
        True for such as "The final response which ends this conversation".
    """
    return bool(_TAKES_THE_ANSWER.search(purpose(case.tools.get(name, {}))))


def ends_the_work(case: Case, name: str) -> bool:
    """Tell whether a tool ends the work, and so waits until the others have been used.

    Args:
        case: The case.
        name: The tool.

    Returns:
        True when its name or description says that it takes the final answer.
    """
    final = takes_the_answer(case, name) or "final" in name_words(name)
    return final and len(case.own) > 1
