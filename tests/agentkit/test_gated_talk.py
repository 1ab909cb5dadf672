"""A gate in a long conversation: approvals outlive a run, and long arguments are judged whole."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import Worker

from agentkit import AgentPlugin, approvals, connect
from agentkit.approvals.client import read_audit
from agentkit.approvals.gate import GateState
from agentkit.approvals.requests import Pending
from agentkit.stores import SQLiteStore
from agentkit.transcript import LongConversation, read_all
from classroom.machine import dev_server
from offline_claude import OfflineClaude
from tests.support.canned import answering, message
from tests.support.gated_talk import GatedTalk, gated_talk_activities


@dataclass(frozen=True)
class Given:
    """A worker of `GatedTalk`, and its store."""

    client: Client
    queue: str
    store: SQLiteStore

    async def start(self) -> WorkflowHandle[Any, Any]:
        state: list[Any] = [LongConversation(), GateState(), 1]
        id = f"gated-{uuid.uuid4()}"
        return await self.client.start_workflow(
            GatedTalk.run, args=state, id=id, task_queue=self.queue
        )

    async def waiting(self, begun: WorkflowHandle[Any, Any]) -> tuple[Any, Pending]:
        """The second run, and what waits in it."""
        first = self.client.get_workflow_handle(begun.id, run_id=begun.first_execution_run_id)
        async with asyncio.timeout(60):
            while (await first.describe()).status != WorkflowExecutionStatus.CONTINUED_AS_NEW:
                await asyncio.sleep(0.05)
        run: Any = self.client.get_workflow_handle(begun.id)
        [waiting] = await approvals.pending_approvals(run)
        return run, waiting


@asynccontextmanager
async def talks_at(tmp_path: Path) -> AsyncIterator[Given]:
    await dev_server.ensure()
    store = SQLiteStore(tmp_path / "store.db")
    client = await connect(AgentPlugin())
    queue = f"gated-{uuid.uuid4()}"
    notifier = approvals.FileNotifier(tmp_path / "notices.jsonl")
    activities = gated_talk_activities(notifier, store)
    async with Worker(client, task_queue=queue, workflows=[GatedTalk], activities=activities):
        yield Given(client, queue, store)


async def test_pending_approval_survives_continue_as_new_of_a_long_conversation(
    claude: OfflineClaude, shop: ModuleType, tmp_path: Path
) -> None:
    async with talks_at(tmp_path) as talks:
        begun = await talks.start()
        run, waiting = await talks.waiting(begun)
        assert shop.count("refunds") == 0
        request = waiting.request
        edited = {**request.arguments, "amount": 12.5}
        await approvals.decide(
            run, approvals.Decision(request.id, request.digest, "approve", "ada", arguments=edited)
        )
        talk = await begun.result()
    assert shop.count("refunds") == 1
    *_, result, reply = read_all(talks.store, talk.head)
    assert "[A reviewer had changed the arguments to" in str(result)
    assert "refunded" in str(reply)
    assert shop.rows("ledger")[0]["key"].startswith(f"{begun.first_execution_run_id}:")


def refunding(characters: int, amount: float) -> dict[str, Any]:
    return {"order_id": 1001, "amount": amount, "reason": "x" * characters}


async def test_long_arguments_are_shown_whole_and_run_as_shown(
    claude: OfflineClaude, shop: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = calling(refunding(3_000, 5.0)), ANSWER
    async with answering(monkeypatch, *answers), talks_at(tmp_path) as talks:
        begun = await talks.start()
        run, waiting = await talks.waiting(begun)
        request = waiting.request
        assert request.arguments == refunding(3_000, 5.0)
        decision = approvals.Decision(request.id, request.digest, "approve", "ada")
        await approvals.decide(run, decision)
        await asyncio.wait_for(begun.result(), 60)
        entries = await read_audit(run)
    assert [row["reason"] for row in shop.rows("refunds")] == ["x" * 3_000]
    assert [entry.event for entry in entries] == ["asked", "approved", "ran"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (refunding(3, 5000.0), "Not allowed: too much"),
        (refunding(3_000, 5000.0), "Not allowed: too much"),
        (refunding(60_000, 5.0), "Not run, and nobody was asked: The arguments have 60,0"),
        ({**refunding(3_000, 5.0), "amount": "5000"}, "amount: Input should be a valid number"),
        ({"kept_in": f"sha256:{'0' * 64}"}, "Invalid arguments for refund: order_id: Field requir"),
    ],
    ids=["short", "long", "too long", "long and loose", "forged"],
)
async def test_arguments_of_any_length_are_judged_alike(
    arguments: dict[str, Any],
    words: str,
    claude: OfflineClaude,
    shop: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = calling(arguments), ANSWER
    async with answering(monkeypatch, *answers), talks_at(tmp_path) as talks:
        begun = await talks.start()
        talk = await asyncio.wait_for(begun.result(), 60)
    messages: Any = read_all(talks.store, talk.head)
    (block,) = messages[-2]["content"]
    assert block["is_error"]
    assert words in block["content"]
    assert shop.count("refunds") == 0


def calling(arguments: dict[str, Any]) -> bytes:
    """A reply that asks for a refund."""
    block = {"type": "tool_use", "id": "toolu_1", "name": "refund", "input": arguments}
    return message(block, stop_reason="tool_use")


ANSWER = message({"type": "text", "text": "Done."})
