"""Review from a terminal: what a customer writes rewrites nothing that a reviewer reads."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from agentkit import ToolCall
from agentkit.approvals.client import request_as_text
from agentkit.approvals.requests import Pending
from classroom.copy.project import run as run_py
from classroom.machine.home import home
from classroom.show.pending import until_pending
from classroom.workers import NOTEBOOKS, WorkerProcess
from offline_claude import OfflineClaude
from tests.agentkit.test_approval_signatures import request
from tests.support.terminals import HOSTILE, REWRITES, hidden

QUESTION = "Order 1025 arrived damaged. Please refund it and email me a confirmation."
FORGED = '0123456789ab  refund\n| {\n|   "amount": 5.0'


@pytest_asyncio.fixture
async def waiting(
    client: Client, claude: OfflineClaude, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[WorkflowHandle[Any, Any]]:
    """A run with a refund of 107.90 EUR that waits, for a customer who writes more than that."""
    monkeypatch.setenv("APPROVAL_INBOX", str(home() / "inbox.jsonl"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    worker = await WorkerProcess("approval_gate", "review").start().polling(client)
    try:
        run = await client.start_workflow(
            "ApprovalGateWorkflow",
            f"{QUESTION}{REWRITES}{FORGED}{HOSTILE}{'y' * 300}",
            id=f"review-{uuid.uuid4()}",
            task_queue=worker.task_queue,
        )
        await until_pending(run)
        yield run
        await run.terminate()
    finally:
        worker.stop()


async def test_terminal_shows_what_is_decided_on_whatever_the_customer_wrote(
    waiting: WorkflowHandle[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (request,) = [each.request for each in await until_pending(waiting)]

    async def review(*more: str) -> list[str]:
        command = [sys.executable, "-m", "recipes.approval_gate.review", waiting.id, *more]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=NOTEBOOKS, capture_output=True, check=True, timeout=60
        )
        shown = done.stdout.decode()
        assert hidden(shown, but="\n") == ""
        return shown.splitlines()

    listed = await review()
    assert listed[:6] == [
        f"{request.digest[:12]}  refund",
        "| {",
        '|   "order_id": 1025,',
        '|   "amount": 107.9,',
        *[line for line in listed if '"reason"' in line],
        "| }",
    ]
    asker = "".join(line[2:] for line in listed[listed.index("Asked by:") + 1 : -1])
    assert asker.startswith(f'the support desk, for a customer who wrote: "{QUESTION}\\u001b[1A')
    assert asker.endswith('…"')
    assert len(request.asker) < 300
    assert [line for line in listed if line.startswith("0123")] == []
    assert await review(request.digest) == listed

    # `make run` of a copied project asks the same, one request at a time.
    asked = []

    def answer(question: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr("builtins.print", lambda *given, **_: asked.append(given[0]))
    with pytest.raises(SystemExit, match="Nobody decides here"):
        await run_py.decide(waiting, import_module("recipes.approval_gate.review"))
    described, question = asked
    assert described.splitlines() == listed
    assert question.startswith('approve or reject refund({"order_id": 1025, "amount": 107.9')
    assert question.endswith(f"), digest {request.digest[:12]}, as ann [REASON]:")


async def test_of_two_requests_the_one_shown_is_decided_on(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (
        Pending(replace(request(call=ToolCall("id", "pay", {"amount": amount})), digest=digest))
        for amount, digest in ((5, "5" * 64), (199, "9" * 64))
    )

    async def pending_approvals(_: object) -> list[Pending]:
        return [first, second]

    review = SimpleNamespace(pending_approvals=pending_approvals, request_as_text=request_as_text)
    printed: list[str] = []
    commands: list[list[str]] = []
    monkeypatch.setattr("builtins.print", lambda text, **_: printed.append(text))
    monkeypatch.setattr("builtins.input", lambda _: "approve fine")
    monkeypatch.setattr("subprocess.run", lambda command, **_: commands.append(command))
    await run_py.decide(cast(Any, SimpleNamespace(id="run-1")), cast(Any, review))
    assert (
        printed[-1]
        == f'approve or reject pay({{"amount": 5}}), digest {"5" * 12}, as ann [REASON]:'
    )
    assert "199" not in "".join(printed)
    assert [command[-4:] for command in commands] == [["5" * 64, "approve", "ann", "fine"]]
