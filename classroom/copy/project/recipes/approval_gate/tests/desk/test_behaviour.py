"""What waits for a person, who may decide, and that nothing else is paid."""

from __future__ import annotations

import subprocess
import sys
import uuid
from types import ModuleType

import pytest
from temporalio.client import Client, WorkflowHandle

from agentkit.approvals import (
    Decision,
    DecisionRefused,
    decide,
)
from classroom.copy.project.local.parts import ROOT
from classroom.copy.project.reviewed.tests.desk.reviewing import what_waits
from classroom.copy.project.tests.desk.conftest import Desk
from recipes.approval_gate.worker import TASK_QUEUE
from recipes.approval_gate.workflow import Answer, ApprovalGate

LARGE = "Order 1025 arrived damaged. Please refund it and email me a confirmation."

Run = WorkflowHandle[ApprovalGate, Answer]


async def ask(client: Client, question: str = LARGE) -> Run:
    return await client.start_workflow(
        ApprovalGate.run, question, id=f"test-{uuid.uuid4()}", task_queue=TASK_QUEUE
    )


async def test_a_small_refund_needs_nobody(client: Client, desk: Desk, shop: ModuleType) -> None:
    answer = await (await ask(client, LARGE.replace("1025", "1042"))).result()
    assert "38.50" in answer.text
    assert [entry.event for entry in answer.audit] == ["allowed", "allowed"]
    assert shop.count("refunds") == 1


async def test_a_large_one_is_paid_after_the_reviewer_has_approved_it(
    client: Client, desk: Desk, shop: ModuleType
) -> None:
    run = await ask(client)
    request = (await what_waits(run)).request
    assert shop.count("refunds") == 0
    with pytest.raises(DecisionRefused):
        await decide(run, Decision(request.id, request.digest, "approve", "mallory"))
    await decide(run, Decision(request.id, request.digest, "approve", "ann"))
    answer = await run.result()
    assert shop.count("refunds") == 1
    assert ("approved", "ann") in [(entry.event, entry.by) for entry in answer.audit]


async def test_what_a_reviewer_rejects_from_a_terminal_is_never_paid(
    client: Client, desk: Desk, shop: ModuleType
) -> None:
    run = await ask(client)
    request = (await what_waits(run)).request
    command = [sys.executable, "-m", "recipes.approval_gate.review", run.id]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert request.digest[:12] in listed
    command += [request.digest[:12], "reject", "ann", "Ask for a photo first."]
    subprocess.run(command, cwd=ROOT, check=True)
    answer = await run.result()
    assert shop.count("refunds") == 0
    assert "Ask for a photo first." in str(await run.query(ApprovalGate.transcript))
    assert answer.stop_reason == "end_turn"
