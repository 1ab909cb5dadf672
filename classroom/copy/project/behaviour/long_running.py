"""What the agent does with its queue: each ticket once, however often it continues as new."""

from __future__ import annotations

from types import ModuleType

from temporalio.client import Client

from classroom.copy.project.tests.conftest import Desk
from recipes.long_running.state import Progress, Queue
from recipes.long_running.workflow import LongRunningAgentWorkflow

TICKETS = 4


async def test_tickets_are_answered_once_each_over_several_runs(
    client: Client, desk: Desk, shop: ModuleType
) -> None:
    run = await desk.run(client, LongRunningAgentWorkflow.run, Queue(most=TICKETS, steps_per_run=6))
    progress = await run.result()
    assert (progress.tickets, progress.ended) == (TICKETS, "done")
    assert progress.runs >= 3
    assert [row["ticket_id"] for row in shop.rows("answers")] == [1, 2, 3, 4]
    assert shop.count("refunds") == 1


async def test_what_people_say_in_between_is_answered(
    client: Client, desk: Desk, shop: ModuleType
) -> None:
    run = await desk.run(
        client,
        LongRunningAgentWorkflow.run,
        Queue(most=1, steps_per_run=4),
        start_signal="say",
        start_signal_args=["Who placed order 1042?"],
    )
    ended: Progress = await run.result()
    assert (ended.tickets, ended.ended) == (1, "done")
    assert ended.turns >= 4, "two for the ticket, and two for what was said"


def test_a_worker_killed_in_mid_refund_changes_nothing_that_anyone_can_see(
    desk: Desk, shop: ModuleType
) -> None:
    printed = desk.answer_after_kill("killed", str(TICKETS))  # the fourth asks for a refund
    effects = [shop.count(table) for table in ("refunds", "answers", "ledger")]
    assert effects == [1, TICKETS, TICKETS + 1], "one row in the ledger for each effect"
    answers = [row["text"] for row in shop.rows("answers")]
    shop.reset()
    assert desk.answer("undisturbed", str(TICKETS)) == printed
    assert [row["text"] for row in shop.rows("answers")] == answers
