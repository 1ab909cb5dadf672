"""The offline Claude as a researcher: it plans, searches, quotes, and mends what it is told of."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from offline_claude.reply import Thought
from tests.support.mind import decide, own

QUESTION = "How long do repairs take, and what about left-handed scissors?"
CITED = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "claim": {"type": "string"},
            "sources": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"url": {"type": "string"}, "excerpt": {"type": "string"}},
                    "required": ["url", "excerpt"],
                },
            },
        },
        "required": ["claim", "sources"],
    },
}
SEARCHES = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"tool_name": {"type": "string"}, "keywords": {"type": "string"}},
        "required": ["tool_name", "keywords"],
    },
}
PLAN = own("make_plan", "Note what to search for", {"searches": SEARCHES})
MANUAL = own("search_manual", "Search the workshop's manual", {"query": "string"})
COUNTS = own(
    "workshop_counts", "Count", {"subject": {"type": "string", "enum": ["repairs", "sales"]}}
)
PARTS = {"heading": "string", "findings": CITED, "contradictions": CITED}
LISTS = {"type": "array", "items": {"type": "string"}}
SUBMIT = own("submit_findings", "Hand the report in", {**PARTS, "unanswered": LISTS})
TOOLS = [PLAN, MANUAL, COUNTS, SUBMIT]
"""Not one of the names that the recipe has."""

REPAIR = {"id": "manual:repairs#1", "text": "A repair takes three days."}
COUNTED = {"id": "counts:repairs#1", "text": "The last repair took nine days."}
BLADES = {"id": "manual:blades#4", "text": "Blades are sharpened on Mondays."}


def workshop(name: str, given: dict[str, Any]) -> Any:
    """What the tools return; the report is taken at once."""
    if name == "search_manual":
        found = {"repair": REPAIR, "blade": BLADES}
        return [row for word, row in found.items() if word in given["query"]]
    return {"workshop_counts": [COUNTED]}.get(name, "Done.")


def work(
    answers: Callable[[str, dict[str, Any], int], Any] | None = None,
    question: str = QUESTION,
    tools: list[dict[str, Any]] | None = None,
) -> tuple[list[list[tuple[str, dict[str, Any]]]], Thought]:
    """Let it work: the calls of each turn, and its last words.

    `answers` is asked first, with the name, the arguments, and how many reports came before; what
    it raises goes back as an error, and what it gives None for the workshop answers.
    """
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    turns: list[list[tuple[str, dict[str, Any]]]] = []
    reports = 0
    while len(turns) < 12:
        thought = decide(messages, TOOLS if tools is None else tools)
        if not thought.calls:
            return turns, thought
        turns.append(thought.calls)
        asked, told = [], []
        for n, (name, given) in enumerate(thought.calls):
            ids = {"id": f"toolu_{len(turns)}_{n}"}
            asked.append({"type": "tool_use", "name": name, "input": given, **ids})
            block: dict[str, Any] = {"type": "tool_result", "tool_use_id": ids["id"]}
            try:
                found = answers(name, given, reports) if answers else None
                found = workshop(name, given) if found is None else found
                block["content"] = found if isinstance(found, str) else json.dumps(found)
            except ValueError as err:
                block |= {"content": str(err), "is_error": True}
            reports += name == "submit_findings"
            told.append(block)
        messages += [{"role": "assistant", "content": asked}, {"role": "user", "content": told}]
    raise AssertionError("it never ended")


def sent_back(*reasons: str) -> Callable[[str, dict[str, Any], int], Any]:
    """Send the first reports back, each for a reason."""

    def answer(name: str, given: dict[str, Any], reports: int) -> Any:
        if name == "submit_findings" and reports < len(reasons):
            raise ValueError(reasons[reports])

    return answer


def test_research_plans_then_searches_in_parallel_then_reports() -> None:
    turns, last = work()
    assert [[name for name, _ in turn] for turn in turns] == [
        ["make_plan"],
        ["search_manual", "workshop_counts", "search_manual"],
        ["submit_findings"],
    ]
    planned = turns[0][0][1]["searches"]
    assert planned == [
        {"tool_name": "search_manual", "keywords": "repairs take"},
        {"tool_name": "workshop_counts", "keywords": "repairs"},
        {"tool_name": "search_manual", "keywords": "left-handed scissors"},
    ]
    assert [next(iter(given.values())) for _, given in turns[1]] == [
        each["keywords"] for each in planned
    ]
    assert last.text == "The report is handed in: “Done.”"


def test_report_quotes_findings_and_names_gaps() -> None:
    ((_, report),) = work()[0][-1]
    assert report == {
        "heading": QUESTION,
        "findings": [
            {
                "claim": "The manual says: “A repair takes three days.”",
                "sources": [{"url": REPAIR["id"], "excerpt": REPAIR["text"]}],
            },
            {
                "claim": "The counts say: “The last repair took nine days.”",
                "sources": [{"url": COUNTED["id"], "excerpt": COUNTED["text"]}],
            },
        ],
        "contradictions": [],
        "unanswered": ["Nothing was found for “left-handed scissors”."],
    }


def test_words_of_the_question_become_the_search() -> None:
    turns, _ = work(question="Please tell me on which day blades are sharpened.")
    assert turns[1] == [("search_manual", {"query": "day blades sharpened"})]
    ((_, report),) = turns[2]
    assert [each["sources"][0]["url"] for each in report["findings"]] == [BLADES["id"]]


def test_search_tool_that_a_learner_adds_is_used_as_well() -> None:
    diary = own("search_diary", "Search the diary", {"query": "string"})
    turns, _ = work(tools=[PLAN, MANUAL, diary, SUBMIT])
    assert {name for name, _ in turns[1]} == {"search_manual", "search_diary"}


def test_research_does_without_a_plan_tool() -> None:
    turns, _ = work(tools=[MANUAL, SUBMIT])
    assert [name for turn in turns for name, _ in turn][-1] == "submit_findings"


def test_contradiction_reported_by_a_check_is_named() -> None:
    check = f"Not allowed: (1) {REPAIR['id']} and {COUNTED['id']} disagree on days: cite both."
    turns, _ = work(sent_back(check))
    ((_, first),), ((_, second),) = turns[2:]
    assert first["contradictions"] == []
    (told,) = second["contradictions"]
    assert [each["url"] for each in told["sources"]] == [REPAIR["id"], COUNTED["id"]]
    assert second["findings"] == first["findings"]


def test_missing_topic_is_searched_for_after_a_rejection() -> None:
    turns, _ = work(sent_back("Not run. A reviewer rejected it: Also say something about blades."))
    assert turns[3] == [("search_manual", {"query": "blades"})]
    ((_, report),) = turns[4]
    assert report["findings"][-1]["sources"] == [{"url": BLADES["id"], "excerpt": BLADES["text"]}]


def test_unwanted_topic_is_dropped_after_a_rejection() -> None:
    turns, _ = work(sent_back("A reviewer rejected it: Drop the part on scissors."))
    ((_, report),) = turns[3]
    assert report["unanswered"] == []
    assert len(report["findings"]) == 2


def test_rejection_it_can_not_act_on_is_declined_and_no_report_is_sent_twice() -> None:
    turns, last = work(sent_back(*["Not allowed: the tone is wrong."] * 5))
    assert sum(name == "submit_findings" for turn in turns for name, _ in turn) == 1
    assert "I can't fix this by my rules: “Not allowed: the tone is wrong.”" in last.text


def test_failed_search_is_a_gap_of_the_report() -> None:
    def closed(name: str, given: dict[str, Any], reports: int) -> Any:
        if name == "workshop_counts":
            raise ValueError("The books are closed.")

    ((_, report),) = work(closed)[0][-1]
    assert report["unanswered"][0] == "The search for “repairs” failed: “The books are closed.”"
    assert len(report["findings"]) == 1


def test_nothing_found_means_no_report() -> None:
    turns, last = work(question="What about left-handed scissors?")
    assert "submit_findings" not in {name for turn in turns for name, _ in turn}
    assert last.text == (
        "Nothing was found for “left-handed scissors”. So there is nothing that I could report."
    )


def test_row_that_shares_no_word_with_the_question_is_not_cited() -> None:
    def beside(name: str, given: dict[str, Any], reports: int) -> Any:
        return [BLADES] if name == "search_manual" else None

    ((_, report),) = work(beside, question="Do repairs cost much?")[0][-1]
    assert [each["sources"][0]["url"] for each in report["findings"]] == [COUNTED["id"]]
    assert report["unanswered"] == ["Nothing was found for “repairs cost much”."]


def test_tools_without_a_report_tool_are_not_research() -> None:
    turns, _ = work(tools=[MANUAL, COUNTS], question="Search the manual for blades.")
    assert [name for turn in turns for name, _ in turn] == ["search_manual"]
