"""A key in the environment stays there: not in history, logs, databases or error texts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest
from temporalio.client import Client, WorkflowFailureError

from classroom import workers
from classroom.machine.home import home
from classroom.workers import WorkerProcess
from offline_claude import OfflineClaude

KEY = "sk-ant-api03-never-to-be-seen-anywhere"


@pytest.fixture(autouse=True)
def _workers_end() -> Iterator[None]:
    workers.stop_all()
    yield
    workers.stop_all()


def files_with(text: str) -> list[Path]:
    """Every file of the state folder that holds the text."""
    return [
        file for file in home().rglob("*") if file.is_file() and text.encode() in file.read_bytes()
    ]


@pytest.mark.parametrize("status", [None, 400, 401, 413])
async def test_key_appears_nowhere_whether_calls_succeed_or_fail(
    status: int | None,
    client: Client,
    claude: OfflineClaude,
    shop: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", claude.url)
    if status is not None:
        claude.fail(status, turn=1)
    worker = await WorkerProcess("durable_loop", "secret").start().polling(client)
    run = await client.start_workflow(
        "AgentWorkflow",
        "Who placed order 1042?",
        id=f"secret-{status}",
        task_queue="durable-loop",
        execution_timeout=timedelta(seconds=60),
    )
    if status is None:
        await run.result()
    else:
        with pytest.raises(WorkflowFailureError) as failed:
            await run.result()
        assert KEY not in str(failed.value.cause)
    worker.stop()

    assert claude.calls(), "the worker must have called with that key"
    history = await run.fetch_history()
    assert KEY not in history.to_json()
    assert KEY not in worker.log_tail(10_000)
    assert files_with(KEY) == []


def test_search_for_keys_would_find_one(claude: OfflineClaude) -> None:
    planted = home() / "logs" / "planted.log"
    planted.write_text(f"Authorization: Bearer {KEY}")
    assert files_with(KEY) == [planted]
    planted.unlink()
    assert "ANTHROPIC_API_KEY" in os.environ
