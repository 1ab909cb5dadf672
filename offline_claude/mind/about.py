"""Answers without tools: who is speaking, a quotation, or that nothing fits the question."""

from __future__ import annotations

import re
import textwrap

from offline_claude.mind.choose import is_effect
from offline_claude.mind.conversation import SHOP_TOOLS
from offline_claude.mind.shop_case import Case
from offline_claude.mind.wording import refused
from offline_claude.mind.words import Index, collapse, pattern, stems, synonyms, telling_words
from offline_claude.request import told_in_lines

_IDENTITY = (
    "I am the offline Claude, a deterministic stand-in that speaks the Messages API, not a model. "
    "I follow rules written down in this repository, so that lessons need no API key."
)


def introduction(case: Case) -> str:
    """Say who it is, greet, or say what it can do; "" when the question is about other things."""
    question, tools = collapse(case.focus[:2000]), _shortened(", ".join(case.tools), 500)
    able = f"I can choose and use the tools of this request: {tools}. I can't write freely."
    if not case.tools:
        able = "I use tools and fill in JSON. This request offers no tools; I can't write freely."
    if pattern("who").search(question):
        return _IDENTITY
    if pattern("greeting").fullmatch(question):
        rules = "the offline Claude, deterministic rules that speak the Messages API, not a model"
        return f"Hello! I am {rules}. {able}"
    if pattern("farewell").fullmatch(question):
        return "You are welcome."
    asks = pattern("able").search(question) and len(question.split()) <= 12
    return f"{_IDENTITY} {able}" if asks and not case.named_orders else ""


def without_tools(case: Case) -> str:
    """Answer by quoting what was written here, or say plainly that nothing fits the question."""
    unseen, text = " and ".join(case.unseen), collapse(case.focus[:4000])
    blind = f"I can't look at the {unseen} you sent: I am rules, not a model. " if unseen else ""
    if not text.strip() and not unseen and not case.documents:
        return "I have read the notices you sent. They ask for nothing, so I do nothing."
    last = {run.name: run for run in case.earlier_runs}
    if still_open := [r for r in last.values() if r.unsettled and stems(r.name) & stems(text)]:
        return " ".join(refused(case, run) for run in still_open)
    told = _not_written(case, text) if pattern("writes").search(text[:300]) else _quoted(case, text)
    return f"{blind}{told}" if told else blind.rstrip() or _cannot_help(case)


def _quoted(case: Case, text: str) -> str:
    """Answer a question with the sentence written here that shares most words with it."""
    asks = "?" in text or pattern("asks").match(text)
    asked = telling_words(text)[:40] if asks else []
    above = case.focus.strip().rpartition("\n")[0]
    written = "\n".join([*case.documents, *case.earlier[::-1], above])[:100_000]
    ends = pattern("sentence").finditer(written)
    sentences = [m[0].strip() for m in ends if not m[0].endswith("?")]
    index = Index("sentence", ((sentence,) for sentence in sentences))
    told = [set(index.find(synonyms(word))) for word in asked]
    shared = {n: sum(n in found for found in told) for n in set().union(*told)}
    best = max(shared, key=lambda n: (shared[n], -n), default=-1)
    if best >= 0 and 2 * shared[best] >= len(asked):
        return f"From what you wrote: “{_shortened(sentences[best])}”"
    lacks = case.documents and not case.tools and asks
    return f"I find no sentence about “{_shortened(text)}” in the text you sent." if lacks else ""


def _not_written(case: Case, text: str) -> str:
    """Say that it takes a model to write something, and quote what there is to quote."""
    verb = pattern("writes").findall(text[:300])[0].lower()
    told = "\n".join(told_in_lines(case.focus))
    said = re.findall(r"(?m)^(?:- )?(user:|assistant called) [“ ]*(.{1,60})", told)
    lines = list(dict.fromkeys(f"\n- {who} “{words.rstrip(' ”')}”" for who, words in said))
    acts = [each for each in lines if each[3] == "a" and is_effect(re.split("[“:]", each)[1])]
    if quotes := acts[-6:] + [each for each in lines if each[3] == "u"][-6:]:
        return f"I can't {verb} as a model would; I quote:{''.join(quotes)}"
    return f"I can't {verb} a text: I am the offline Claude, rules that quote, not a model."


def _cannot_help(case: Case) -> str:
    question = _shortened(case.focus[:2000])
    if not case.tools:
        about = f" to “{question}”" if question else ""
        return (
            f"I have no answer{about}: I am the offline Claude, rules instead of a model, and this "
            "request offers me no tools. Without them I can quote what is written here, and fill "
            "in JSON."
        )
    shop = SHOP_TOOLS & {*case.tools}
    hint = " Ask me about an order, a shipment or the handbook." if shop else ""
    offered = _shortened(", ".join(case.tools), 500)
    return (
        f"I am the offline Claude, not a model, and I see no tool among {offered} that fits "
        f"“{question}”.{hint}"
    )


def _shortened(text: str, most: int = 400) -> str:
    return textwrap.shorten(text, most, placeholder="…")
