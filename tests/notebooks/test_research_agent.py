"""The capstone's Workflow: what is sent back, what is stored, and every other way to end."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from agentkit import ToolError, tool
from agentkit.approvals import Decision, DecisionRefused, decide
from classroom.machine.home import home
from classroom.show.pending import until_pending
from classroom.workers import NOTEBOOKS, WorkerProcess
from offline_claude import OfflineClaude
from tests.support.gates import pending
from tests.support.research import (
    BOTH,
    FIGURES,
    GOOD,
    HANDBOOK,
    RULE_TEXT,
    Use,
    office,
    paragraph,
    report,
)

SEARCHES = [HANDBOOK, FIGURES]


@pytest.fixture(autouse=True)
def reports(shop: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    monkeypatch.setenv("RESEARCH_REPORTS", str(tmp_path / "reports"))
    return tmp_path / "reports"


async def review(run: WorkflowHandle[Any, Any], answer: Any, reason: str = "", **more: Any) -> None:
    """Be the supervisor: wait for a draft and decide on it."""
    (waiting,) = await pending(run)
    seen = (waiting.request.id, waiting.request.digest)
    await decide(run, Decision(*seen, answer, "ann", reason, **more))


async def sent_back(bad: Use, *before: list[Use]) -> str:
    """Hand in a bad report and then a good one; why the bad one came back to Claude."""
    async with office(*(before or [SEARCHES]), [bad], [GOOD]) as room:
        run = await room.start()
        await review(run, "approve")
        outcome = await run.result()
        assert outcome["ended"] == "published"
        assert [e["event"] for e in outcome["audit"]] == ["denied", "asked", "approved", "ran"]
        return str(outcome["audit"][0]["note"])


# The check


async def test_a_citation_of_a_source_that_no_search_has_found_goes_back() -> None:
    bad = report(paragraph("We do.", **{"handbook:refunds#99": RULE_TEXT}), disagreements=[BOTH])
    assert await sent_back(bad) == "(1) No search has found handbook:refunds#99."


async def test_a_quote_that_its_source_doesnt_hold_goes_back() -> None:
    bad = report(paragraph("We do.", rule="refunded within an hour"), disagreements=[BOTH])
    assert "#3 doesn't say “refunded within an hour”" in await sent_back(bad)


async def test_a_contradiction_that_the_draft_passes_over_goes_back() -> None:
    bad = report(paragraph("We refund at once.", rule=RULE_TEXT))
    assert "disagree on cancelled orders that were not refunded" in await sent_back(bad)


async def test_a_paragraph_without_a_source_goes_back() -> None:
    bad = report(paragraph("All is well."), disagreements=[BOTH])
    assert await sent_back(bad) == "(1) No source is cited for “All is well.”"


async def test_what_is_no_report_at_all_goes_back() -> None:
    bad = ("publish_report", {"title": "T", "paragraphs": [{"text": 1}]})
    assert await sent_back(bad) == (
        "This is no report. Look at paragraphs.0.text, paragraphs.0.citations."
    )


async def test_a_draft_whose_arguments_are_no_object_goes_back() -> None:
    bad: Any = ("publish_report", "All is well.")
    async with office(SEARCHES, [bad], [GOOD]) as room:
        run = await room.start()
        await review(run, "approve")
        assert (await run.result())["ended"] == "published"
        results = (await run.query("transcript"))[4]["content"]
    assert results[0]["content"] == "Invalid arguments for publish_report: not a JSON object."


async def test_an_empty_search_that_the_draft_hides_goes_back() -> None:
    nothing: Use = ("search_passages", {"query": "audiobooks"})
    bad, good = GOOD, report(*GOOD[1]["paragraphs"], disagreements=[BOTH], gaps=["No audiobooks."])
    async with office([*SEARCHES, nothing], [bad], [good]) as room:
        run = await room.start()
        await review(run, "approve")
        outcome = await run.result()
    assert outcome["audit"][0]["note"].startswith("(1) “audiobooks” has brought nothing")
    assert outcome["ended"] == "published"


async def test_a_search_that_was_planned_and_failed_has_to_be_told() -> None:
    @tool
    async def search_archive(query: str) -> str:
        """Search the archive.

        Args:
            query: Words.
        """
        raise ToolError("The archive is closed.")

    from recipes.research_agent.tools import TOOLS

    plan: Use = (
        "plan_research",
        {"searches": [{"tool": "search_archive", "query": "old letters"}]},
    )
    good = report(*GOOD[1]["paragraphs"], disagreements=[BOTH], gaps=["old letters: closed"])
    TOOLS.append(search_archive)
    try:
        async with office(
            [plan],
            [*SEARCHES, ("search_archive", {"query": "old letters"})],
            [GOOD],
            [good],
            tools=TOOLS,
        ) as room:
            run = await room.start()
            await review(run, "approve")
            outcome = await run.result()
    finally:
        TOOLS.remove(search_archive)
    assert "“old letters” has brought nothing" in outcome["audit"][0]["note"]
    assert outcome["ended"] == "published"


async def test_of_two_reports_at_once_one_is_refused_unseen() -> None:
    async with office(SEARCHES, [GOOD, GOOD]) as room:
        run = await room.start()
        await review(run, "approve")
        outcome = await run.result()
    assert [e["event"] for e in outcome["audit"]] == ["denied", "asked", "approved", "ran"]
    assert outcome["audit"][0]["note"] == "Hand in one report at a time."


async def test_what_a_supervisor_has_edited_is_checked_as_well() -> None:
    async with office(SEARCHES, [GOOD]) as room:
        run = await room.start()
        (waiting,) = await pending(run)
        edited = {**waiting.request.arguments, "paragraphs": [paragraph("Mine.", rule="not there")]}
        with pytest.raises(DecisionRefused, match=r"not allowed.*doesn't say “not there”"):
            await review(run, "approve", arguments=edited)
        shorter = {**waiting.request.arguments, "title": "Short"}
        await review(run, "approve", arguments=shorter)
        assert (await run.result())["ended"] == "published"


# The report


async def test_the_report_is_one_file_and_one_row_with_what_it_cost(
    reports: Path, shop: ModuleType
) -> None:
    forged = {**GOOD[1], "cost": {"turns": 1, "usd": 0.0}}
    async with office(SEARCHES, [("publish_report", forged)]) as room:
        run = await room.start()
        await review(run, "approve")
        outcome = await run.result()
    (row,) = shop.rows("reports")
    (file,) = reports.iterdir()
    assert outcome["detail"] == f"Published as {row['file']}" == f"Published as reports/{file.name}"
    assert (row["turns"], row["tokens"]) == (2, 2200)
    assert row["usd"] == pytest.approx(outcome["spent"]["usd"]) == pytest.approx(0.006)
    assert "*2 calls of Claude, 2,200 tokens, 0.0060 US dollars.*" in file.read_text()


# Other ends


async def test_a_reviewer_who_never_answers_ends_the_run_after_a_day(
    reports: Path, shop: ModuleType
) -> None:
    async with office(SEARCHES, [GOOD]) as room:
        outcome = await (await room.start()).result()
    assert outcome["ended"] == "nobody answered"
    assert outcome["detail"].startswith("Not run. Nobody approved it: Nobody decided until")
    assert [(n.kind, n.to) for n in room.notices] == [
        ("asked", ["ann"]),
        ("reminded", ["ann"]),
        ("escalated", ["bob"]),
    ]
    assert shop.count("reports") == 0
    assert not reports.exists()


async def test_the_third_rejection_ends_the_run(shop: ModuleType) -> None:
    async with office(SEARCHES, [GOOD]) as room:
        run = await room.start()
        for reason in ("Shorter.", "Shorter!", "Never mind."):
            await review(run, "reject", reason)
        outcome = await run.result()
    assert outcome["ended"] == "rejected"
    assert outcome["detail"] == "Not run. A reviewer rejected it: Never mind."
    assert outcome["spent"]["turns"] == 4
    assert shop.count("reports") == 0


async def test_a_claude_that_never_mends_its_draft_is_stopped() -> None:
    async with office(SEARCHES, [report(paragraph("I know it all."))]) as room:
        outcome = await (await room.start()).result()
    assert outcome["ended"] == "unfit for review"
    assert [e["event"] for e in outcome["audit"]] == ["denied"] * 4
    assert not room.notices


async def test_a_budget_ends_what_nothing_else_does() -> None:
    async with office(SEARCHES) as room:
        outcome = await (await room.start(budget={"turns": 3})).result()
    assert outcome["ended"] == "turns"
    assert outcome["detail"] == "The budget is used up: 3 of 3 turns."


async def test_a_claude_that_only_talks_ends_without_a_report() -> None:
    async with office("I would rather not.") as room:
        outcome = await (await room.start()).result()
    assert (outcome["ended"], outcome["detail"]) == ("no report", "I would rather not.")


async def test_a_report_that_can_not_be_stored_is_for_a_person_to_look_at(
    reports: Path, shop: ModuleType
) -> None:
    reports.write_text("a file stands where the folder should be")
    async with office(SEARCHES, [GOOD]) as room:
        run = await room.start()
        await review(run, "approve")
        outcome = await run.result()
    assert outcome["ended"] == "unknown"
    assert "ask a person to look" in outcome["detail"]
    assert shop.count("reports") == 0


async def test_cancelling_withdraws_the_draft(shop: ModuleType) -> None:
    async with office(SEARCHES, [GOOD]) as room:
        run = await room.start()
        await pending(run)
        await run.cancel()
        with pytest.raises(Exception, match="failed"):
            await run.result()
    assert shop.count("reports") == 0


# From a terminal


async def test_it_is_started_and_reviewed_from_a_terminal(
    client: Client, claude: OfflineClaude, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTKIT_STORE", str(home() / "store.db"))
    monkeypatch.setenv("APPROVAL_INBOX", str(home() / "inbox.jsonl"))
    name = f"terminal-{uuid.uuid4()}"

    async def run(program: str, *arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", f"recipes.research_agent.{program}", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=NOTEBOOKS, capture_output=True, text=True, timeout=100
        )
        return done.returncode, done.stdout, done.stderr

    worker = await WorkerProcess("research_agent", "terminal").start().polling(client)
    try:
        task = {"question": "Are cancelled orders refunded?"}
        research = await client.start_workflow(
            "ResearchAgent", task, id=name, task_queue=worker.task_queue
        )
        started = asyncio.create_task(run("start", name, task["question"]))  # re-attaches
        await until_pending(research)
        code, draft, _ = await run("review", name)
        assert (code, draft.startswith("# Are cancelled orders refunded?")) == (0, True)
        digest = draft.splitlines()[-1].split()[0]
        assert draft.splitlines()[-1].endswith("hours left; may decide: ann")
        code, _, words = await run("review", name, digest, "approve", "bob")
        assert (code, "bob may not decide" in words) == (1, True)
        assert (await run("review", name, digest, "approve", "ann"))[1] == "approved by ann\n"
        code, told, _ = await started
    finally:
        worker.stop()
    stored, cost = told.splitlines()
    assert (code, stored) == (0, f"Published as {shop.rows('reports')[0]['file']}")
    assert re.fullmatch(
        r"published: 4 calls of Claude for 0\.0\d+ US dollars, prompt research@\w{8}", cost
    )


# What runs beside what


async def test_the_searches_of_a_message_run_side_by_side() -> None:
    together = asyncio.Barrier(2)

    @tool
    async def search_left(query: str) -> list[str]:
        """Search on the left.

        Args:
            query: Words.
        """
        await asyncio.wait_for(together.wait(), 20)
        return []

    @tool
    async def search_right(query: str) -> list[str]:
        """Search on the right.

        Args:
            query: Words.
        """
        await asyncio.wait_for(together.wait(), 20)
        return []

    from recipes.research_agent.tools import TOOLS

    more = [search_left, search_right]
    TOOLS.extend(more)
    try:
        searches: list[Use] = [(each.name, {"query": "x"}) for each in more]
        async with office(searches, "Both have answered.", tools=TOOLS) as room:
            run = await room.start()
            await run.result()
            results = (await run.query("transcript"))[2]["content"]
    finally:
        del TOOLS[-2:]
    assert [result.get("is_error", False) for result in results] == [False, False]
