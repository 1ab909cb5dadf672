"""The research agent's Workflow: which drafts go back, what is stored, and how else runs end."""

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
from agentkit.testing import result_of, settled
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
    await settled(run)
    decision = Decision(
        request_id=waiting.request.id,
        digest=waiting.request.digest,
        answer=answer,
        reviewer="ann",
        reason=reason,
        **more,
    )
    await decide(run, decision)


async def sent_back(bad: Use, *before: list[Use]) -> str:
    """Submit a bad report and then a good one; return why the bad one came back to Claude."""
    async with office(*(before or [SEARCHES]), [bad], [GOOD]) as room:
        run = await room.start()
        await review(run, "approve")
        outcome = await result_of(run)
        assert outcome["ended"] == "published"
        assert [e["event"] for e in outcome["audit"]] == ["denied", "asked", "approved", "ran"]
        return str(outcome["audit"][0]["note"])


# The check


async def test_citation_of_a_source_that_no_search_found_goes_back() -> None:
    bad = report(paragraph("We do.", **{"handbook:refunds#99": RULE_TEXT}), disagreements=[BOTH])
    assert await sent_back(bad) == "(1) No search has found handbook:refunds#99."


async def test_quote_that_its_source_does_not_have_goes_back() -> None:
    bad = report(paragraph("We do.", rule="refunded within an hour"), disagreements=[BOTH])
    assert "#3 doesn't say “refunded within an hour”" in await sent_back(bad)


async def test_draft_that_ignores_a_contradiction_goes_back() -> None:
    bad = report(paragraph("We refund at once.", rule=RULE_TEXT))
    assert "disagree on cancelled orders that were not refunded" in await sent_back(bad)


async def test_paragraph_without_a_source_goes_back() -> None:
    bad = report(paragraph("All is well."), disagreements=[BOTH])
    assert await sent_back(bad) == "(1) No source is cited for “All is well.”"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"title": "T", "paragraphs": [{"text": 1}]}, "paragraphs.0.text: Input should be a valid"),
        (
            "All is well.",
            "send an object, not 'All is well.'",
        ),
    ],
)
async def test_arguments_that_are_not_a_report_go_back_unjudged(bad: Any, words: str) -> None:
    async with office(SEARCHES, [("publish_report", bad)], [GOOD]) as room:
        run = await room.start()
        await review(run, "approve")
        outcome = await result_of(run)
        assert outcome["ended"] == "published"
        assert [e["event"] for e in outcome["audit"]] == ["asked", "approved", "ran"]
        results = (await run.query("transcript"))[4]["content"]
    assert words in results[0]["content"]


async def test_draft_that_hides_an_empty_search_goes_back() -> None:
    nothing: Use = ("search_passages", {"query": "audiobooks"})
    bad, good = GOOD, report(*GOOD[1]["paragraphs"], disagreements=[BOTH], gaps=["No audiobooks."])
    async with office([*SEARCHES, nothing], [bad], [good]) as room:
        run = await room.start()
        await review(run, "approve")
        outcome = await result_of(run)
    assert outcome["audit"][0]["note"].startswith("(1) “audiobooks” has brought nothing")
    assert outcome["ended"] == "published"


async def test_failed_search_must_be_named_under_gaps() -> None:
    @tool(effect="none")
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
            outcome = await result_of(run)
    finally:
        TOOLS.remove(search_archive)
    assert "“old letters” has brought nothing" in outcome["audit"][0]["note"]
    assert outcome["ended"] == "published"


async def test_of_two_reports_at_once_one_is_denied_unseen() -> None:
    async with office(SEARCHES, [GOOD, GOOD]) as room:
        run = await room.start()
        await review(run, "approve")
        outcome = await result_of(run)
    assert [e["event"] for e in outcome["audit"]] == ["denied", "asked", "approved", "ran"]
    assert outcome["audit"][0]["note"] == "Submit one report at a time."


async def test_supervisors_edits_are_checked_as_well() -> None:
    async with office(SEARCHES, [GOOD]) as room:
        run = await room.start()
        (waiting,) = await pending(run)
        edited = {**waiting.request.arguments, "paragraphs": [paragraph("Mine.", rule="not there")]}
        with pytest.raises(DecisionRefused, match=r"not allowed.*doesn't say “not there”"):
            await review(run, "approve", arguments=edited)
        shorter = {**waiting.request.arguments, "title": "Short"}
        await review(run, "approve", arguments=shorter)
        assert (await result_of(run))["ended"] == "published"


# The report


async def test_report_is_one_file_and_one_row_with_its_cost(
    reports: Path, shop: ModuleType
) -> None:
    forged = {**GOOD[1], "cost": {"turns": 1, "usd": 0.0}}
    async with office(SEARCHES, [("publish_report", forged)]) as room:
        run = await room.start()
        await review(run, "approve")
        outcome = await result_of(run)
    (row,) = shop.rows("reports")
    (file,) = reports.iterdir()
    assert outcome["detail"] == f"Published as {row['file']}" == f"Published as reports/{file.name}"
    assert (row["turns"], row["tokens"]) == (2, 2200)
    assert row["usd"] == pytest.approx(outcome["spent"]["usd"]) == pytest.approx(0.006)
    assert "*2 calls of Claude, 2,200 tokens, 0.0060 US dollars.*" in file.read_text()


# Other ends


async def test_run_ends_after_a_day_without_a_decision(reports: Path, shop: ModuleType) -> None:
    async with office(SEARCHES, [GOOD]) as room:
        outcome = await result_of(await room.start())
    assert outcome["ended"] == "nobody answered"
    assert outcome["detail"].startswith("Not run. Nobody approved it: Nobody decided until")
    assert [(n.kind, n.to) for n in room.notices] == [
        ("asked", ["ann"]),
        ("reminded", ["ann"]),
        ("escalated", ["bob"]),
    ]
    assert shop.count("reports") == 0
    assert not reports.exists()


async def test_third_rejection_ends_the_run(shop: ModuleType) -> None:
    async with office(SEARCHES, [GOOD]) as room:
        run = await room.start()
        for reason in ("Shorter.", "Shorter!", "Never mind."):
            await review(run, "reject", reason)
        outcome = await result_of(run)
    assert outcome["ended"] == "rejected"
    assert outcome["detail"] == "Not run. A reviewer rejected it: Never mind."
    assert outcome["spent"]["turns"] == 4
    assert shop.count("reports") == 0


async def test_run_ends_when_the_fourth_draft_fails_its_check() -> None:
    async with office(SEARCHES, [report(paragraph("I know it all."))]) as room:
        outcome = await result_of(await room.start())
    assert outcome["ended"] == "unfit for review"
    assert [e["event"] for e in outcome["audit"]] == ["denied"] * 4
    assert not room.notices


async def test_budget_ends_a_run_that_never_submits() -> None:
    async with office(SEARCHES) as room:
        outcome = await result_of(await room.start(budget={"turns": 3}))
    assert outcome["ended"] == "turns"
    assert outcome["detail"] == "The budget is used up: 3 of 3 turns."


async def test_reply_without_a_tool_call_ends_the_run_without_a_report() -> None:
    async with office("I would rather not.") as room:
        outcome = await result_of(await room.start())
    assert (outcome["ended"], outcome["detail"]) == ("no report", "I would rather not.")


async def test_report_that_can_not_be_stored_ends_as_unknown(
    reports: Path, shop: ModuleType
) -> None:
    reports.write_text("a file stands where the folder should be")
    async with office(SEARCHES, [GOOD]) as room:
        run = await room.start()
        await review(run, "approve")
        outcome = await result_of(run)
    assert outcome["ended"] == "unknown"
    assert "ask a person to look" in outcome["detail"]
    assert shop.count("reports") == 0


async def test_cancelling_the_run_withdraws_the_draft(shop: ModuleType) -> None:
    async with office(SEARCHES, [GOOD]) as room:
        run = await room.start()
        await pending(run)
        await settled(run)
        await run.cancel()
        with pytest.raises(Exception, match="failed"):
            await result_of(run)
    assert shop.count("reports") == 0


# From a terminal


async def test_start_and_review_work_from_a_terminal(
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
            "ResearchAgentWorkflow", task, id=name, task_queue=worker.task_queue
        )
        started = asyncio.create_task(run("start", name, task["question"]))  # re-attaches
        await until_pending(research)
        code, shown, _ = await run("review", name)
        first, *lines = shown.splitlines()
        assert (code, lines[1]) == (0, '|   "title": "Are cancelled orders refunded?",')
        assert lines[-1].endswith("hours left; may decide: ann")
        digest = first.removesuffix("  publish_report")
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


async def test_searches_of_one_message_run_in_parallel() -> None:
    together = asyncio.Barrier(2)

    @tool(effect="none")
    async def search_left(query: str) -> list[str]:
        """Search on the left.

        Args:
            query: Words.
        """
        await asyncio.wait_for(together.wait(), 20)
        return []

    @tool(effect="none")
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
            await result_of(run)
            results = (await run.query("transcript"))[2]["content"]
    finally:
        del TOOLS[-2:]
    assert [result.get("is_error", False) for result in results] == [False, False]
