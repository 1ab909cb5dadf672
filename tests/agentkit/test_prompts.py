"""Pinned prompts on a real server: what a deployment moves, and what it leaves alone."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.worker import Worker

from agentkit import AgentPlugin, AnyTool, connect, tool_activity
from agentkit.prompts import Prompt, prompt_activities
from agentkit.stores import SQLiteStore
from agentkit.testing import save
from classroom.shop import find_order, search_handbook, track_shipment
from classroom.show import Step, steps, until
from offline_claude import OfflineClaude
from offline_claude.call_log import Call
from tests.support.agents import cause_of
from tests.support.pinned import Pinned

TRACK = "Where is order 1036?"
READS: list[AnyTool] = [find_order, track_shipment, search_handbook]


@pytest.fixture
def store(tmp_path: Path) -> SQLiteStore:
    return SQLiteStore(tmp_path / "store.db")


@pytest.fixture
def task_queue(temporal: object) -> str:
    return f"test-{uuid.uuid4()}"


def version(system: str, tools: Sequence[AnyTool] = READS) -> Prompt:
    schemas = [tool.schema() for tool in tools]
    return Prompt("support", system, schemas, max_tokens=4096, model="claude-sonnet-5-5")


@asynccontextmanager
async def deployed(
    task_queue: str, system: str, store: SQLiteStore, tools: Sequence[AnyTool] = READS
) -> AsyncIterator[Client]:
    """A worker that has this prompt and these tools, as after a deployment."""
    client = await connect(AgentPlugin())
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[Pinned],
        activities=[
            *prompt_activities("support", system, tools, store=store),
            tool_activity(tools, store=store),
        ],
    ):
        yield client


async def start(client: Client, task_queue: str, text: str = TRACK) -> WorkflowHandle[Any, Any]:
    return await client.start_workflow(
        Pinned.run, text, id=f"test-{uuid.uuid4()}", task_queue=task_queue
    )


def break_off(claude: OfflineClaude) -> None:
    """Have the second call of a run tried again in two seconds: time for a deployment."""
    claude.fail(429, turn=2, headers={"retry-after": "2"})


def second_call_failed(seen: list[Step]) -> bool:
    return bool(seen) and seen[-1].activity == "call_claude" and len(seen) > 2


def told(calls: list[Call]) -> list[str]:
    return [call.system for call in calls if call.state == "answered" and call.status == 200]


async def test_run_in_flight_keeps_its_prompt_after_a_deployment(
    claude: OfflineClaude, store: SQLiteStore, task_queue: str
) -> None:
    break_off(claude)
    async with deployed(task_queue, "The first prompt.", store) as client:
        run = await start(client, task_queue)
        await until(run, second_call_failed)
    async with deployed(task_queue, "The second prompt.", store) as client:
        old = await run.result()
        assert told(claude.calls()) == ["The first prompt."] * 2
        claude.clear()
        new = await (await start(client, task_queue)).result()
        assert told(claude.calls()) == ["The second prompt."] * 2
    assert old[0].startswith("support@")
    assert new[0] != old[0]


async def test_schemas_are_pinned_and_a_removed_tool_is_an_error_result(
    claude: OfflineClaude, store: SQLiteStore, task_queue: str
) -> None:
    claude.slow(2, turn=1)
    async with deployed(task_queue, "Be kind.", store) as client:
        run = await start(client, task_queue)
        await until(run, lambda seen: [s.activity for s in seen][-1:] == ["call_claude"])
    async with deployed(task_queue, "Be kind.", store, [find_order]):
        await run.result()
    assert {call.offered for call in claude.calls()} == {
        ("find_order", "track_shipment", "search_handbook")
    }
    failed = [step.result for step in await steps(run) if step.state == "failed"]
    assert failed == ["There is no tool 'track_shipment'. Tools: find_order."]


async def test_unreadable_prompt_fails_the_run_with_the_next_step(
    claude: OfflineClaude, store: SQLiteStore, task_queue: str, tmp_path: Path
) -> None:
    break_off(claude)
    async with deployed(task_queue, "The first prompt.", store) as client:
        run = await start(client, task_queue)
        await until(run, second_call_failed)
    async with deployed(task_queue, "Another store.", SQLiteStore(tmp_path / "other.db")):
        with pytest.raises(WorkflowFailureError) as caught:
            await run.result()
    cause = cause_of(caught.value)
    assert cause.type == "prompt_not_found"
    assert cause.non_retryable
    assert cause.message.startswith("This run is pinned to support@")
    assert "AGENTKIT_STORE" in cause.message


async def test_altered_prompt_is_not_used(
    claude: OfflineClaude, store: SQLiteStore, task_queue: str
) -> None:
    break_off(claude)
    async with deployed(task_queue, "The first prompt.", store) as client:
        run = await start(client, task_queue)
        await until(run, second_call_failed)
        with sqlite3.connect(store.path) as db:
            db.execute("update texts set text = cast(replace(text, 'first', 'worst') as blob)")
        db.close()
        with pytest.raises(WorkflowFailureError) as caught:
            await run.result()
    assert "has been altered" in cause_of(caught.value).message
    assert "The worst prompt." not in told(claude.calls())


async def test_oversize_conversation_fails_before_the_call(
    claude: OfflineClaude, store: SQLiteStore, task_queue: str
) -> None:
    async with deployed(task_queue, "Be kind.", store) as client:
        # The question alone is below Temporal's limit; in a request, it no longer fits.
        run = await start(client, task_queue, "x" * 1_999_900)
        with pytest.raises(WorkflowFailureError) as caught:
            await run.result()
    assert "at most 2,000,000 fit" in str(caught.value.cause)
    assert not claude.calls()


async def test_model_is_pinned_with_the_prompt(
    claude: OfflineClaude, store: SQLiteStore, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off(claude)
    monkeypatch.setenv("AGENTKIT_MODEL", "claude-haiku-5-5")
    async with deployed(task_queue, "Be kind.", store) as client:
        run = await start(client, task_queue)
        await until(run, second_call_failed)
        monkeypatch.setenv("AGENTKIT_MODEL", "claude-opus-5-5")
        await run.result()
    assert {call.model for call in claude.calls()} == {"claude-haiku-5-5"}


async def test_history_contains_neither_prompts_nor_schemas(
    claude: OfflineClaude, store: SQLiteStore, task_queue: str, tmp_path: Path
) -> None:
    async with deployed(task_queue, "A prompt of many words.", store) as client:
        run = await start(client, task_queue)
        await run.result()
        save(await run.fetch_history(), tmp_path / "history.json")
    history = (tmp_path / "history.json").read_text("utf8")
    assert TRACK in history
    assert "many words" not in history
    assert "input_schema" not in history


def test_reference_changes_with_every_part_of_the_prompt(
    store: SQLiteStore,
) -> None:
    one = version("Be kind.")
    assert store.put(one.to_text()) == store.put(version("Be kind.").to_text())
    others = [
        replace(one, system="Be quick."),
        replace(one, tools=one.tools[:2]),
        replace(one, tools=one.tools[::-1]),
        replace(one, max_tokens=100),
        replace(one, model="claude-opus-5-5"),
    ]
    assert len({store.put(each.to_text()) for each in [one, *others]}) == 6
