"""What waits for a person, who may decide, and that nothing else is paid."""

from __future__ import annotations

import subprocess
from types import ModuleType

import pytest
from temporalio.client import Client

from agentkit.approvals import Decision, DecisionRefused, decide
from classroom.copy.project.run import REVIEW, ROOT
from classroom.copy.project.tests.conftest import Desk
from classroom.show.pending import until_pending
from recipes.approval_gate.workflow import ApprovalGateWorkflow

SMALL = "Order 1042 arrived damaged. Please refund it and email me a confirmation."
LARGE = "Order 1025 arrived damaged. Please refund it and email me a confirmation."


async def test_a_small_refund_needs_nobody(client: Client, desk: Desk, shop: ModuleType) -> None:
    answer = await (await desk.run(client, ApprovalGateWorkflow.run, SMALL)).result()
    assert "38.50" in answer.text
    assert [entry.event for entry in answer.audit] == ["allowed", "allowed"]
    assert shop.count("refunds") == 1


async def test_a_large_one_is_paid_after_the_reviewer_has_approved_it(
    client: Client, desk: Desk, shop: ModuleType
) -> None:
    run = await desk.run(client, ApprovalGateWorkflow.run, LARGE)
    request = (await until_pending(run))[0].request
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
    run = await desk.run(client, ApprovalGateWorkflow.run, LARGE)
    request = (await until_pending(run))[0].request
    command = [*REVIEW, run.id]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert request.digest[:12] in listed
    command += [request.digest[:12], "reject", "ann", "Ask for a photo first."]
    subprocess.run(command, cwd=ROOT, check=True)
    answer = await run.result()
    assert shop.count("refunds") == 0
    assert "Ask for a photo first." in str(await run.query(ApprovalGateWorkflow.transcript))
    assert answer.stop_reason == "end_turn"
