"""The approval gate's policy judges amounts, whatever comes in an amount's place."""

from __future__ import annotations

import importlib
import math
from typing import Any

import pytest

from agentkit import AnyTool, ToolCall
from agentkit.approvals import Verdict
from classroom.shop import refund
from classroom.workers import NOTEBOOKS


def judged(amount: Any, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    tool: AnyTool = refund
    module = importlib.import_module("recipes.approval_gate.policy")
    verdict = module.policy(ToolCall("toolu_1", "refund", {"amount": amount}), tool)
    assert isinstance(verdict, Verdict)
    return verdict


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf, -5, -0.0, 0, True, False, 1e308])
def test_no_amount_fools_the_policy(amount: float, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(amount, monkeypatch).action == "deny"


@pytest.mark.parametrize("amount", ["40", "nan", None, [40], {"eur": 40}])
def test_what_is_no_number_is_not_judged(amount: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # A policy that raises leaves the call to a person.
    with pytest.raises(TypeError):
        judged(amount, monkeypatch)


@pytest.mark.parametrize(
    ("amount", "action"),
    [(0.01, "allow"), (50, "allow"), (50.01, "needs approval"), (200, "needs approval")],
)
def test_honest_amounts_are_judged_by_their_size(
    amount: float, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert judged(amount, monkeypatch).action == action
