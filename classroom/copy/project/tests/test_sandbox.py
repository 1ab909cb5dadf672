"""The Workflow sandbox is on, and the Workflow code passes it: it can be replayed anywhere."""

from __future__ import annotations

import pytest
from temporalio import workflow as temporal_workflow
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from recipes.durable_loop import worker, workflow

WORKFLOWS = [
    each
    for each in vars(workflow).values()
    if isinstance(each, type) and temporal_workflow._Definition.from_class(each)
]


async def test_every_workflow_passes_it_with_nothing_passed_through() -> None:
    assert WORKFLOWS
    for each in WORKFLOWS:
        # What a Worker does first; it imports the module again, inside the sandbox.
        definition = temporal_workflow._Definition.must_from_class(each)
        SandboxedWorkflowRunner().prepare_workflow(definition)


async def test_the_worker_runs_its_workflows_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Worker] = []

    async def keep(worker: Worker) -> None:
        made.append(worker)

    monkeypatch.setattr(worker, "run_until_signalled", keep)
    await worker.main()
    runner = made[0].config()["workflow_runner"]
    assert isinstance(runner, SandboxedWorkflowRunner)
    assert runner.restrictions == SandboxedWorkflowRunner().restrictions
