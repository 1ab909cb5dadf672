"""A real SIGKILL of a real worker process, between an effect and the word that it is done."""

from __future__ import annotations

from types import ModuleType

from classroom.copy.project.tests.conftest import Desk

QUESTION = "Order 1042 arrived damaged. Please refund it and email me a confirmation."


def test_a_worker_killed_in_mid_refund_changes_nothing_that_anyone_can_see(
    desk: Desk, shop: ModuleType
) -> None:
    answer = desk.answer_after_kill("killed", QUESTION)
    effects = [shop.count(table) for table in ("refunds", "emails", "ledger")]
    assert effects == [1, 1, 2], "one row in the ledger for each effect, and no second effect"
    shop.reset()
    assert desk.answer("undisturbed", QUESTION) == answer
