"""An effect happens once: whatever ids the model's side gives, however often a run is started."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import uuid
from contextlib import closing
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import (
    Client,
    WorkflowContinuedAsNewError,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from agentkit import ToolCall, tool_activity
from agentkit.client import run_once
from agentkit.prompts import prompt_activities
from agentkit.stores import SQLiteStore
from agentkit.transcript import transcript_activities
from tests.support import agents, canned
from tests.support.agents import Desk, TwoConversations, TwoLongConversations, desk
from tests.support.effects import TOOLS, Broken, Ends, RunTurns, Wait

WORKFLOWS = (RunTurns, Wait, Ends, Broken)


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BANK", str(tmp_path / "bank.db"))
    return tmp_path / "bank.db"


def paid(bank: Path) -> list[int]:
    if not bank.exists():
        return []
    with closing(sqlite3.connect(bank)) as db:
        return [row[0] for row in db.execute("select amount from payments")]


def call(id: str, place: str, amount: int) -> ToolCall:
    return ToolCall(id, "pay", {"amount": amount}, place)


async def results(running: Desk, *turns: list[ToolCall]) -> list[str]:
    return [str(each["content"]) for each in await running.run(RunTurns.run, [*turns])]


@pytest.mark.parametrize("workflow", [TwoConversations, TwoLongConversations])
async def test_equal_calls_of_two_conversations_are_two_effects(
    workflow: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = SQLiteStore(tmp_path / "store.db")
    activities = [
        *prompt_activities("test", "", agents.TOOLS, store=store),
        *transcript_activities(store),
        tool_activity(agents.TOOLS),
    ]
    asked = {"type": "tool_use", "id": "call_0", "name": "key", "input": {}}
    answer = canned.message(asked, stop_reason="tool_use")
    async with (
        canned.answering(monkeypatch, answer),
        desk(workflows=[workflow], activities=activities) as running,
    ):
        given: list[Any] = [[]] if workflow is TwoConversations else [[], []]
        run = await running.start(workflow.run, *given)
        keys = await run.result()
        first_run = (await run.describe()).raw_description.workflow_execution_info.first_run_id
    assert len(set(keys)) == 4
    assert keys[0] == f"{first_run}:1.0:call_0"
    assert {key.partition(":")[0] for key in keys} == {first_run}
    assert max(map(len, keys)) <= 255


async def test_calls_whose_ids_are_equal_each_have_their_effect(bank: Path) -> None:
    letter = ToolCall("call_0", "send", {"text": "Paid."}, "5.0")
    async with desk(tools=TOOLS, workflows=WORKFLOWS) as running:
        turns = [call("call_0", "1.0", 5)], [call("call_0", "3.0", 7)], [letter]
        assert await results(running, *turns) == ['{"paid":5}', '{"paid":7}', "Paid."]
    assert paid(bank) == [5, 7]


@pytest.mark.parametrize("id", ["", "call_0", "x" * 5000, "ключ"])
async def test_two_calls_of_one_message_with_the_same_id_each_have_their_effect(
    id: str, bank: Path
) -> None:
    async with desk(tools=TOOLS, workflows=WORKFLOWS) as running:
        turn = [call(id, "1.0", 5), call(id, "1.1", 5)]
        assert await results(running, turn) == ['{"paid":5}'] * 2
    assert paid(bank) == [5, 5]


async def test_key_of_another_call_is_a_plain_error_before_any_effect(bank: Path) -> None:
    """As when a Workflow of the reader's own makes calls, and gives two of them one key."""
    turns = [call("a", "", 5)], [call("a", "", 7)], [ToolCall("a", "send", {"text": "Paid."})]
    async with desk(tools=TOOLS, workflows=WORKFLOWS) as running:
        first, second, third = await running.run(RunTurns.run, [*turns])
        with closing(sqlite3.connect(bank)) as db:
            assert db.execute("select call from ledger").fetchall() == [('pay {"amount":5}',)]
    assert first == {"type": "tool_result", "tool_use_id": "a", "content": '{"paid":5}'}
    for refused in (second, third):
        assert refused["is_error"]
        assert refused["content"].startswith("Nothing happened: the idempotency key ")
        assert refused["content"].endswith('belongs to another call: pay {"amount":5}')
    assert paid(bank) == [5]


async def test_run_that_would_be_retried_refuses_its_first_effect(bank: Path) -> None:
    for policy in (RetryPolicy(), RetryPolicy(maximum_attempts=2)):
        async with desk(tools=TOOLS, workflows=WORKFLOWS) as running:
            with pytest.raises(WorkflowFailureError) as failed:
                await (await begin(running, retry_policy=policy)).result()
        err = failed.value.cause
        assert isinstance(err, ApplicationError)
        assert (err.type, err.non_retryable) == ("WouldRunAgain", True)
        assert "started with a retry policy" in err.message
        assert "Start it without one" in err.message
    assert paid(bank) == []


async def test_cron_run_refuses_its_first_effect(bank: Path) -> None:
    """All runs of a cron schedule have one first run, so their keys could be equal."""
    async with desk(tools=TOOLS, workflows=WORKFLOWS) as running:
        run = await begin(running, cron_schedule="@every 1s")
        with pytest.raises(WorkflowContinuedAsNewError):
            await run.result(follow_runs=False)
        await running.client.get_workflow_handle(run.id).terminate()
        first = running.client.get_workflow_handle(run.id, run_id=run.first_execution_run_id)
        last = [event async for event in first.fetch_history_events()][-1]
    failure = last.workflow_execution_failed_event_attributes.failure
    assert "started with a cron schedule" in failure.message
    assert "use a Schedule" in failure.message
    assert paid(bank) == []


async def test_run_with_one_attempt_has_its_effects(bank: Path) -> None:
    async with desk(tools=TOOLS, workflows=WORKFLOWS) as running:
        await (await begin(running, retry_policy=RetryPolicy(maximum_attempts=1))).result()
    assert paid(bank) == [5]


async def begin(running: Desk, **options: Any) -> WorkflowHandle[Any, Any]:
    return await running.client.start_workflow(
        RunTurns.run,
        [[call("a", "1.0", 5)]],
        id=f"test-{uuid.uuid4()}",
        task_queue=running.worker.task_queue,
        execution_timeout=timedelta(seconds=40),
        **options,
    )


class Provider(ThreadingHTTPServer):
    """Charges once per key, and hangs up in place of its first answer to each."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Charge)
        self.charges: dict[str, bytes] = {}
        self.requests = 0


class Charge(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        key, body = (
            self.headers["Idempotency-Key"],
            self.rfile.read(int(self.headers["Content-Length"])),
        )
        first = key not in self.server.charges
        self.server.charges.setdefault(key, b"charged " + body)
        self.server.requests += 1
        if first:
            self.close_connection = True
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.charges[key])

    def log_message(self, format: str, *args: object) -> None:
        pass


async def test_provider_that_takes_a_key_charges_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with Provider() as provider:
        threading.Thread(target=provider.serve_forever).start()
        monkeypatch.setenv("PROVIDER", f"http://127.0.0.1:{provider.server_port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        turn = [ToolCall("call_0", "charge", {"amount": n}, f"1.{n}") for n in (1, 2)]
        try:
            async with desk(tools=TOOLS, workflows=WORKFLOWS) as running:
                assert await results(running, turn) == ["charged 1", "charged 2"]
        finally:
            provider.shutdown()
    assert (sorted(provider.charges.values()), provider.requests) == (
        [b"charged 1", b"charged 2"],
        4,
    )
    assert [key.split(":")[1] for key in sorted(provider.charges)] == ["1.1", "1.2"]


async def start(running: Desk, workflow: Any, arg: Any, id: str) -> Any:
    task_queue = running.worker.task_queue
    return await run_once(running.client, workflow, arg, id=id, task_queue=task_queue)


async def test_run_once_attaches_to_a_run_also_after_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    id = f"test-{uuid.uuid4()}"
    async with desk(workflows=WORKFLOWS) as running:
        both = await asyncio.gather(
            start(running, Wait.run, 0.5, id), start(running, Wait.run, 0.4, id)
        )
        assert len({*both}) == 1
        assert capsys.readouterr() == ("", "")
        assert await start(running, Wait.run, 0.3, id) == both[0]
    assert capsys.readouterr().err == f"{id} has run already; this is how it ended.\n"


async def test_run_once_gives_the_failure_of_a_run_that_has_failed() -> None:
    id = f"test-{uuid.uuid4()}"
    async with desk(workflows=WORKFLOWS) as running:
        for words in ("first", "second"):
            with pytest.raises(WorkflowFailureError) as failed:
                await start(running, Ends.run, words, id)
            assert str(failed.value.cause) == "first"


async def test_run_once_says_why_a_run_cannot_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    id = f"test-{uuid.uuid4()}"
    async with desk(workflows=WORKFLOWS) as running:
        waiting = asyncio.create_task(start(running, Broken.run, "no such book", id))
        said = await until_said(capsys, id)
        handle = running.client.get_workflow_handle(id)
        await handle.terminate()
        with pytest.raises(WorkflowFailureError):
            await waiting
    assert said.count(id) == 1
    assert "Its Workflow code fails" in said
    assert "no such book" in said


async def test_run_once_says_that_no_worker_runs(
    client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentkit.client._QUIET", timedelta(seconds=0.1))
    id = f"test-{uuid.uuid4()}"
    waiting = asyncio.create_task(
        run_once(client, Wait.run, 0.0, id=id, task_queue="nobody-is-here")
    )
    said = await until_said(capsys, id)
    await client.get_workflow_handle(id).terminate()
    with pytest.raises(WorkflowFailureError):
        await waiting
    assert "No worker takes its next step" in said
    assert "'nobody-is-here'" in said


async def until_said(capsys: pytest.CaptureFixture[str], id: str) -> str:
    said = ""
    deadline = asyncio.get_running_loop().time() + 30
    while f"Still waiting for {id}." not in said:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)
        said += capsys.readouterr().err
    return said
