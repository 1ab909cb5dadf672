"""Changing Workflow code on a real server: patches, and builds that keep their runs."""

from __future__ import annotations

import uuid
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig
from temporalio.workflow import NondeterminismError

from agentkit import AgentPlugin
from agentkit.testing import load, replay
from classroom.lesson.changes import builds_of, changed, diff, failed_task, make_current
from classroom.machine.home import ClassroomError
from classroom.show import until
from classroom.workers import NOTEBOOKS
from offline_claude import OfflineClaude
from tests.golden.runs import FOLDER

LOOP = "        for turn in range(1, MAX_TURNS + 1):\n"
IMPORT = ("        Messages,\n", "        Messages,\n        ToolCall,\n")
STEP = 'await run_tool(ToolCall("rules", "search_handbook", {"query": "refund"}), TOOLS)\n'


@pytest.fixture(autouse=True)
def _recipes_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))


def with_step(before: str = "") -> type:
    return changed("durable_loop", IMPORT, (LOOP, f"        {before}{STEP}{LOOP}"))


def versions() -> dict[str, type]:
    """The code before, and the three stages of adding a step to it."""
    return {
        "before": changed("durable_loop"),
        "patched": with_step('if workflow.patched("rules"):\n            '),
        "deprecated": with_step('workflow.deprecate_patch("rules")\n        '),
        "bare": with_step(),
    }


async def start(client: Client, task_queue: str) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        "AgentWorkflow",
        "Where is order 1036?",
        id=f"test-{uuid.uuid4()}",
        task_queue=task_queue,
        execution_timeout=timedelta(seconds=60),
    )


async def test_a_patch_fits_both_histories_and_its_later_stages_only_the_new(
    client: Client, claude: OfflineClaude, shop: ModuleType
) -> None:
    from recipes.durable_loop.activities import ACTIVITIES

    code = versions()
    patched = code["patched"]
    async with Worker(client, task_queue="test-patch", workflows=[patched], activities=ACTIVITIES):
        run = await start(client, "test-patch")
        await run.result()
    histories = {"old": load(FOLDER / "durable_loop.json"), "new": await run.fetch_history()}
    fits = set()
    for name, workflow in code.items():
        for which, history in histories.items():
            try:
                await replay(history, [workflow], AgentPlugin())
                fits.add((name, which))
            except NondeterminismError:
                pass
    assert fits == {
        ("before", "old"),
        ("patched", "old"),
        ("patched", "new"),
        ("deprecated", "new"),
    }


@pytest.mark.parametrize("behaviour", [VersioningBehavior.PINNED, VersioningBehavior.AUTO_UPGRADE])
async def test_a_run_stays_on_its_build_only_when_it_is_pinned_to_it(
    client: Client,
    claude: OfflineClaude,
    shop: ModuleType,
    behaviour: VersioningBehavior,
) -> None:
    from recipes.durable_loop.activities import ACTIVITIES

    queue = deployment = f"test-{behaviour.name.lower()}"

    def build(number: str, workflow: type) -> Worker:
        config = WorkerDeploymentConfig(
            version=WorkerDeploymentVersion(deployment, number),
            use_worker_versioning=True,
            default_versioning_behavior=behaviour,
        )
        return Worker(
            client,
            task_queue=queue,
            workflows=[workflow],
            activities=ACTIVITIES,
            deployment_config=config,
        )

    code = versions()
    claude.slow(3, turn=1)
    async with build("1", code["before"]), build("2", code["bare"]):
        await make_current(client, deployment, "1")
        run = await start(client, queue)
        await until(run, lambda seen: bool(seen) and seen[-1].state == "running")
        await make_current(client, deployment, "2")
        if behaviour is VersioningBehavior.PINNED:
            await run.result()
            assert await builds_of(run) == ["1"]
            new = await start(client, queue)
            await new.result()
            assert await builds_of(new) == ["2"]
        else:
            assert "Nondeterminism error" in await failed_task(run)
            await run.terminate()


async def test_a_build_that_has_no_worker_cannot_become_current(client: Client) -> None:
    with pytest.raises(ClassroomError, match="Is a worker of it running"):
        await make_current(client, "test-nobody", "1", timeout=0.3)


def test_a_change_that_finds_nothing_to_replace_says_so() -> None:
    with pytest.raises(ClassroomError, match="doesn't hold this any more:\nno such line"):
        changed("durable_loop", ("no such line", ""))


def test_a_change_is_shown_as_the_lines_that_differ() -> None:
    shown = diff("durable_loop", ("MAX_TURNS = 20\n", "MAX_TURNS = 5\n")).splitlines()
    assert shown == ["  …", " ", "-MAX_TURNS = 20", "+MAX_TURNS = 5", " "]
