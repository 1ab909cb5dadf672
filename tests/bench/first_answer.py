"""The first answer in a fresh checkout: `python -m tests.bench.first_answer`.

Prints, as JSON, how many seconds each step took.
"""

from __future__ import annotations

import json
import time

from agentkit import run_main
from classroom.lesson import begin
from classroom.machine import processes
from classroom.workers import WorkerProcess

QUESTION = "Who placed order 1042?"


async def main() -> None:
    """Start everything that notebook 02 starts, ask once, stop it all."""
    began = time.monotonic()
    lesson = await begin()
    up = time.monotonic()
    worker = WorkerProcess("durable_loop").start()
    try:
        await worker.polling(lesson.client)
        polling = time.monotonic()
        run = await lesson.client.start_workflow(
            "AgentWorkflow", QUESTION, id="first-answer", task_queue=worker.task_queue
        )
        await run.result()
        answered = time.monotonic()
    finally:
        for process in processes.everything():
            process.stop()
    print(json.dumps([up - began, polling - up, answered - polling]))


if __name__ == "__main__":
    run_main(main())
