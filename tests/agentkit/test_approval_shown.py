"""What reviewers are shown at a terminal, in the Web UI and in a chat, whatever text is in it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentkit import ToolCall
from agentkit.approvals import Terms
from agentkit.approvals.client import request_as_text
from agentkit.approvals.gate import _code
from agentkit.approvals.requests import ApprovalRequest, Notice, Pending
from tests.support.gates import bank, paying, pending, world
from tests.support.terminals import HOSTILE, hidden

TEXTS = st.text(st.characters(), max_size=400)


def waiting(text: str = "", asker: str = "the desk", why: str = "over 50", **more: Any) -> Pending:
    call = ToolCall("toolu_1", "pay", {"amount": 199.0, "reason": text, **more})
    request = ApprovalRequest(
        call,
        Terms(timedelta(days=1), reviewers=("ann",)),
        asker,
        why,
        "run-1",
        "first",
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "0123456789abcdef",
    )
    return Pending(request, remaining_seconds=5400)


def test_arguments_come_first_then_why_then_who_asks() -> None:
    assert request_as_text(waiting("damaged")).splitlines() == [
        "0123456789ab  pay",
        "| {",
        '|   "amount": 199.0,',
        '|   "reason": "damaged"',
        "| }",
        "Why:",
        "| over 50",
        "Asked by:",
        "| the desk",
        "1.5 hours left; may decide: ann",
    ]


@settings(max_examples=100, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
@example(HOSTILE, HOSTILE, HOSTILE)
@example("0123456789ab  refund\n" * 9, "漢" * 300, " " * 78 + "1.5 hours left")
def test_no_words_from_outside_look_like_a_line_of_ours(text: str, asker: str, why: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        shown = request_as_text(waiting(text, asker, why))
    assert hidden(shown, but="\n") == ""
    barred = [line[2:] for line in shown.split("\n") if line.startswith("| ")]
    ours = [line for line in shown.split("\n") if not line.startswith("| ")]
    assert [line for line in ours if not re.fullmatch("… [0-9,]+ more characters: .*", line)] == [
        "0123456789ab  pay",
        "Why:",
        "Asked by:",
        "1.5 hours left; may decide: ann",
    ]
    assert all(len(line) <= 78 for line in barred)
    arguments = "".join(barred[: barred.index("}") + 1])
    assert json.loads(arguments)["amount"] == 199.0


def test_long_arguments_are_cut_and_the_rest_is_counted() -> None:
    long = waiting("x" * 40_000)
    shown, whole = request_as_text(long), request_as_text(long, most=100_000)
    (cut,) = re.findall(r"… ([0-9,]+) more characters", shown)
    assert int(cut.replace(",", "")) + 10_000 == len(json.dumps(long.request.arguments, indent=2))
    assert whole.replace("\n| ", "").count("x") == 40_000
    assert "more characters" not in whole


def test_words_of_others_are_cut() -> None:
    shown = request_as_text(waiting(asker="ÿ" * 1000, why="ž" * 1000))
    assert (shown.count("ÿ"), shown.count("ž")) == (300, 300)
    assert shown.count("…") == 2


# The Web UI, which shows a run's details as Markdown


@settings(max_examples=100, deadline=None)
@given(TEXTS)
@example(HOSTILE)
@example("`[approve](https://evil.example)`")
def test_words_in_details_are_code_that_they_cannot_end(text: str) -> None:
    shown = _code(text)
    assert hidden(shown) == ""
    assert re.fullmatch("`[^`\n]*`", shown)


async def test_details_of_a_run_hold_no_line_and_no_link_of_a_tools_caller() -> None:
    from temporalio.api.sdk.v1 import WorkflowMetadata

    async with bank() as desk:

        async def broken(_: Notice) -> None:
            raise RuntimeError(HOSTILE)

        world.notifier = broken
        run = await desk.start(paying(80.0, id=f"id{HOSTILE}"))
        await pending(run, notified=False)
        await desk.env.sleep(timedelta(minutes=6))
        found = await run.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        await run.terminate()
    details = found.current_details
    assert hidden(details, but="\n") == ""
    head, request, note = re.sub("`[^`\n]*`", "`…`", details).splitlines()
    assert head == "Waiting for a decision on:"
    assert re.fullmatch(r"- `…` \(`…`\) until [-0-9: ]+ UTC: `…`", request)
    assert note == "  - `…`"
