"""Your code, whatever your tools do: they aren't called here.

Would runs that are in flight survive a deployment of today's code? tests/golden/ holds a recorded
run of the recipe. Add your own: save what `temporal workflow show --workflow-id ID --output json`
prints as a file there. If the code is meant to decide differently, guard the change with
`workflow.patched`, or replace the file once no such run is open any more.
"""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import pytest
from temporalio import workflow as temporal_workflow
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from agentkit import AgentPlugin, AnyTool, tool
from agentkit.testing import load, replay, replay_every_prefix
from agentkit.tools import Effect
from classroom.copy.project.tests.conftest import StartWorker
from recipes.durable_loop import tools, worker, workflow

HISTORIES = sorted((Path(__file__).parent / "golden").glob("*.json"))
WORKFLOWS = [
    each
    for each in vars(workflow).values()
    if isinstance(each, type) and temporal_workflow._Definition.from_class(each)
]
EFFECTS: dict[str, Effect] = {
    "refund": "idempotent",
    "send_email": "idempotent",
    "publish_report": "idempotent",
    "book_pickup": "at_most_once",
}
"""What the tools of the recorded runs declare; all others only read."""


@pytest.fixture
def recorded_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add tools that recorded runs have called and that tools.py doesn't have any more.

    workflow.py is imported for each replay, and takes TOOLS from there.
    """
    text = "".join(file.read_text() for file in HISTORIES)
    called = set(re.findall(r'"tool\.([\w-]+)"', text)) - {each.name for each in tools.TOOLS}
    recorded = list(map(_recorded, sorted(called)))
    for each in recorded:
        monkeypatch.setattr(each, "normalised", dict)  # a gate asks whether arguments fit
    monkeypatch.setattr(tools, "TOOLS", [*tools.TOOLS, *recorded])


def _recorded(name: str) -> AnyTool:
    async def recorded() -> None:
        """Do nothing: a replay takes the recorded result."""

    recorded.__name__ = name
    return tool(effect=EFFECTS.get(name, "none"))(recorded)


@pytest.mark.usefixtures("recorded_tools")
@pytest.mark.parametrize("history", HISTORIES, ids=lambda file: file.stem)
async def test_the_code_decides_today_as_it_did(history: Path) -> None:
    await replay(load(history), WORKFLOWS, AgentPlugin())


@pytest.mark.usefixtures("recorded_tools")
@pytest.mark.parametrize("history", HISTORIES, ids=lambda file: file.stem)
async def test_another_worker_could_have_taken_over_at_every_step(history: Path) -> None:
    assert await replay_every_prefix(load(history), WORKFLOWS, AgentPlugin()) >= 5


async def test_every_workflow_passes_it_with_nothing_passed_through() -> None:
    assert WORKFLOWS
    for each in WORKFLOWS:
        # A Worker does this first: it imports the module again, inside the sandbox.
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
    default = SandboxedWorkflowRunner().restrictions
    assert runner.restrictions.invalid_modules == default.invalid_modules
    assert runner.restrictions.invalid_module_members == default.invalid_module_members
    ours = workflow.__name__.partition(".")[0]
    assert not any(name.startswith(ours) for name in runner.restrictions.passthrough_modules)


def test_every_name_is_one_that_claude_takes_and_is_there_once() -> None:
    names = [each.name for each in tools.TOOLS]
    assert len(names) == len(set(names)), names
    for name in names:
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", name), name


def test_claude_is_told_what_each_tool_and_each_argument_is_for() -> None:
    for each in tools.TOOLS:
        schema = each.schema()
        assert schema.get("description"), each.name
        properties = schema["input_schema"].get("properties")
        assert isinstance(properties, dict)
        for name, of_argument in properties.items():
            assert of_argument.get("description"), f"{each.name}: describe {name} under Args"


async def test_a_worker_starts_with_them_and_leaves_when_it_is_told_to(
    client: Client, start_worker: StartWorker
) -> None:
    started = start_worker()
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=worker.TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    identity = f"{started.process.pid}@{socket.gethostname()}"
    pollers: set[str] = set()
    while identity not in pollers:
        assert started.alive, started.log_tail()
        await asyncio.sleep(0.05)
        described = await client.workflow_service.describe_task_queue(request)
        pollers = {each.identity for each in described.pollers}
    assert started.stop() == 0, started.log_tail()
