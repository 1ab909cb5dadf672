"""Every recipe's Workflow, in the sandbox that production uses, with nothing passed through."""

from __future__ import annotations

import ast
import importlib
from datetime import timedelta
from types import ModuleType

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from agentkit import AgentPlugin
from classroom.workers import NOTEBOOKS
from offline_claude import OfflineClaude

RECIPES = sorted(path.parent.name for path in (NOTEBOOKS / "recipes").glob("*/workflow.py"))


@pytest.fixture(autouse=True)
def _recipes_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))


@pytest.fixture(params=RECIPES)
def recipe(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def workflows_of(recipe: str) -> list[type]:
    module = importlib.import_module(f"recipes.{recipe}.workflow")
    return [
        found
        for found in vars(module).values()
        if isinstance(found, type) and workflow._Definition.from_class(found)
    ]


def test_the_course_has_recipes() -> None:
    assert "durable_loop" in RECIPES


async def test_its_workflows_pass_the_default_sandbox(recipe: str) -> None:
    found = workflows_of(recipe)
    assert found
    for each in found:
        # What a Worker does first; it imports the Workflow's module inside the sandbox.
        SandboxedWorkflowRunner().prepare_workflow(workflow._Definition.must_from_class(each))


async def test_its_worker_keeps_the_sandbox_on(recipe: str, client: Client) -> None:
    tools = importlib.import_module(f"recipes.{recipe}.tools").TOOLS
    config = client.config()
    config["plugins"] = [AgentPlugin(tools)]
    worker = Worker(Client(**config), task_queue=recipe, workflows=workflows_of(recipe))
    assert isinstance(worker.config()["workflow_runner"], SandboxedWorkflowRunner)
    source = (NOTEBOOKS / "recipes" / recipe / "worker.py").read_text()
    assert "workflow_runner" not in source


def test_only_its_tools_know_the_classroom(recipe: str) -> None:
    for file in (NOTEBOOKS / "recipes" / recipe).glob("*.py"):
        imported = {
            node.module or ""
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ImportFrom)
        }
        classroom = {name for name in imported if name.startswith("classroom")}
        assert not classroom or file.name == "tools.py", file


def test_its_workflow_code_neither_prints_nor_reads_a_clock(recipe: str) -> None:
    tree = ast.parse((NOTEBOOKS / "recipes" / recipe / "workflow.py").read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & {"print", "open", "time", "random", "datetime", "os"}


async def test_the_durable_loop_answers_by_name_from_any_client(
    client: Client, claude: OfflineClaude, shop: ModuleType
) -> None:
    from recipes.durable_loop.tools import TOOLS
    from recipes.durable_loop.workflow import DurableLoop

    config = client.config()
    config["plugins"] = [AgentPlugin(TOOLS)]
    async with Worker(Client(**config), task_queue="test-recipes", workflows=[DurableLoop]):
        answer = await client.execute_workflow(
            "DurableLoop",
            "Refund order 1042, please.",
            id="recipes-1",
            task_queue="test-recipes",
            execution_timeout=timedelta(seconds=60),
        )
    assert "38.50" in answer["text"]
    assert answer["stop_reason"] == "end_turn"
    assert shop.count("refunds") == 1
