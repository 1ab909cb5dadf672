"""Golden histories: every recipe's code of today, against a run that was recorded once."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.worker import Plugin

from agentkit import AgentPlugin
from agentkit.testing import changed_inputs, describe, load, replay, replay_every_prefix
from classroom.recipes import list_recipes
from classroom.workers import NOTEBOOKS
from tests.golden.runs import FOLDER

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


def code_of(recipe: str) -> tuple[list[type], Plugin]:
    """What the recipe's worker runs: its Workflows, and the plugin with its tools."""
    found = vars(importlib.import_module(f"recipes.{recipe}.workflow")).values()
    workflows = [
        each for each in found if isinstance(each, type) and workflow._Definition.from_class(each)
    ]
    return workflows, AgentPlugin(importlib.import_module(f"recipes.{recipe}.tools").TOOLS)


async def test_its_code_decides_today_as_it_did(recipe: str) -> None:
    workflows, plugin = code_of(recipe)
    await replay(load(golden(recipe)), workflows, plugin)


async def test_another_worker_could_have_taken_over_at_every_step(recipe: str) -> None:
    workflows, plugin = code_of(recipe)
    assert await replay_every_prefix(load(golden(recipe)), workflows, plugin) >= 5


async def test_its_steps_are_given_what_they_were_given(recipe: str) -> None:
    workflows, plugin = code_of(recipe)
    changed = await changed_inputs(load(golden(recipe)), workflows, plugin)
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
