"""Which prompt a run has: that of its first step, to its end."""

from __future__ import annotations

import asyncio
import uuid
from types import ModuleType

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from agentkit import tool_activity
from agentkit.prompts import prompt_activities
from classroom.copy.project.tests.conftest import Desk
from classroom.copy.project.tests.shop_tools import TOOLS
from offline_claude import OfflineClaude
from recipes.versioned_prompts import tools
from recipes.versioned_prompts.workflow import VersionedPromptsWorkflow

QUESTION = "Order 1042 arrived damaged. Please refund it and email me a confirmation."


async def test_it_looks_up_acts_and_answers(client: Client, desk: Desk, shop: ModuleType) -> None:
    run = await desk.run(client, VersionedPromptsWorkflow.run, QUESTION)
    answer = await run.result()
    assert "38.50" in answer.text
    assert [shop.count("refunds"), shop.count("emails")] == [1, 1]
    assert answer.prompt == await run.query(VersionedPromptsWorkflow.prompt)
    assert answer.prompt.startswith("support@")


async def test_a_deployment_changes_new_runs_and_none_in_flight(
    client: Client, claude: OfflineClaude, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "TOOLS", TOOLS)  # the sandbox takes them from here
    queue = f"test-{uuid.uuid4()}"

    def deployed(system: str) -> Worker:
        return Worker(
            client,
            task_queue=queue,
            workflows=[VersionedPromptsWorkflow],
            activities=[*prompt_activities("support", system, TOOLS), tool_activity(TOOLS)],
        )

    # The second call is refused once: that is when the worker is replaced.
    claude.fail(429, turn=2, headers={"retry-after": "2"})
    async with deployed("The first prompt."):
        run = await client.start_workflow(
            VersionedPromptsWorkflow.run, QUESTION, id=f"test-{uuid.uuid4()}", task_queue=queue
        )
        await asyncio.to_thread(claude.wait_for, lambda call: call.turn == 2, 60)
    async with deployed("The second prompt."):
        old = await run.result()
        assert {call.system for call in claude.calls()} == {"The first prompt."}
        new = await client.execute_workflow(
            VersionedPromptsWorkflow.run, QUESTION, id=f"test-{uuid.uuid4()}", task_queue=queue
        )
    assert claude.calls()[-1].system == "The second prompt."
    assert old.prompt != new.prompt
