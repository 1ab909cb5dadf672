"""A pending approval goes along when a long conversation continues as new."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

from temporalio.client import WorkflowExecutionStatus
from temporalio.worker import Worker

from agentkit import AgentPlugin, approvals, connect
from agentkit.approvals.gate import GateState
from agentkit.stores import SQLiteStore
from agentkit.transcript import LongConversation, read_all
from classroom.machine import dev_server
from offline_claude import OfflineClaude
from tests.support.gated_talk import GatedTalk, gated_talk_activities


async def test_pending_approval_survives_continue_as_new_of_a_long_conversation(
    claude: OfflineClaude, shop: ModuleType, tmp_path: Path
) -> None:
    await dev_server.ensure()
    store = SQLiteStore(tmp_path / "store.db")
    client = await connect(AgentPlugin())
    queue = f"gated-{uuid.uuid4()}"
    notifier = approvals.FileNotifier(tmp_path / "notices.jsonl")
    activities = gated_talk_activities(notifier, store)
    async with Worker(client, task_queue=queue, workflows=[GatedTalk], activities=activities):
        state: list[Any] = [LongConversation(), GateState(), 1]
        begun = await client.start_workflow(GatedTalk.run, args=state, id=queue, task_queue=queue)
        first = client.get_workflow_handle(queue, run_id=begun.first_execution_run_id)
        async with asyncio.timeout(60):
            while (await first.describe()).status != WorkflowExecutionStatus.CONTINUED_AS_NEW:
                await asyncio.sleep(0.05)
        run = client.get_workflow_handle(queue)
        [waiting] = await approvals.pending_approvals(run)
        assert shop.count("refunds") == 0
        request = waiting.request
        edited = {**request.arguments, "amount": 12.5}
        decision = approvals.Decision(
            request.id, request.digest, "approve", "ada", arguments=edited
        )
        await approvals.decide(run, decision)
        talk = await begun.result()
    assert shop.count("refunds") == 1
    *_, result, reply = read_all(store, talk.head)
    assert "[A reviewer had changed the arguments to" in str(result)
    assert "refunded" in str(reply)
    assert shop.rows("ledger")[0]["key"].startswith(f"{begun.first_execution_run_id}:")
