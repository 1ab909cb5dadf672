"""Golden histories: every recipe's code of today, replayed against a run recorded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentkit import AgentPlugin
from agentkit.testing import changed_inputs, describe, load, replay, replay_every_prefix
from classroom.recipes import list_recipes
from classroom.workers import NOTEBOOKS
from tests.golden.runs import FOLDER, workflows_of

RECIPES = [recipe.name for recipe in list_recipes()]


@pytest.fixture(autouse=True)
def _recipes_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))


@pytest.fixture(params=RECIPES)
def recipe(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def golden(recipe: str) -> Path:
    """The recipe's golden history, or what to do about it."""
    file = FOLDER / f"{recipe}.json"
    if not file.exists():
        pytest.fail(f"{recipe} has no golden history. Record it: make golden", pytrace=False)
    return file


async def test_its_code_decides_today_as_it_did(recipe: str) -> None:
    await replay(load(golden(recipe)), workflows_of(recipe), AgentPlugin())


async def test_another_worker_could_have_taken_over_at_every_step(recipe: str) -> None:
    assert await replay_every_prefix(load(golden(recipe)), workflows_of(recipe), AgentPlugin()) >= 5


async def test_its_steps_are_given_what_they_were_given(recipe: str) -> None:
    changed = await changed_inputs(load(golden(recipe)), workflows_of(recipe), AgentPlugin())
    assert not changed, f"New runs are told something else. If that is meant: make golden {changed}"


def test_what_a_person_reads_is_what_the_history_says(recipe: str) -> None:
    file = golden(recipe)
    assert file.with_suffix(".txt").read_text() == describe(load(file)), "make golden"
    assert file.stat().st_size < 150_000


def test_no_golden_history_outlives_its_recipe() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} <= set(RECIPES)


def test_a_recipe_without_one_is_told_the_command() -> None:
    with pytest.raises(pytest.fail.Exception, match="make golden"):
        golden("a_recipe_of_yours")
