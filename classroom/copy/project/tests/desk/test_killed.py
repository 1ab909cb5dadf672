"""A real SIGKILL of a real worker process, between an effect and the word that it is done."""

from __future__ import annotations

from types import ModuleType

from classroom.copy.project.tests.desk.conftest import Desk

QUESTION = "Order 1042 arrived damaged. Please refund it and email me a confirmation."


def effects(shop: ModuleType) -> list[int]:
    return [shop.count(table) for table in ("refunds", "emails", "ledger")]


def test_a_worker_killed_in_mid_refund_changes_nothing_that_anyone_can_see(
    desk: Desk, shop: ModuleType
) -> None:
    undisturbed, _ = desk.ask("undisturbed", QUESTION).communicate(timeout=120)
    assert effects(shop) == [1, 1, 2]
    shop.reset()

    victim = desk.start(env={"SHOP_BANK_SECONDS": "120"})
    run = desk.ask("killed", QUESTION)
    victim.wait_until(lambda: shop.count("refunds") == 1)  # the money has gone, the bank is silent
    assert victim.kill() == -9
    desk.start()
    answer, _ = run.communicate(timeout=120)

    assert answer == undisturbed
    assert effects(shop) == [1, 1, 2], "one row in the ledger for each effect, and no second effect"
