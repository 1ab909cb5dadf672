"""Structured answers and forced tools: JSON that satisfies a schema, filled from what is known."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import islice
from typing import Any

from offline_claude.mind.choose import ends_the_work, index_of, is_demanding, is_effect, looks_up
from offline_claude.mind.conversation import ToolUse, is_tool_search, known_as, pairs
from offline_claude.mind.fill import fill
from offline_claude.mind.json_schema import Spec
from offline_claude.mind.mend import corrected
from offline_claude.mind.shop_case import Case
from offline_claude.mind.wording import answer
from offline_claude.mind.words import name_words, pattern, said_words, telling_words, word_list
from offline_claude.reply import Thought

_DECODER, _MOST_STARTS = json.JSONDecoder(), 60
_ANSWERS, _ABSTRACTS, _FINAL = map(word_list, ("answers", "abstracts", "final"))


def structured(case: Case, schema: dict[str, Any], text: str) -> str:
    """Write the answer as JSON that satisfies a schema; `text` is the answer in words."""
    return json.dumps(_value(case, Spec(schema), text), ensure_ascii=False, separators=(",", ":"))


def prompted(case: Case) -> tuple[Case, dict[str, Any] | None]:
    """Find a JSON schema in words, the question's or the system prompt's.

    Returns:
        The case, with a question that no longer holds the schema, and the schema, if there is one.
    """
    for text in (case.question, case.sent.system):
        asks = '"properties"' in text and pattern("wants_json").search(text[:100_000])
        schema, end, question = None, 0, case.question
        for brace in islice(re.finditer(r"\{", text[:100_000]), _MOST_STARTS if asks else 0):
            if (start := brace.start()) < end:
                continue
            try:
                value, after = _DECODER.raw_decode(text, start)
            except (ValueError, RecursionError):
                continue
            if isinstance(value.get("properties"), dict):
                # The last one counts: what comes before may be an example.
                schema, end, question = value, after, question.replace(text[start:after], "")
        if schema is not None:
            return replace(case, question=question), schema
    return case, None


def obey(case: Case, thought: Thought) -> Thought:
    """Do what `tool_choice` demands."""
    choice = case.sent.tool_choice
    if choice["type"] == "tool":
        thought = Thought("", [_forced(case, known_as(choice["name"]))])
    elif choice["type"] == "any" and case.tools:
        thought = Thought("", thought.calls or [_any_tool(case)])  # no words before such a call
    one = choice.get("disable_parallel_tool_use")
    return replace(thought, calls=thought.calls[:1]) if one else thought


def _forced(case: Case, name: str) -> ToolUse:
    """Fill in a tool because it must be used; what the question leaves open stays empty."""
    spec, uses, words = case.spec(name), case.uses(name), name_words(name)
    if uses and (again := corrected(case, uses[-1], effect=True)):
        return again
    extracts = pattern("extracts").match(" ".join(words)) or not spec.required
    if _takes_the_answer(case, name) or extracts:
        value = _value(case, spec, answer(case) if case.runs else "")
        return name, value if isinstance(value, dict) else {}
    text = case.handbook_query if name == "search_handbook" else case.question
    return name, fill(spec, text, case.known_for(name), about=name, forced=True)


def _takes_the_answer(case: Case, name: str) -> bool:
    """Tell whether a tool takes the answer instead of doing something, such as "submit"."""
    return bool({*name_words(name)} & _FINAL) or ends_the_work(case, name)


def _any_tool(case: Case) -> ToolUse:
    """Choose a tool because one must be used: the finishing one, else the best not called yet."""
    names, used = list(case.tools), {run.name for run in case.runs}
    best = [names[n] for n in index_of(case, names).find(said_words(case.question))]
    names = sorted([*best, *names], key=lambda n: (not _takes_the_answer(case, n), n in used))
    calls = [_forced(case, name) for name in names[:20]]
    made = [(run.name, run.input) for run in case.runs]
    return next((c for c in calls if c not in made), calls[0])


def finishing_tool(case: Case) -> ToolUse | None:
    """Choose the tool that takes an answer or an extraction, though nothing forces it."""
    asks = bool(pattern("extracts").match(case.focus[:500]))
    left = [n for n in case.own if not (looks_up(n) or is_effect(n) or is_demanding(case, n))]
    takers = [n for n in left if ends_the_work(case, n) or (asks and len(left) == 1)]
    if not takers or any(run.name in takers and not run.failed for run in case.runs):
        return None
    call = _forced(case, takers[0])
    return None if call in [(run.name, run.input) for run in case.runs] else call


def tool_search(case: Case) -> ToolUse | None:
    """Search for a tool that a client hasn't loaded yet, once for each question."""
    words = telling_words(case.focus[:1000])
    name = next(filter(is_tool_search, case.own), "")
    text = next((n for n, s in case.spec(name).properties.items() if s.kind == "string"), "")
    if not words or not text or case.searched:
        return None
    return name, {**_forced(case, name)[1], text: " ".join(words[:6])}


def _value(case: Case, spec: Spec, text: str) -> Any:
    """The answer as a value: from the question, from results, from what was said before."""
    returned = [run.text for run in case.runs if run.value is None and not run.is_error]
    asked = "\n".join([case.question, *case.documents])
    texts = [_material(t) for t in [asked, *returned, *case.earlier[::-1]][:8] if t.strip()] or [""]
    # Any schema can be a property: so one that isn't an object needs no rules of its own.
    whole = Spec({"properties": {"items": spec.raw}, "required": ["items"]}, spec.root)
    found: Any = None
    for each in texts:
        found = _merged(found, fill(whole, each, case.known_for(), whole=True).get("items"))
    if spec.kind == "object":
        found = {**(found or {}), **_from_results(spec, [run.value for run in case.runs])}
        for name, inner in spec.properties.items():
            words = {*name_words(name)}
            written = text if words & _ANSWERS and name not in found else ""
            if words & _ABSTRACTS:
                written = re.split(r"(?<=[.!?])\s", texts[0])[0][:400]
            found |= {name: written} if written and inner.conforms(written) else {}
    return spec.complete(text if found is None and spec.conforms(text) else found)


def _merged(first: Any, second: Any) -> Any:
    """Merge the values from two texts; the first one counts more."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {**second, **{k: _merged(v, second.get(k)) for k, v in first.items()}}
    return second if first in (None, "", []) else first


def _material(question: str) -> str:
    """The text to extract from, without the request around it."""
    asked = pattern("request").match(question[:20_000])
    rest = question[asked.end() :].strip().strip("\"“”'") if asked else ""
    return rest if len(rest.split()) > 2 else question


def _from_results(spec: Spec, results: list[Any]) -> dict[str, Any]:
    """Values, and rows too, that tools returned under the very names that a schema has."""
    every = list(pairs(results))
    lists = [v for v in [*results, *(v for _, v in every)] if isinstance(v, list) and v]
    found: dict[str, Any] = {}
    for name, inner in spec.properties.items():
        if columns := inner.items.properties.keys():
            rows = [v for v in lists if all(isinstance(r, dict) and r.keys() & columns for r in v)]
            found[name] = [{k: r[k] for k in columns if k in r} for r in rows[0]] if rows else None
        else:
            found[name] = next((v for k, v in every if k == name and inner.conforms(v)), None)
    return {name: value for name, value in found.items() if value is not None}
