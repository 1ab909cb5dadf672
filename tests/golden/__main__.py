"""Record the golden histories again: `make golden`, or `python -m tests.golden NAME …` for some.

Each recipe's own worker runs against the embedded server and the offline Claude. Its history
goes to tests/golden/<recipe>.json, and the description of it to <recipe>.txt beside it.
The changes of the description are printed.
"""

from __future__ import annotations

import difflib
import sys
import uuid

from temporalio.workflow import NondeterminismError

from agentkit import AgentPlugin, run_main
from agentkit.testing import changed_inputs, describe, load, save
from classroom.lesson import Lesson, begin
from classroom.machine.home import ClassroomError
from classroom.recipes import list_recipes
from classroom.workers import NOTEBOOKS, WorkerProcess
from tests.golden.runs import FOLDER, golden_run, workflows_of


async def main() -> None:
    """Run each recipe, save its history and print what has changed."""
    sys.path.insert(0, str(NOTEBOOKS))
    known = [recipe.name for recipe in list_recipes()]
    names = sys.argv[1:] or known
    if unknown := sorted(set(names) - set(known)):
        raise SystemExit(f"No such recipe: {', '.join(unknown)}. There are: {', '.join(known)}.")
    try:
        for name in names:
            lesson = await begin()
            print(await _record(lesson, name) or f"{name}: as before\n", end="", flush=True)
    except ClassroomError as err:
        raise SystemExit(str(err)) from None
    for file in FOLDER.glob("*.json"):
        if file.stem not in known:
            file.unlink()
            file.with_suffix(".txt").unlink(missing_ok=True)
            print(f"{file.stem}: removed, there is no such recipe any more")


async def _record(lesson: Lesson, name: str) -> str:
    """Run a recipe once, write both files, and return the difference between the descriptions."""
    how = golden_run(name)
    worker = await WorkerProcess(name, "golden").start().polling(lesson.client)
    try:
        run = await lesson.client.start_workflow(
            workflows_of(name)[0].__name__,
            args=how.arguments,
            id=f"golden-{name}-{uuid.uuid4()}",
            task_queue=worker.task_queue,
        )
        await how.meanwhile(run)
        await run.result()
        history = await run.fetch_history()
    finally:
        worker.stop()
    told, text = FOLDER / f"{name}.txt", describe(history)
    before = told.read_text(encoding="utf8") if told.exists() else ""
    # A history that still holds is left alone: no diff of ids and times.
    if text != before or not await _still_holds(name):
        save(history, FOLDER / f"{name}.json")
        told.write_text(text, encoding="utf8")
    return "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            text.splitlines(keepends=True),
            f"before/{told.name}",
            f"now/{told.name}",
            n=1,
        )
    )


async def _still_holds(name: str) -> bool:
    """Whether today's code replays the saved history and gives every Activity the same input."""
    try:
        saved = load(FOLDER / f"{name}.json")
        return not await changed_inputs(saved, workflows_of(name), AgentPlugin())
    except (OSError, ValueError, RuntimeError, NondeterminismError):
        return False


if __name__ == "__main__":
    run_main(main())
