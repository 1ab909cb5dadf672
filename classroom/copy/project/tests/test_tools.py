"""Your tools: that Claude takes them, and that a worker starts with them. They aren't called."""

from __future__ import annotations

import re

from temporalio.client import Client

from classroom.copy.project.local.parts import polling
from classroom.copy.project.tests.conftest import StartWorker
from recipes.durable_loop.tools import TOOLS
from recipes.durable_loop.worker import TASK_QUEUE


def test_every_name_is_one_that_claude_takes_and_is_there_once() -> None:
    names = [each.name for each in TOOLS]
    assert len(names) == len(set(names)), names
    for name in names:
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", name), name


def test_claude_is_told_what_each_tool_and_each_argument_is_for() -> None:
    for each in TOOLS:
        schema = each.schema()
        assert schema.get("description"), each.name
        properties = schema["input_schema"].get("properties")
        assert isinstance(properties, dict)
        for name, of_argument in properties.items():
            assert of_argument.get("description"), f"{each.name}: say what {name} is, under Args"


async def test_a_worker_starts_with_them_and_leaves_when_it_is_told_to(
    client: Client, start_worker: StartWorker
) -> None:
    worker = start_worker("recipes.durable_loop.worker")
    await polling(worker, client, TASK_QUEUE)
    assert worker.stop() == 0, worker.log_tail()
