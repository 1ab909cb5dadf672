"""A real SIGKILL of a real worker process, between an effect and the word that it is done."""

from __future__ import annotations

from types import ModuleType

from classroom.copy.project.tests.desk.conftest import Desk

TICKETS = 4
"""The fourth asks for a refund."""


def effects(shop: ModuleType) -> list[int]:
    return [shop.count(table) for table in ("refunds", "answers", "ledger")]


def test_a_worker_killed_in_mid_refund_changes_nothing_that_anyone_can_see(
    desk: Desk, shop: ModuleType
) -> None:
    undisturbed, _ = desk.ask("undisturbed", str(TICKETS)).communicate(timeout=120)
    answers = [row["text"] for row in shop.rows("answers")]
    assert effects(shop) == [1, TICKETS, TICKETS + 1]
    shop.reset()

    victim = desk.start(env={"SHOP_BANK_SECONDS": "120"})
    run = desk.ask("killed", str(TICKETS))
    victim.wait_until(lambda: shop.count("refunds") == 1)  # the money has gone, the bank is silent
    assert victim.kill() == -9
    desk.start()
    told, _ = run.communicate(timeout=120)

    assert told == undisturbed
    assert [row["text"] for row in shop.rows("answers")] == answers
    assert effects(shop) == [1, TICKETS, TICKETS + 1], "one row in the ledger for each effect"
