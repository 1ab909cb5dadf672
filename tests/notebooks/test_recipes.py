"""Every recipe's Workflow, in the sandbox that production uses, with nothing passed through."""

from __future__ import annotations

import ast
import importlib
import uuid
from datetime import timedelta
from types import ModuleType
from typing import Any, cast

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from classroom.show import steps, transcript
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


def source_of(recipe: str, file: str) -> str:
    return (NOTEBOOKS / "recipes" / recipe / file).read_text()


def activities_of(recipe: str) -> list[Any]:
    module = importlib.import_module(f"recipes.{recipe}.activities")
    return list(module.ACTIVITIES)


def test_the_course_has_recipes() -> None:
    assert "durable_loop" in RECIPES


async def test_workflows_pass_the_default_sandbox(recipe: str) -> None:
    found = workflows_of(recipe)
    assert found
    for each in found:
        # What a Worker does first; it imports the Workflow's module inside the sandbox.
        SandboxedWorkflowRunner().prepare_workflow(workflow._Definition.must_from_class(each))


async def test_worker_keeps_the_sandbox_on(recipe: str, client: Client) -> None:
    worker = Worker(
        client,
        task_queue=recipe,
        workflows=workflows_of(recipe),
        activities=activities_of(recipe),
    )
    assert isinstance(worker.config()["workflow_runner"], SandboxedWorkflowRunner)
    assert "workflow_runner" not in source_of(recipe, "worker.py")


def test_only_the_workflow_passes_imports_through_the_sandbox(recipe: str) -> None:
    files = (NOTEBOOKS / "recipes" / recipe).glob("*.py")
    blocks = {file.name: file.read_text().count("imports_passed_through") for file in files}
    assert {name: n for name, n in blocks.items() if n} == {"workflow.py": 1}


def test_only_the_tools_import_the_classroom(recipe: str) -> None:
    for file in (NOTEBOOKS / "recipes" / recipe).glob("*.py"):
        imported = {
            node.module or ""
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ImportFrom)
        }
        classroom = {name for name in imported if name.startswith("classroom")}
        assert not classroom or file.name == "tools.py", file


def test_workflow_code_neither_prints_nor_reads_a_clock(recipe: str) -> None:
    tree = ast.parse(source_of(recipe, "workflow.py"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & {"print", "open", "time", "random", "datetime", "os"}


def test_readme_names_the_two_commands(recipe: str) -> None:
    readme = source_of(recipe, "README.md")
    assert readme.startswith(f"# {recipe}\n")
    for command in ("worker", "start"):
        assert f"python -m recipes.{recipe}.{command}" in readme


async def test_durable_loop_answers_any_client_by_its_workflow_name(
    client: Client, claude: OfflineClaude, shop: ModuleType
) -> None:
    async with durable_loop(client):
        answer = await client.execute_workflow(
            "AgentWorkflow",
            "Refund order 1042, please.",
            id=f"test-{uuid.uuid4()}",
            task_queue="test-recipes",
            execution_timeout=timedelta(seconds=60),
        )
    assert "38.50" in answer["text"]
    assert answer["stop_reason"] == "end_turn"
    assert shop.count("refunds") == 1


async def test_durable_loop_reports_a_failed_effect_as_unknown_after_its_declared_attempts(
    client: Client, claude: OfflineClaude, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang_up() -> None:
        raise ConnectionError("The bank hung up.")

    monkeypatch.setattr("classroom.shop.tools.bank_confirms", hang_up)
    monkeypatch.setattr(shop.refund, "attempts", 2)
    async with durable_loop(client):
        run = await client.start_workflow(
            "AgentWorkflow",
            "Refund order 1042, please.",
            id=f"test-{uuid.uuid4()}",
            task_queue="test-recipes",
            execution_timeout=timedelta(seconds=60),
        )
        await run.result()
        said = transcript(cast(Any, await run.query("transcript")), width=0)
    assert "✗ refund: Outcome unknown:" in said
    assert [s.attempts for s in await steps(run) if s.activity == "tool.refund"] == [2]
    assert shop.count("refunds") == 1


def durable_loop(client: Client) -> Worker:
    return Worker(
        client,
        task_queue="test-recipes",
        workflows=workflows_of("durable_loop"),
        activities=activities_of("durable_loop"),
    )
