"""Budgets: what is counted, what it costs, and what can't be a limit."""

from __future__ import annotations

import math
from typing import Any

import pytest
from temporalio.contrib.pydantic import pydantic_data_converter

from agentkit import Budget, ClaudeReply
from agentkit.budget import LONG_PROMPT_TOKENS, PRICES, Spent, cost
from agentkit.claude import DEFAULT_MODEL
from agentkit.messages import Usage
from offline_claude.models import MODEL_IDS


def reply(*tokens: int, model: str = "claude-sonnet-5-5") -> ClaudeReply:
    return ClaudeReply([], "end_turn", Usage(*tokens), model)


@pytest.mark.parametrize("name", ["turns", "tokens", "usd", "seconds"])
@pytest.mark.parametrize("value", [-1, -0.5, math.nan, math.inf, -math.inf])
def test_budget_rejects_limits_that_are_negative_or_not_finite(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"Budget\.{name} is {value}: give a number from 0 up"):
        Budget(**{name: value})


async def test_budget_is_validated_when_it_is_decoded() -> None:
    (payload,) = await pydantic_data_converter.encode([{"turns": -1}])
    with pytest.raises(ValueError, match="give a number from 0 up"):
        await pydantic_data_converter.decode([payload], [Budget])


async def test_budget_and_account_survive_the_data_converter() -> None:
    values: list[Any] = [Budget(turns=3, usd=0.5), Budget(), Spent(1, 2, 3, 0.25, "m")]
    payloads = await pydantic_data_converter.encode(values)
    assert await pydantic_data_converter.decode(payloads, [Budget, Budget, Spent]) == values


def test_spent_adds_up_turns_tokens_and_dollars() -> None:
    spent = Spent()
    spent.add(reply(1000, 200, 50, 10))
    spent.add(reply(2000, 100))
    assert (spent.turns, spent.input_tokens, spent.output_tokens) == (2, 3060, 300)
    # Sonnet 5.5: 2, 10, 0.20 and 2.50 dollars a million.
    assert spent.usd == pytest.approx((3000 * 2 + 300 * 10 + 50 * 0.20 + 10 * 2.50) / 1e6)
    assert spent.unpriced == ""


@pytest.mark.parametrize(
    ("budget", "turns", "exceeded"),
    [
        (Budget(), 1000, None),
        (Budget(turns=2), 1, None),
        (Budget(turns=2), 2, "turns"),
        (Budget(turns=0), 0, "turns"),
        (Budget(tokens=2400), 1, None),
        (Budget(tokens=2400), 2, "tokens"),
        (Budget(usd=0.008), 1, None),
        (Budget(usd=0.008), 2, "usd"),
        (Budget(usd=0), 0, "usd"),
        (Budget(turns=2, tokens=1, usd=0), 2, "turns"),
        (Budget(seconds=0), 1, None),
    ],
)
def test_limit_counts_as_exceeded_once_it_is_reached(
    budget: Budget, turns: int, exceeded: str | None
) -> None:
    spent = Spent()
    for _ in range(turns):
        spent.add(reply(1000, 200))  # 0.004 dollars
    assert spent.exceeded(budget) == exceeded


def test_unknown_price_exceeds_a_dollar_budget() -> None:
    spent = Spent()
    spent.add(reply(1, 1, model="claude-of-next-year"))
    assert spent.unpriced == "claude-of-next-year"
    assert spent.exceeded(Budget(usd=1000)) == "usd"
    assert spent.exceeded(Budget(turns=5)) is None
    spent.add(reply(1, 1))
    assert spent.exceeded(Budget(usd=1000)) == "usd", "later turns don't make it known"


def test_dated_model_id_costs_as_much_as_the_undated_one() -> None:
    usage = Usage(1000, 1000)
    dated = cost(usage, "claude-haiku-4-5-20251001")
    assert dated == cost(usage, "claude-haiku-4-5") == pytest.approx(0.006)


def test_long_prompt_is_charged_the_long_price() -> None:
    short, long = Usage(LONG_PROMPT_TOKENS, 1000), Usage(1, 1000, LONG_PROMPT_TOKENS)
    assert cost(short, "claude-haiku-5-5") == pytest.approx(0.0105)
    assert cost(long, "claude-haiku-5-5") == pytest.approx((0.5 + 2500 + 5000) / 1e6)
    assert cost(Usage(200_000, 0), "claude-opus-5-5") == pytest.approx(0.8)


def test_every_model_of_the_sdk_has_a_price_or_is_a_known_exception() -> None:
    without = [model for model in MODEL_IDS if cost(Usage(1, 1), model) is None]
    assert without == ["claude-fable-5-2", "claude-mythos-5-2", "claude-mythos-preview"]
    assert DEFAULT_MODEL in PRICES
    for name, price in PRICES.items():
        assert 0 < price.cache_read < price.input < price.cache_write < price.output, name
