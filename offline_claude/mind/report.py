"""Research: a plan from the question's words, searches, a report that quotes what they brought.

Sources aren't compared here. When a report comes back, the mind names a contradiction that a check
reported, searches for what the reviewer found missing, and drops what the reviewer rejected.
Anything else it declines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from offline_claude.mind.choose import is_effect
from offline_claude.mind.conversation import ToolRun, ToolUse, once
from offline_claude.mind.fill import MissingArgument, fill
from offline_claude.mind.json_schema import Spec
from offline_claude.mind.shop_case import Case
from offline_claude.mind.wording import quote
from offline_claude.mind.words import FILLER, fragments, name_words, pattern, stems, word_list
from offline_claude.reply import Thought

_IGNORED = FILLER | stems(" ".join(word_list("wishing")))
_POINT = re.compile(r"\(\d+\) |\n|(?<=[.:;]) ")
_DIFFER, _DOUBTS, _GAPS, _TITLE, _QUOTE, _SOURCE, _TOOL = (
    stems(" ".join(word_list(name)))
    for name in ("differ", "doubts", "gaps", "title", "quote", "source", "tool")
)
_QUERIES = {"query", "q", "keywords", "topic", "text"}


class _Row(NamedTuple):
    """A row of a search's result that can be cited."""

    source: str
    text: str

    @property
    def said(self) -> str:
        kind, colon, _ = self.source.partition(":")
        who = f"The {kind}" if colon else f"Source {kind}"
        return f"{who} {'say' if colon and kind.endswith('s') else 'says'}: “{self.text}”"


class _Form(NamedTuple):
    """The names that a tool has for the parts of a report; "" for a part that it doesn't take."""

    tool: str
    body: list[str]
    doubts: str
    gaps: str
    title: str
    words: str
    citations: str
    source: str
    quote: str

    def paragraph(self, rows: list[_Row], more: str = "") -> dict[str, Any]:
        cited = [{self.source: row.source, self.quote: row.text} for row in rows]
        return {self.words: " ".join(row.said for row in rows) + more, self.citations: cited}


def report(case: Case) -> Thought | None:
    """Take the next step towards a report; None when no tool on offer takes one."""
    form = next(filter(None, (_form(name, case.spec(name)) for name in case.tools)), None)
    if form is None:
        return None
    submitted = case.uses(form.tool)
    if submitted and not submitted[-1].failed:
        return Thought(f"The report is handed in: {quote(submitted[-1].text)}")
    plan = next((n for n in case.tools if "plan" in name_words(n) and n != form.tool), "")
    came_back = [run.text for run in submitted]
    topics = _topics(case, {form.tool, plan}, came_back)
    searches = once([search for _, each in topics for search in each])
    if not searches:
        return Thought("I find nothing in this question that my tools could search for.")
    if plan and not case.uses(plan):
        return Thought("I will write down a plan first.", [_plan(plan, case.spec(plan), searches)])
    if left := [s for s in searches if not case.done(s[0], **s[1])]:
        more = "It came back to me, so I search again" if submitted else "I make all searches"
        return Thought(f"{more}: {len(left)} at once.", left)
    findings, gaps = _found(case, topics)
    if not findings:
        return Thought(f"{' '.join(gaps)} So there is nothing that I could report.")
    known = {row.source: row for run in case.runs for row in _rows(run)}
    doubts = once([d for text in came_back for d in _contradictions(text, known)])
    arguments = _written(case, form, findings, doubts, gaps)
    if any(run.input == arguments for run in submitted):
        told = quote(came_back[-1])
        return Thought(f"I can't fix this by my rules: {told} A person has to look at it.")
    again = "I have changed the report, and hand it in again" if submitted else "I hand in a report"
    cited = len(findings) + sum(map(len, doubts))
    return Thought(f"{again}, with {cited} citations.", [(form.tool, arguments)])


def _form(tool: str, spec: Spec) -> _Form | None:
    specs = spec.properties
    cited = {n: names for n, inner in specs.items() if (names := _paragraph_names(inner))}
    if not cited:
        return None
    doubts = _about(cited, _DOUBTS)
    lists = [n for n, s in specs.items() if s.kind == "array" and n not in cited]
    gaps, title = _about(lists, _GAPS), _about([n for n in specs if n not in lists], _TITLE)
    body = [n for n in cited if n != doubts] or [doubts]
    return _Form(tool, body, doubts, gaps, title, *cited[body[0]])


def _paragraph_names(spec: Spec) -> tuple[str, str, str, str] | None:
    """The names of text, citations, source and quote, where a list holds cited paragraphs."""
    parts = spec.items.properties
    for name, inner in parts.items():
        cited = list(inner.items.properties)
        source = _about(cited, _SOURCE)
        quoted = _about([n for n in cited if n != source], _QUOTE)
        words = next((n for n, s in parts.items() if n != name and s.kind == "string"), "")
        if source and quoted and words:
            return words, name, source, quoted
    return None


def _about(names: Iterable[str], words: set[str]) -> str:
    """The first name that has one of the words; "" for none."""
    return next((n for n in names if stems(" ".join(name_words(n))) & words), "")


def _plan(tool: str, spec: Spec, searches: list[ToolUse]) -> ToolUse:
    """Write searches down as the tool wants them: each with its tool and its words."""
    argument = next(n for n, s in spec.properties.items() if s.kind == "array")
    texts = list(spec.properties[argument].items.properties)
    where = _about(texts, _TOOL)
    what = next((n for n in texts if n != where), "")
    entries: list[Any] = []
    for name, arguments in searches:
        entry = {where: name, what: _words(arguments)}
        entry.pop("", None)
        entries.append(entry if what else f"{name}: {_words(arguments)}")
    return tool, {argument: entries}


def _words(arguments: dict[str, Any]) -> str:
    return next((v for v in arguments.values() if isinstance(v, str)), "")


def _topics(case: Case, ignored: set[str], came_back: list[str]) -> list[tuple[str, list[ToolUse]]]:
    """The parts of the question, and what reviewers have asked for since, with their searches."""
    parts = [part for part in fragments(case.question) if _telling(part)]
    for text in came_back:
        rejected = pattern("rejected").search(text)
        wanted = rejected[1] if rejected else "" if pattern("denied").match(text) else text
        for wish in filter(_telling, fragments(wanted)):
            if pattern("unwanted").search(wish):
                unwanted = stems(" ".join(_telling(pattern("unwanted").sub("", wish))))
                parts = [p for p in parts if not stems(" ".join(_telling(p))) & unwanted]
            else:
                parts.append(wish)
    tools = [n for n in case.tools if n not in ignored and not is_effect(n)]
    topics = [(p, [s for n in tools for s in _searches(n, case.spec(n), p)]) for p in parts]
    return [(part, searches) for part, searches in topics if searches]


def _telling(text: str) -> list[str]:
    """The words that a text is about."""
    found, ignored = re.findall(r"[^\W\d_][\w-]*", text[:2000]), _IGNORED
    return list(dict.fromkeys(w.lower() for w in found if not stems(w) <= ignored))


def _searches(tool: str, spec: Spec, part: str) -> list[ToolUse]:
    """The calls of a tool for a part of the question; none when it doesn't fit."""
    words = _telling(part)
    for name in spec.required:
        if choices := spec.properties[name].choices:
            said = {c: len(stems(str(c)) & stems(" ".join(words))) for c in choices}
            best = max(said.values())
            return [(tool, {name: c}) for c, n in said.items() if n == best > 0]
        if len(spec.required) == 1 and {*name_words(name)} & _QUERIES:
            return [(tool, {name: " ".join(words)})]
    try:
        return [(tool, fill(spec, part, about=tool))] if spec.required else []
    except MissingArgument:
        return []


def _found(case: Case, topics: list[tuple[str, list[ToolUse]]]) -> tuple[list[_Row], list[str]]:
    """The rows that fit each topic best, and a sentence for each search without any."""
    findings, gaps = list[_Row](), list[str]()
    for topic, searches in topics:
        asked = stems(" ".join(_telling(topic)))
        for name, arguments in searches:
            run = case.done(name, **arguments)
            rows = _rows(run) if run else []
            shared = [len(asked & stems(f"{r.text} {r.source.replace('-', ' ')}")) for r in rows]
            fitting = [rows[shared.index(max(shared))]] if any(shared) else []
            if any(case.spec(name).properties[a].choices for a in arguments):
                fitting = rows[:3]  # of what was chosen from a list, all
            findings += fitting
            words = _words(arguments) or name
            if run and run.failed:
                gaps.append(f"The search for “{words}” failed: {quote(run.text)}")
            elif not fitting:
                gaps.append(f"Nothing was found for “{words}”.")
    return once(findings), once(gaps)


def _rows(run: ToolRun) -> list[_Row]:
    found = []
    for row in run.value if isinstance(run.value, list) else []:
        if isinstance(row, dict):
            source = next((row[k] for k in ("source", "id", "url") if k in row), None)
            text = next((row[k] for k in ("text", "content", "body", "snippet") if k in row), None)
            if isinstance(source, str | int) and isinstance(text, str) and text.strip():
                found.append(_Row(str(source), text))
    return found


def _contradictions(text: str, known: dict[str, _Row]) -> Iterator[list[_Row]]:
    """The sources that a check says contradict one another."""
    for point in _POINT.split(text[:5000]):
        named = [s for s in [*known][:300] if re.search(rf"(?<!\S){re.escape(s)}(?![\w#-])", point)]
        if len(named) > 1 and stems(point) & _DIFFER:
            yield [known[source] for source in sorted(named, key=point.find)]


def _written(
    case: Case, form: _Form, findings: list[_Row], doubts: list[list[_Row]], gaps: list[str]
) -> dict[str, Any]:
    """Write a report down as the tool wants it."""
    told = [form.paragraph([row]) for row in findings]
    doubted = [form.paragraph(rows, " They don't agree.") for rows in doubts]
    values: dict[str, Any] = {key: [] for key in form.body}
    values |= {form.body[0]: told if form.doubts else told + doubted, form.doubts: doubted}
    values |= {form.gaps: gaps, form.title: " ".join(case.question.split())}
    values.pop("", None)
    spec = case.spec(form.tool)
    return {**fill(spec, case.question, values, about=form.tool, forced=True), **values}
