"""Research: a plan from the question's words, searches, a report that quotes what they brought.

It doesn't compare sources by itself. When a report comes back it does what can be done by rules:
it names the contradiction that it is told of, searches for what a reviewer misses, leaves out what
a reviewer doesn't want; what else it is told it can't do, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from offline_claude.mind.arguments import fill
from offline_claude.mind.case import Case
from offline_claude.mind.choice import ToolUse
from offline_claude.mind.filler import MissingArgument
from offline_claude.mind.fitting import is_effect
from offline_claude.mind.json_schema import plain, properties, required
from offline_claude.mind.reports import Draft, Passage, PlanForm, ReportForm
from offline_claude.mind.results import failed
from offline_claude.mind.slots import Slot
from offline_claude.mind.wording import quote
from offline_claude.mind.words import FILLER_WORDS, fragments, stems
from offline_claude.reply import Thought
from offline_claude.request import ToolRun

_WISHING = stems(
    "also mention add include explain state name please report need needed missing lack lacks holds"
    " hold keep kept happen happens make sure more write supervisor customers as"
    " something anything part section"
)
_UNWANTED = re.compile(r"\b(?:drop|remove|leave out|delete|without|cut|don't|do not)\b", re.I)
_REFUSED = re.compile(r"\s*(?:not allowed|invalid (?:arguments|input))\b", re.IGNORECASE)
_REJECTED = re.compile(r"\breject\w*(?: it| this)?:\s*(.+)", re.IGNORECASE | re.DOTALL)
_POINT = re.compile(r"\(\d+\) |\n|(?<=[.:;]) ")
_DIFFER = stems("disagree contradict conflict differ inconsistent")
_SOURCE, _TEXT = ("source", "id", "url"), ("text", "content", "body", "snippet")
_MOST_OF_A_TOPIC = 3


@dataclass(frozen=True)
class Topic:
    """A part of the question, or of what a reviewer has asked for, with the searches for it."""

    words: str
    searches: list[ToolUse]


def research(case: Case) -> Thought | None:
    """Take the next step towards a report.

    Args:
        case: The case.

    Returns:
        What to say and to ask for; None when no tool on offer takes a report.
    """
    form, plan = ReportForm.find(case), PlanForm.find(case)
    if form is None or not case.focus.strip():
        return None
    handed_in = [run for run in case.runs if run.name == form.tool]
    if handed_in and not failed(handed_in[-1]):
        return Thought(f"The report is handed in: {quote(handed_in[-1].text)}")
    ignored = {form.tool, *([plan.tool] if plan else [])}
    topics = _topics(case, ignored, [run.text for run in handed_in])
    searches = _once([search for topic in topics for search in topic.searches])
    if not searches:
        return Thought("I find nothing in this question that my tools could search for.")
    if plan and not any(run.name == plan.tool for run in case.runs):
        return Thought("I will write down a plan first.", [(plan.tool, plan.fill(searches))])
    if left := [s for s in searches if not _made(case, s)]:
        more = "It came back to me, so I search again" if handed_in else "I make all searches"
        return Thought(f"{more}: {len(left)} at once.", left)
    draft = _draft(case, topics, [run.text for run in handed_in])
    if not draft.findings:
        return Thought(f"{' '.join(draft.gaps)} So there is nothing that I could report.")
    call = (form.tool, form.fill(case, draft))
    if any(run.input == call[1] for run in handed_in):
        told = quote(handed_in[-1].text)
        return Thought(f"I can't mend this by my rules: {told} A person has to look at it.")
    again = "I have changed the report, and hand it in again" if handed_in else "I hand in a report"
    cited = len(draft.findings) + sum(map(len, draft.doubts))
    return Thought(f"{again}, with {cited} citations.", [call])


def _topics(case: Case, ignored: set[str], came_back: list[str]) -> list[Topic]:
    """The parts of the question, and of what reviewers have asked for since."""
    parts = [part for part in fragments(case.question) if _telling(part)]
    for text in came_back:
        for wish in _wishes(text):
            if _UNWANTED.search(wish):
                unwanted = stems(" ".join(_telling(_UNWANTED.sub("", wish))))
                parts = [p for p in parts if not stems(" ".join(_telling(p))) & unwanted]
            else:
                parts.append(wish)
    tools = [n for n in case.tools if n not in ignored and not is_effect(n)]
    topics = [
        Topic(part, [s for name in tools for s in _searches(case, name, part)]) for part in parts
    ]
    return [topic for topic in topics if topic.searches]


def _wishes(text: str) -> Iterator[str]:
    """What a reviewer asks for; nothing where it was a check that sent the report back."""
    if rejected := _REJECTED.search(text):
        yield from (part for part in fragments(rejected[1]) if _telling(part))
    elif not _REFUSED.match(text):
        yield from (part for part in fragments(text) if _telling(part))


def _telling(text: str) -> list[str]:
    """The words that a text is about."""
    found = re.findall(r"[^\W\d_][\w-]*", text[:2000])
    ignored = FILLER_WORDS | _WISHING
    return list(dict.fromkeys(w.lower() for w in found if not stems(w) <= ignored))


def _searches(case: Case, tool: str, part: str) -> list[ToolUse]:
    """What to ask a tool about a part of the question; nothing when it doesn't fit."""
    schema = case.tools[tool]["input_schema"]
    specs = {n: plain(s, schema) for n, s in properties(plain(schema, schema)).items()}
    needed, words = required(schema), _telling(part)
    for name in needed:
        if isinstance(choices := specs[name].get("enum"), list):
            said = {c: len(stems(str(c)) & stems(" ".join(words))) for c in choices}
            best = max(said.values(), default=0)
            return [(tool, {name: c}) for c, n in said.items() if n == best > 0]
        if Slot(name, specs[name]).is_free and len(needed) == 1:
            return [(tool, {name: " ".join(words)})]
    try:
        return [(tool, fill(schema, part, {}, about=tool))] if needed else []
    except MissingArgument:
        return []


def _draft(case: Case, topics: list[Topic], came_back: list[str]) -> Draft:
    """Quote for each topic what fits it best, and say what brought nothing."""
    findings: list[Passage] = []
    gaps: list[str] = []
    for topic in topics:
        for search in topic.searches:
            run = _made(case, search)
            passages = _passages(run) if run else []
            words = next((v for v in search[1].values() if isinstance(v, str)), search[0])
            fitting = _best(topic.words, passages, every=_is_choice(case, search))
            findings += fitting
            if run and failed(run):
                gaps.append(f"The search for “{words}” failed: {quote(run.text)}")
            elif not fitting:
                gaps.append(f"Nothing was found for “{words}”.")
    known = {p.source: p for run in case.runs for p in _passages(run)}
    doubts = _once([d for text in came_back for d in _doubts(text, known)])
    title = " ".join(case.question.split())
    return Draft(title, _once(findings), doubts, _once(gaps))


def _best(words: str, passages: list[Passage], *, every: bool) -> list[Passage]:
    """Of what was chosen from a list, all; of what words have found, what shares most of them."""
    if every:
        return passages[:_MOST_OF_A_TOPIC]
    asked = stems(" ".join(_telling(words)))
    shared = [len(asked & stems(f"{p.text} {p.source.replace('-', ' ')}")) for p in passages]
    return [passages[shared.index(max(shared))]] if any(shared) else []


def _doubts(text: str, known: dict[str, Passage]) -> Iterator[list[Passage]]:
    """The sources that a check says contradict one another."""
    for point in _POINT.split(text):
        named = [s for s in known if re.search(rf"(?<!\S){re.escape(s)}(?![\w#-])", point)]
        if len(named) > 1 and stems(point) & _DIFFER:
            yield [known[source] for source in sorted(named, key=point.find)]


def _passages(run: ToolRun) -> list[Passage]:
    """What a search has brought that can be cited."""
    rows = run.value if isinstance(run.value, list) else []
    found = []
    for row in [row for row in rows if isinstance(row, dict)]:
        source = next((row[k] for k in _SOURCE if k in row), None)
        text = next((row[k] for k in _TEXT if isinstance(row.get(k), str)), "")
        if isinstance(source, str | int) and text.strip():
            found.append(Passage(str(source), text))
    return found


def _made(case: Case, search: ToolUse) -> ToolRun | None:
    """The last time that a search was made."""
    name, arguments = search
    runs = [r for r in case.runs if r.name == name and r.input == arguments]
    return runs[-1] if runs else None


def _is_choice(case: Case, search: ToolUse) -> bool:
    schema = case.tools[search[0]]["input_schema"]
    specs = properties(plain(schema, schema))
    return any("enum" in plain(specs[name], schema) for name in search[1] if name in specs)


def _once(found: list[Any]) -> list[Any]:
    return [each for n, each in enumerate(found) if each not in found[:n]]
