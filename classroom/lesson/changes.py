"""Changed code: a recipe's Workflow with other lines, to be replayed or deployed beside it."""

from __future__ import annotations

import difflib
import importlib
import itertools
import shutil
import sys
from pathlib import Path

from temporalio import workflow
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from classroom.machine.home import ClassroomError, home
from classroom.machine.waiting import eventually
from classroom.workers import NOTEBOOKS

_numbers = itertools.count(1)


def changed_source(recipe: str, *changes: tuple[str, str]) -> str:
    """Give the text of a recipe's workflow.py with some of it replaced.

    Args:
        recipe: The recipe's name.
        *changes: What is replaced, and by what.

    Raises:
        ClassroomError: The file doesn't hold what is to be replaced.
    """
    text = (NOTEBOOKS / "recipes" / recipe / "workflow.py").read_text(encoding="utf8")
    for old, new in changes:
        if old not in text:
            raise ClassroomError(f"workflow.py of {recipe} doesn't hold this any more:\n{old}")
        text = text.replace(old, new)
    return text


def diff(recipe: str, *changes: tuple[str, str]) -> str:
    """Show a change of a recipe's workflow.py: lines with - and +, and one line around them.

    Args:
        recipe: The recipe's name.
        *changes: What is replaced, and by what.
    """
    texts = (changed_source(recipe).splitlines(), changed_source(recipe, *changes).splitlines())
    lines = list(difflib.unified_diff(*texts, n=1, lineterm=""))[2:]
    return "\n".join("  …" if line.startswith("@@") else line for line in lines)


def changed(recipe: str, *changes: tuple[str, str]) -> type:
    """Load a recipe's Workflow with some of its code replaced, for `agentkit.testing.replay`.

    The recipe stays as it is: the changed text becomes a module of its own, in a file, so that
    the sandbox can load it.

    Args:
        recipe: The recipe's name.
        *changes: What is replaced in its workflow.py, and by what.

    Returns:
        The Workflow's class.

    Raises:
        ClassroomError: The file doesn't hold what is to be replaced.
    """
    folder = home() / "changed"
    folder.mkdir(exist_ok=True)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    name = f"changed_{recipe}_{next(_numbers)}"
    file = folder / f"{name}.py"
    file.write_text(changed_source(recipe, *changes), encoding="utf8")
    # An earlier process may have left bytecode of the same second and size.
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    importlib.invalidate_caches()
    module = importlib.import_module(name)
    return next(
        found
        for found in vars(module).values()
        if isinstance(found, type) and workflow._Definition.from_class(found)
    )


def second_folder(scratch: Path) -> Path:
    """Copy a scratch folder, as a second machine would hold the next build.

    Args:
        scratch: From `scratch_copy`.

    Returns:
        A folder to give to `WorkerProcess(…, folder=…)`. A copy made earlier is replaced.
    """
    folder = scratch.with_name(f"{scratch.name}-2")
    shutil.rmtree(folder, ignore_errors=True)
    return Path(shutil.copytree(scratch, folder, ignore=shutil.ignore_patterns("__pycache__")))


async def make_current(client: Client, deployment: str, build: str, *, timeout: float = 30) -> None:
    """Have new runs of a worker deployment begin on this build.

    It is what `temporal worker deployment set-current-version` does, once the build is known.

    Args:
        client: A connected client.
        deployment: The deployment's name.
        build: The build's id; a worker of it must be polling.
        timeout: Seconds to wait for the server to know that worker.

    Raises:
        ClassroomError: The server doesn't know the build in time.
    """
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=deployment, build_id=build
    )
    problem = ""

    async def accepted() -> bool:
        nonlocal problem
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError as err:
            problem = str(err)
            return False
        return True

    await eventually(
        accepted,
        timeout=timeout,
        otherwise=lambda: ClassroomError(
            f"Build {build} of {deployment} isn't known after {timeout:.0f} s ({problem}). "
            "Is a worker of it running?"
        ),
    )


async def builds_of(run: WorkflowHandle[object, object]) -> list[str]:
    """List the builds that have worked on a run, each once, in order.

    Args:
        run: The run, which may be going on.
    """
    events = (await run.fetch_history()).events
    tasks = [event.workflow_task_completed_event_attributes for event in events]
    builds = [task.deployment_version.build_id for task in tasks]
    return list(dict.fromkeys(build for build in builds if build))


async def failed_task(run: WorkflowHandle[object, object], *, timeout: float = 30) -> str:
    """Wait for a Workflow Task of a run to fail, as it does when code and history don't match.

    Args:
        run: A run that is going on.
        timeout: Seconds to wait.

    Returns:
        What the failed task says.

    Raises:
        ClassroomError: No task failed in time.
    """

    async def message() -> str | None:
        for event in (await run.fetch_history()).events:
            if event.HasField("workflow_task_failed_event_attributes"):
                return event.workflow_task_failed_event_attributes.failure.message
        return None

    return await eventually(
        message,
        timeout=timeout,
        otherwise=lambda: ClassroomError(
            f"No Workflow Task of {run.id} has failed within {timeout:.0f} s."
        ),
    )
