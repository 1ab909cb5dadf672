"""The approval gate's policy judges amounts, whatever comes in an amount's place."""

from __future__ import annotations

import importlib
import math
from typing import Any

import pytest

from agentkit import AnyTool, ToolCall
from agentkit.approvals import Verdict
from agentkit.tools import InvalidArguments
from classroom.shop import refund
from classroom.workers import NOTEBOOKS


def judged(amount: Any, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    tool: AnyTool = refund
    module = importlib.import_module("recipes.approval_gate.policy")
    verdict = module.policy(ToolCall("toolu_1", "refund", {"amount": amount}), tool)
    assert isinstance(verdict, Verdict)
    return verdict


@pytest.mark.parametrize("amount", [-5, -0.0, 0, 200.01, 1e308])
def test_no_amount_fools_the_policy(amount: float, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(amount, monkeypatch).action == "deny"


ODD = ["40", "nan", None, [40], {"eur": 40}, True, math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("amount", ODD, ids=str)
def test_what_is_no_number_never_reaches_it(amount: Any) -> None:
    with pytest.raises(InvalidArguments):
        refund.normalised({"order_id": 1042, "amount": amount, "reason": "damaged"})


@pytest.mark.parametrize(
    ("amount", "action"),
    [(0.01, "allow"), (50, "allow"), (50.01, "needs approval"), (200, "needs approval")],
)
def test_honest_amounts_are_judged_by_their_size(
    amount: float, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert judged(amount, monkeypatch).action == action
