"""A worker killed while tools run at once: one row for each effect, or a plain "unknown"."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from agentkit.classroom import workers
from agentkit.classroom.offline import OfflineClaude
from agentkit.classroom.show import steps, until
from agentkit.classroom.workers import WorkerProcess
from tests.crash.dying import dying

REFUNDS = "Orders 1032, 1033 and 1042 arrived damaged. Please refund all three."
PICKUP = "Please book a pickup of order 1042 for 2026-05-04."


@pytest.fixture(autouse=True)
def _no_worker_is_left(shop: ModuleType) -> Iterator[None]:
    workers.stop_all()
    yield
    workers.stop_all()


async def ask(client: Client, question: str) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        "ParallelTools",
        question,
        id=f"fan-out-{uuid.uuid4()}",
        task_queue="parallel-tools",
        execution_timeout=timedelta(seconds=120),
    )


@pytest.mark.parametrize(
    ("when", "number"), [("before", 1), ("before", 2), ("after", 1), ("after", 2), ("after", 3)]
)
async def test_effects_under_way_at_once_happen_once_each_wherever_the_worker_dies(
    when: str, number: int, client: Client, claude: OfflineClaude, shop: ModuleType
) -> None:
    victim = dying("parallel_tools", when, "tool.refund", number)
    run = await ask(client, REFUNDS)
    assert victim.wait(60) == -9, victim.log_tail()
    await WorkerProcess("parallel_tools", "standby").start().polling(client)
    answer = await run.result()

    assert sorted(row["order_id"] for row in shop.rows("refunds")) == [1032, 1033, 1042]
    assert len(shop.rows("ledger")) == 3
    assert answer["ask_a_person"] == []
    assert "60.70" in answer["text"]
    assert len(claude.calls()) == 3
    assert all(step.state == "completed" for step in await steps(run))


async def test_effects_that_happened_and_were_not_recorded_are_not_done_again(
    client: Client, shop: ModuleType
) -> None:
    victim = WorkerProcess("parallel_tools", "victim").start({"SHOP_BANK_SECONDS": "60"})
    run = await ask(client, REFUNDS)
    await until(run, lambda _: shop.count("refunds") == 3)
    assert victim.kill() == -9
    await WorkerProcess("parallel_tools", "standby").start().polling(client)
    await run.result()

    refunds = [step for step in await steps(run) if step.activity == "tool.refund"]
    assert [step.attempts for step in refunds] == [2, 2, 2]
    assert shop.count("refunds") == 3


@pytest.mark.parametrize(("when", "vans"), [("before", 0), ("after", 1)])
async def test_an_effect_without_a_key_is_told_as_unknown_and_never_repeated(
    when: str, vans: int, client: Client, claude: OfflineClaude, shop: ModuleType
) -> None:
    victim = dying("parallel_tools", when, "tool.book_pickup", 1)
    run = await ask(client, PICKUP)
    assert victim.wait(60) == -9, victim.log_tail()
    await WorkerProcess("parallel_tools", "standby").start().polling(client)
    answer = await run.result()

    assert shop.count("pickups") == vans
    assert answer["ask_a_person"] == ["book_pickup"]
    assert "Outcome unknown" in answer["text"]
    assert len(claude.calls()) == 3


async def test_a_lying_declaration_costs_a_second_effect(client: Client, shop: ModuleType) -> None:
    # The test above under test: declared idempotent, the same tool books two vans.
    folder = workers.scratch_copy("parallel_tools")
    tools = folder / "recipes" / "parallel_tools" / "tools.py"
    tools.write_text(tools.read_text().replace("at_most_once", "idempotent"))
    victim = WorkerProcess("parallel_tools", "victim", folder=folder)
    victim.start({"SHOP_CARRIER_SECONDS": "60"})
    run = await ask(client, PICKUP)
    await until(run, lambda _: shop.count("pickups") == 1)
    assert victim.kill() == -9
    standby = WorkerProcess("parallel_tools", "standby", folder=folder)
    await standby.start({"SHOP_CARRIER_SECONDS": "0"}).polling(client)
    await run.result()
    assert shop.count("pickups") == 2


@pytest.mark.parametrize("fault", ["malformed_input", "unknown_tool"])
async def test_a_mistake_of_claudes_costs_one_more_turn(
    fault: str, client: Client, claude: OfflineClaude
) -> None:
    await WorkerProcess("parallel_tools", "standby").start().polling(client)
    clean = await (await ask(client, "Where is order 1036?")).result()
    claude.reply(fault)
    mended = await (await ask(client, "Where is order 1036?")).result()
    assert mended["turns"] - clean["turns"] <= 1
    assert mended["text"] == clean["text"]
