"""What the loop does with several tools: side by side, each with its own failure."""

from __future__ import annotations

from types import ModuleType

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from classroom.copy.project.tests.conftest import Desk
from offline_claude import OfflineClaude
from recipes.parallel_tools.workflow import ParallelToolsWorkflow

PICKUP = "Please have the parcel of order 1042 picked up at my door on 2026-05-04."
THREE = "Orders 1032, 1033 and 1042 arrived damaged. Please refund all three."


async def test_the_calls_of_one_message_are_all_scheduled_before_any_has_ended(
    client: Client, desk: Desk, shop: ModuleType
) -> None:
    run = await desk.run(client, ParallelToolsWorkflow.run, THREE)
    answer = await run.result()
    assert answer.stop_reason == "end_turn"
    assert shop.count("refunds") == 3
    kinds = [event.event_type for event in (await run.fetch_history()).events]
    scheduled = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    assert any(kinds[n : n + 3] == [scheduled] * 3 for n in range(len(kinds)))


async def test_a_tool_that_fails_takes_no_other_with_it(
    client: Client, desk: Desk, claude: OfflineClaude
) -> None:
    run = await desk.run(client, ParallelToolsWorkflow.run, "Who placed orders 1042 and 7?")
    answer = await run.result()
    transcript = str(await run.query(ParallelToolsWorkflow.transcript))
    assert "'is_error': True" in transcript
    assert "Mira Okafor" in answer.text
    assert answer.ask_a_person == []


async def test_an_effect_that_may_have_happened_is_left_to_a_person(
    client: Client, desk: Desk, shop: ModuleType
) -> None:
    victim = desk.open(env={"SHOP_CARRIER_SECONDS": "120"})
    run = await desk.run(client, ParallelToolsWorkflow.run, PICKUP)
    victim.wait_until(lambda: shop.count("pickups") == 1)
    assert victim.kill() == -9
    desk.open()
    answer = await run.result()
    assert answer.ask_a_person == ["book_pickup"]
    assert shop.count("pickups") == 1, "it was not called a second time"
