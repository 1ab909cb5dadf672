"""What Claude gets wrong in a call of a tool costs one more turn, and no more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from classroom import workers
from classroom.workers import WorkerProcess
from offline_claude import OfflineClaude


@pytest.fixture(autouse=True)
def _no_worker_is_left(shop: ModuleType) -> Iterator[None]:
    workers.stop_all()
    yield
    workers.stop_all()


async def ask(client: Client, question: str) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        "ParallelToolsWorkflow",
        question,
        id=f"mistake-{uuid.uuid4()}",
        task_queue="parallel-tools",
        execution_timeout=timedelta(seconds=120),
    )


@pytest.mark.parametrize("fault", ["malformed_input", "unknown_tool"])
async def test_mistaken_tool_call_costs_one_extra_turn(
    fault: str, client: Client, claude: OfflineClaude
) -> None:
    await WorkerProcess("parallel_tools", "standby").start().polling(client)
    clean = await (await ask(client, "Where is order 1036?")).result()
    claude.reply(fault)
    mended = await (await ask(client, "Where is order 1036?")).result()
    assert mended["turns"] - clean["turns"] <= 1
    assert mended["text"] == clean["text"]
