"""The research agent's parts by themselves: evidence, check, Markdown, publishing once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from agentkit import Spent, ToolCall
from agentkit.idempotency import use_idempotency_key
from classroom.workers import NOTEBOOKS

if TYPE_CHECKING:
    from recipes.research_agent.evidence import Evidence
    from recipes.research_agent.report import Paragraph, Report


@pytest.fixture(autouse=True)
def _recipes_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))


def row(source: str, text: str, **states: str) -> dict[str, Any]:
    return {"source": source, "text": text, "states": states}


def evidence(*searches: tuple[str, Any]) -> Evidence:
    """Evidence after searches by these queries, each with its rows or its error message."""
    from recipes.research_agent.evidence import Evidence

    seen = Evidence()
    for query, found in searches:
        failed = {"content": found, "is_error": True}
        result = failed if isinstance(found, str) else {"content": json.dumps(found)}
        seen.record_result(ToolCall("id", "search", {"query": query}), result)
    return seen


def cited(text: str, *pairs: tuple[str, str]) -> Paragraph:
    from recipes.research_agent.report import Citation, Paragraph

    return Paragraph(text, [Citation(source, quote) for source, quote in pairs])


def report(*paragraphs: Paragraph, **more: Any) -> Report:
    from recipes.research_agent.report import Report

    return Report("A title", [*paragraphs], **more)


def wrong(made: Report, known: Evidence) -> list[str]:
    from recipes.research_agent.policy import defects

    return list(defects(made, known))


FOUND = (
    "stock",
    [row("a#1", "We have ten.", copies="10"), row("b#1", "None is left.", copies="0")],
)
HONEST = ("a#1", "We have ten.")
OTHER = ("b#1", "None is left.")


# The check


def test_report_that_names_the_contradiction_passes() -> None:
    told = cited("One of them is wrong.", HONEST, OTHER)
    assert wrong(report(cited("Ten.", HONEST), disagreements=[told]), evidence(FOUND)) == []


def test_contradiction_counts_when_only_one_side_is_cited() -> None:
    assert wrong(report(cited("Ten.", HONEST)), evidence(FOUND)) == [
        "a#1 and b#1 disagree on copies: name it, and cite both."
    ]


def test_disagreement_that_cites_one_side_does_not_name_the_contradiction() -> None:
    half = cited("There may be doubts.", HONEST)
    assert len(wrong(report(cited("Ten.", HONEST), disagreements=[half]), evidence(FOUND))) == 1


def test_disagreement_needs_valid_citations_as_well() -> None:
    known = evidence(("stock", [row("a#1", "We have ten.")]))
    doubts = [cited("Some doubt it."), cited("Others too.", ("z#1", "We have none."))]
    assert wrong(report(cited("Ten.", HONEST), disagreements=doubts), known) == [
        "No source is cited for “Some doubt it.”",
        "No search has found z#1.",
    ]


def test_two_citations_among_the_findings_do_not_name_the_contradiction() -> None:
    assert len(wrong(report(cited("Ten, or none.", HONEST, OTHER)), evidence(FOUND))) == 1


def test_contradiction_between_uncited_sources_may_stay_unnamed() -> None:
    known = evidence(FOUND, ("hours", [row("c#1", "We open at nine.")]))
    assert wrong(report(cited("At nine.", ("c#1", "We open at nine."))), known) == []


def test_sources_that_state_the_same_do_not_contradict() -> None:
    known = evidence(("stock", [row("a#1", "Ten.", copies="10"), row("b#1", "10.", copies="10")]))
    assert wrong(report(cited("Ten.", ("a#1", "Ten."))), known) == []


def test_three_sources_contradict_in_pairs() -> None:
    rows = [row(f"{name}#1", "Some.", copies=name) for name in "abc"]
    assert len(wrong(report(cited("Some.", ("a#1", "Some."))), evidence(("stock", rows)))) == 2


@pytest.mark.parametrize("quote", ["", " ", "we have ten.", "We have ten. ", "We have eleven."])
def test_quote_must_match_its_source_word_for_word(quote: str) -> None:
    known = evidence(("stock", [row("a#1", "We have ten.")]))
    assert wrong(report(cited("Ten.", ("a#1", quote))), known) == [f"a#1 doesn't say “{quote}”"]


def test_part_of_a_source_may_be_quoted() -> None:
    known = evidence(("stock", [row("a#1", "We have ten, and more are on their way.")]))
    assert wrong(report(cited("Ten.", ("a#1", "We have ten"))), known) == []


def test_report_without_a_paragraph_is_defective() -> None:
    assert wrong(report(), evidence()) == ["The report says nothing."]


def test_repeated_search_that_finds_something_counts_as_answered() -> None:
    known = evidence(("stock", []), ("stock", [row("a#1", "We have ten.")]))
    assert wrong(report(cited("Ten.", HONEST)), known) == []


@pytest.mark.parametrize(
    "content", ["No such thing.", '[{"source": "a#1", "text": "We ha', '{"source": "a#1"}', "[1]"]
)
def test_result_that_is_not_a_list_of_sources_can_not_be_cited(content: str) -> None:
    from recipes.research_agent.evidence import Evidence

    known = Evidence()
    known.record_result(ToolCall("id", "search", {"query": "x"}), {"content": content})
    assert not known.sources


@pytest.mark.parametrize("states", [None, [], ["copies"], "copies: 10", 10])
def test_malformed_statements_are_ignored(states: Any) -> None:
    known = evidence(("stock", [{"source": "a#1", "text": "We have ten.", "states": states}]))
    assert wrong(report(cited("Ten.", HONEST)), known) == []


def test_error_result_is_not_evidence() -> None:
    from recipes.research_agent.evidence import Evidence

    known = Evidence()
    content = json.dumps([row("a#1", "We have ten.")])
    known.record_result(
        ToolCall("id", "search", {"query": "x"}), {"content": content, "is_error": True}
    )
    assert not known.sources


@pytest.mark.parametrize(
    "arguments", [{}, {"searches": None}, {"searches": [1, {}]}, {"searches": 7}]
)
def test_plan_of_another_shape_raises_nothing_in_workflow_code(arguments: dict[str, Any]) -> None:
    from recipes.research_agent.evidence import Evidence

    seen = Evidence()
    seen.record_result(ToolCall("id", "plan_research", arguments), {"content": "[]"})
    assert seen.asked == []


def test_check_of_much_evidence_ends_long_before_a_workflow_task_must() -> None:
    from recipes.research_agent.policy import defects

    states = {f"subject {n}": "" for n in range(40)}
    rows = [row(f"s#{n}", "x" * 200, **dict.fromkeys(states, str(n % 9))) for n in range(5_000)]
    told = [cited("x", ("s#1", "x"), (f"s#{n}", "x")) for n in range(500)]
    began = time.process_time()
    known = evidence(*((f"query {n}", []) for n in range(5_000)), ("all", rows))
    plan = {"searches": [{"query": f"plan {n}"} for n in range(50_000)]}
    known.record_result(ToolCall("id", "plan_research", plan), {"content": "50,000 are planned."})
    found = list(defects(report(*told, disagreements=told, gaps=["y" * 9] * 5_000), known))
    assert time.process_time() - began < 10
    assert len(known.sources) == len(known.asked) == 1_000
    assert any("disagree on subject 0" in each for each in found)
    assert any("“query 0” has brought nothing" in each for each in found)


def test_report_of_a_book_is_denied_before_it_is_read() -> None:
    from recipes.research_agent.policy import policy_on
    from recipes.research_agent.tools import publish_report

    known = evidence(FOUND)
    known.draft = "id"
    judge = policy_on(known)
    for paragraphs, why in (
        ([{"text": "x" * 60_000, "citations": []}], "A report has at most 50,000 characters"),
        ([{"text": "x", "citations": []}] * 500, "(20) No source is cited for “x”"),
    ):
        draft = {"title": "A", "paragraphs": paragraphs, "disagreements": [], "gaps": []}
        verdict = judge(ToolCall("id", "publish_report", draft), publish_report)
        assert verdict.action == "deny"
        assert why in verdict.reason
        assert len(verdict.reason) < 2_000


def test_every_cited_source_of_a_contradiction_must_be_named_with_one_that_differs() -> None:
    rows = [row(name, "Some.", copies=value) for name, value in zip("abcd", "1123", strict=True)]
    for name in "abcd":
        known, honest = evidence(("stock", rows)), cited("Some.", (name, "Some."))
        assert wrong(report(honest), known)


# The Markdown


def test_citations_and_sources_match() -> None:
    from recipes.research_agent.report import to_markdown

    twice = cited("Ten.", HONEST), cited("Still ten.", HONEST, OTHER)
    text = to_markdown(report(*twice, disagreements=[cited("Odd.", OTHER)], gaps=["Maps."]))
    links, anchors = re.findall(r"\(#(.+?)\)", text), re.findall(r'id="(.+?)"', text)
    assert [link[-2:] for link in links] == ["-1", "-1", "-2", "-2"]
    assert list(dict.fromkeys(links)) == anchors
    assert "## Where sources disagree\n\nOdd." in text
    assert "## What was not found\n\n- Maps." in text


def test_two_reports_on_one_page_have_different_anchors() -> None:
    from recipes.research_agent.report import to_markdown

    one, other = (to_markdown(report(cited(text, HONEST))) for text in ("Ten.", "Eleven."))
    assert not {*re.findall(r'id="(.+?)"', one)} & {*re.findall(r'id="(.+?)"', other)}


def test_empty_sections_have_no_heading() -> None:
    from recipes.research_agent.report import to_markdown

    assert re.findall(r"(?m)^#+ (.+)", to_markdown(report(cited("Ten.", HONEST)))) == [
        "A title",
        "Sources",
    ]


def test_markdown_names_a_model_without_a_price() -> None:
    from recipes.research_agent.report import to_markdown

    text = to_markdown(report(cited("Ten.", HONEST), cost=Spent(turns=3, unpriced="my-model")))
    assert "*3 calls of Claude, 0 tokens, no price for my-model.*" in text


# Storing


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with use_idempotency_key("run:toolu_1"):
        yield tmp_path / "reports"


def store(made: Report, folder: Path, shop: ModuleType) -> str:
    from recipes.research_agent.publish import publish

    with shop.session() as db:
        return publish(made, folder, db)


TEN = ("a#1", "We have ten.")


def test_publish_stores_once_per_key(folder: Path, shop: ModuleType) -> None:
    made = report(cited("Ten.", TEN))
    assert store(made, folder, shop) == store(made, folder, shop)
    (row,), (file,) = shop.rows("reports"), folder.iterdir()
    assert row["file"] == f"reports/{file.name}"


def test_crash_between_file_and_row_leaves_one_of_each(
    folder: Path, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recipes.research_agent import publish

    def write_and_die(file: Path, text: str) -> None:
        whole(file, text)
        raise KeyboardInterrupt

    made, whole = report(cited("Ten.", TEN)), publish.write_whole
    monkeypatch.setattr(publish, "write_whole", write_and_die)
    with pytest.raises(KeyboardInterrupt):
        store(made, folder, shop)
    assert (len([*folder.iterdir()]), shop.count("reports")) == (1, 0)
    monkeypatch.undo()
    store(made, folder, shop)
    assert (len([*folder.iterdir()]), shop.count("reports")) == (1, 1)


def test_crash_while_writing_the_file_leaves_no_report(
    folder: Path, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("full")

    made = report(cited("Ten.", TEN))
    with monkeypatch.context() as during:
        during.setattr("os.fsync", full)
        with pytest.raises(OSError, match="full"):
            store(made, folder, shop)
    assert not [*folder.glob("*.md")]
    assert shop.count("reports") == 0
    store(made, folder, shop)
    assert [each.suffix for each in folder.iterdir()] == [".md"]


def test_two_runs_with_the_same_report_have_a_row_each(folder: Path, shop: ModuleType) -> None:
    made = report(cited("Ten.", TEN))
    store(made, folder, shop)
    with use_idempotency_key("another-run:toolu_1"):
        store(made, folder, shop)
    assert (len([*folder.iterdir()]), shop.count("reports")) == (1, 2)


def test_unknown_price_is_stored_as_null(folder: Path, shop: ModuleType) -> None:
    store(report(cited("Ten.", TEN), cost=Spent(turns=2, unpriced="my-model")), folder, shop)
    assert shop.rows("reports")[0]["usd"] is None
