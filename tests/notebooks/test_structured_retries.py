"""The recipe of lesson 04 on a real server: whatever goes wrong, the run ends as it should."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import CancelledError
from temporalio.worker import Replayer, Worker

from agentkit import Budget
from agentkit.stop_reasons import GO_ON, MAX_CONTINUATIONS, Outcome
from classroom import workers
from classroom.show import Step, steps, transcript, until
from classroom.workers import NOTEBOOKS, WorkerProcess
from offline_claude import OfflineClaude
from tests.support.agents import cause_of, eventually

TRACK = "Where is order 1036?"
REFUND = "Order 1042 arrived damaged. Please refund it and email me a confirmation."
TURNS = Budget(turns=20)


@dataclass(frozen=True)
class Desk:
    """The recipe with a Worker of this process."""

    client: Client
    task_queue: str

    async def start(self, question: str, budget: Budget = TURNS) -> WorkflowHandle[Any, Outcome]:
        from recipes.structured_retries.workflow import RetryingAgentWorkflow, SupportTask

        return await self.client.start_workflow(
            RetryingAgentWorkflow.run,
            SupportTask(question, budget),
            id=f"test-{uuid.uuid4()}",
            task_queue=self.task_queue,
        )

    async def run(self, question: str, budget: Budget = TURNS) -> tuple[Outcome, list[Step]]:
        """Run to the end, check that it replays, and return the outcome and the steps."""
        handle = await self.start(question, budget)
        outcome = await handle.result()
        await replay(handle)
        return outcome, await steps(handle)


async def replay(handle: WorkflowHandle[Any, Any]) -> None:
    """Run the Workflow's code against its own history: it has to decide the same again."""
    from recipes.structured_retries.workflow import RetryingAgentWorkflow

    replayer = Replayer(
        workflows=[RetryingAgentWorkflow], data_converter=pydantic_data_converter, plugins=[]
    )
    await replayer.replay_workflow(await handle.fetch_history())


async def hang_up() -> None:
    """Fail after the money has gone."""
    raise ConnectionError("The bank hung up.")


async def said(handle: WorkflowHandle[Any, Any]) -> str:
    return transcript(cast(Any, await handle.query("transcript")), width=0)


@pytest.fixture(autouse=True)
def _recipes_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(NOTEBOOKS))


@pytest.fixture
async def desk(client: Client, claude: OfflineClaude, shop: ModuleType) -> AsyncIterator[Desk]:
    from recipes.structured_retries.activities import ACTIVITIES
    from recipes.structured_retries.workflow import RetryingAgentWorkflow

    queue = f"test-{uuid.uuid4()}"
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[RetryingAgentWorkflow],
        activities=ACTIVITIES,
        max_concurrent_activities=1,
    )
    async with worker:
        yield Desk(client, queue)


# Stop reasons.


@pytest.mark.parametrize(
    ("kind", "turn", "ended", "turns"),
    [
        ("max_tokens", 1, "end_turn", 3),
        ("max_tokens", 2, "end_turn", 3),
        ("pause_turn", 1, "end_turn", 3),
        ("pause_turn", 2, "end_turn", 3),
        ("malformed_input", 1, "end_turn", 3),
        ("unknown_tool", 1, "end_turn", 3),
        ("refusal", 2, "refusal", 2),
        ("model_context_window_exceeded", 2, "model_context_window_exceeded", 2),
        ("empty", 2, "empty", 2),
    ],
)
async def test_odd_reply_ends_in_an_answer_or_in_a_result_that_says_why(
    desk: Desk, claude: OfflineClaude, kind: str, turn: int, ended: str, turns: int
) -> None:
    claude.reply(kind, turn=turn)
    outcome, _ = await desk.run(TRACK)
    assert (outcome.ended, outcome.spent.turns) == (ended, turns)
    assert outcome.answered == (ended == "end_turn")
    assert bool(outcome.detail) != outcome.answered
    if outcome.answered:
        assert "CP-89641137" in outcome.text


async def test_cut_answer_is_continued_and_joined(desk: Desk, claude: OfflineClaude) -> None:
    whole, _ = await desk.run(TRACK)
    claude.reply("max_tokens", turn=2)
    handle = await desk.start(TRACK)
    joined = await handle.result()
    assert joined.text == whole.text
    assert GO_ON in await said(handle)


async def test_cut_tool_call_is_requested_again_with_twice_the_tokens_and_never_run(
    desk: Desk, claude: OfflineClaude
) -> None:
    claude.reply("max_tokens", turn=1)
    handle = await desk.start(TRACK)
    await handle.result()
    history = (await handle.fetch_history()).events
    requests = [
        cast(Any, await pydantic_data_converter.decode(scheduled.input.payloads))[0]
        for event in history
        if (scheduled := event.activity_task_scheduled_event_attributes)
        and scheduled.activity_type.name == "call_claude"
    ]
    assert [(r["max_tokens"], len(r["messages"])) for r in requests[:2]] == [(None, 1), (8192, 1)]
    assert [s.activity for s in await steps(handle)].count("tool.find_order") == 1


async def test_turn_that_pauses_forever_ends_after_max_continuations(
    desk: Desk, claude: OfflineClaude
) -> None:
    claude.reply("pause_turn", times=100)
    outcome, _ = await desk.run(TRACK)
    assert outcome.ended == "pause_turn"
    assert len(claude.calls()) == MAX_CONTINUATIONS + 1
    assert outcome.text


# Budgets.


@pytest.mark.parametrize(
    ("budget", "limit", "turns"),
    [
        (Budget(turns=0), "turns", 0),
        (Budget(turns=1), "turns", 1),
        (Budget(tokens=1), "tokens", 1),
        (Budget(tokens=1500), "tokens", 2),
        (Budget(usd=0.001), "usd", 1),
        (Budget(usd=0.004), "usd", 2),
        (Budget(turns=20, tokens=10**9, usd=100, seconds=600), "end_turn", 4),
        (Budget(), "end_turn", 4),
    ],
)
async def test_exceeded_budget_ends_the_run_with_the_work_done_so_far(
    desk: Desk, claude: OfflineClaude, budget: Budget, limit: str, turns: int
) -> None:
    outcome, done = await desk.run(REFUND, budget)
    assert (outcome.ended, outcome.spent.turns, len(claude.calls())) == (limit, turns, turns)
    assert bool(outcome.text) == (turns > 0)
    assert all(s.state == "completed" for s in done), "what was asked for before is still done"


async def test_model_without_a_price_ends_a_run_with_a_dollar_budget(
    desk: Desk, claude: OfflineClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTKIT_MODEL", "claude-fable-5-2")
    outcome, _ = await desk.run(TRACK, Budget(usd=1000))
    assert (outcome.ended, outcome.spent.turns) == ("usd", 1)
    assert "claude-fable-5-2 has no price" in outcome.detail
    outcome, _ = await desk.run(TRACK, Budget(turns=5))
    assert outcome.answered


async def test_time_budget_cancels_the_call_under_way_and_keeps_the_work(
    desk: Desk, claude: OfflineClaude
) -> None:
    claude.slow(60, turn=2)
    handle = await desk.start(TRACK, Budget(seconds=3))
    outcome = await handle.result()
    await replay(handle)
    assert (outcome.ended, outcome.spent.turns) == ("seconds", 1)
    assert outcome.detail == "The budget is used up: all of 3 seconds."
    assert "← track_shipment" in await said(handle)
    assert (await steps(handle))[-1].state == "cancelled"
    await eventually(lambda: claude.calls()[-1].state == "disconnected")


async def test_time_budget_also_ends_a_wait_between_attempts(
    desk: Desk, claude: OfflineClaude
) -> None:
    claude.fail(429, turn=2, headers={"retry-after": "120"})
    outcome, done = await desk.run(TRACK, Budget(seconds=3))
    assert (outcome.ended, outcome.text != "") == ("seconds", True)
    assert done[-1].state == "cancelled"


async def test_time_budget_of_zero_ends_before_the_first_call(
    desk: Desk, claude: OfflineClaude
) -> None:
    outcome, _ = await desk.run(TRACK, Budget(seconds=0))
    assert (outcome.ended, outcome.spent.turns) == ("seconds", 0)
    assert claude.calls() == []


async def test_cancelled_run_is_reported_as_cancelled_not_as_out_of_time(
    desk: Desk, claude: OfflineClaude
) -> None:
    claude.slow(60, turn=1)
    handle = await desk.start(TRACK, Budget(seconds=600))
    await eventually(lambda: len(claude.calls()) == 1)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert isinstance(failed.value.cause, CancelledError)


# Errors.


async def test_permanent_error_fails_the_run_once_in_the_apis_words(
    desk: Desk, claude: OfflineClaude
) -> None:
    claude.fail(400, turn=2, message="Words of the API.", times=9)
    handle = await desk.start(TRACK)
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    await replay(handle)
    cause = cause_of(failed.value)
    assert (cause.type, cause.message) == ("invalid_request_error", "Words of the API.")
    assert [c.status for c in claude.calls()] == [200, 400]
    assert "← track_shipment" in await said(handle), "the transcript outlives the run"


async def test_failed_run_resumes_after_a_reset_to_the_failed_step(
    desk: Desk, claude: OfflineClaude, shop: ModuleType
) -> None:
    claude.fail(402, turn=3)
    handle = await desk.start(REFUND)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    # The limit was raised; the last Workflow Task that decided to call Claude is done again.
    decided = [
        event.event_id
        for event in (await handle.fetch_history()).events
        if event.HasField("workflow_task_completed_event_attributes")
    ][-2]
    reset = await desk.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=desk.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id),
            reason="the limit was raised",
            workflow_task_finish_event_id=decided,
            request_id=str(uuid.uuid4()),
        )
    )
    outcome = await desk.client.get_workflow_handle(handle.id, run_id=reset.run_id).result()
    assert outcome["ended"] == "end_turn"
    calls = [(1, 200), (2, 200), (3, 402), (3, 200), (4, 200)]
    assert [(c.turn, c.status) for c in claude.calls()] == calls
    assert (shop.count("refunds"), shop.count("emails")) == (1, 1)


@pytest.mark.parametrize(
    "fault",
    [
        lambda claude: claude.fail(529, turn=2),
        lambda claude: claude.cut(5, turn=2),
        lambda claude: claude.cut(5, turn=2, abruptly=False),
        lambda claude: claude.error_in_stream(5, turn=2),
    ],
    ids=["overloaded", "cut", "ended early", "error in mid-stream"],
)
async def test_transient_fault_costs_one_attempt_and_no_turn(
    desk: Desk, claude: OfflineClaude, fault: Any
) -> None:
    fault(claude)
    outcome, done = await desk.run(TRACK)
    assert outcome.answered
    assert outcome.spent.turns == 2
    assert [s.attempts for s in done] == [1, 1, 1, 2]


async def test_attempts_of_a_claude_call_are_bounded(desk: Desk, claude: OfflineClaude) -> None:
    claude.fail(529, times=100, headers={"retry-after-ms": "1"})
    handle = await desk.start(TRACK)
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert cause_of(failed.value).type == "overloaded_error"
    assert len(claude.calls()) == 5


async def test_waiting_run_leaves_the_workers_only_slot_free(
    desk: Desk, claude: OfflineClaude
) -> None:
    claude.fail(429, turn=2, matching="1036", headers={"retry-after": "100"})
    waiting = await desk.start(TRACK)
    seen = await until(waiting, lambda done: any(s.state == "waiting" for s in done))
    assert (seen[-1].attempts, seen[-1].error_type) == (2, "rate_limit_error")
    outcome, _ = await desk.run("What is in order 1042?")
    assert outcome.answered
    assert (await steps(waiting))[-1].state == "waiting"
    await waiting.terminate()


async def test_failed_effect_is_reported_as_unknown(
    desk: Desk, claude: OfflineClaude, shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classroom.shop.tools.bank_confirms", hang_up)
    monkeypatch.setattr(shop.refund, "attempts", 2)
    handle = await desk.start(REFUND)
    await handle.result()
    assert "✗ refund: Outcome unknown:" in await said(handle)
    (refund,) = [s for s in await steps(handle) if s.activity == "tool.refund"]
    assert refund.attempts == 2
    assert shop.count("refunds") == 1


# Processes of their own.


@pytest.fixture
def _workers_end() -> Iterator[None]:
    workers.stop_all()
    yield
    workers.stop_all()


@pytest.mark.usefixtures("_workers_end")
async def test_killing_the_worker_of_a_waiting_run_loses_nothing(
    client: Client, claude: OfflineClaude, shop: ModuleType
) -> None:
    claude.fail(429, turn=3, headers={"retry-after": "5"})
    worker = await WorkerProcess("structured_retries").start().polling(client)
    handle = await Desk(client, "structured-retries").start(REFUND)
    await until(handle, lambda done: any(s.state == "waiting" for s in done))
    assert worker.kill() == -9
    await worker.start().polling(client)
    outcome = await handle.result()
    assert outcome.answered
    assert shop.count("refunds") == 1
    calls = [(1, 200), (2, 200), (3, 429), (3, 200), (4, 200)]
    assert [(c.turn, c.status) for c in claude.calls()] == calls


@pytest.mark.usefixtures("_workers_end")
async def test_start_prints_the_outcome_and_exits_accordingly(
    client: Client, claude: OfflineClaude, shop: ModuleType
) -> None:
    await WorkerProcess("structured_retries").start().polling(client)

    def start(*arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "recipes.structured_retries.start", *arguments]
        done = subprocess.run(command, cwd=NOTEBOOKS, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    code, answer, errors = start(f"test-{uuid.uuid4()}", TRACK)
    assert (code, "CP-89641137" in answer, errors) == (0, True, "")
    code, _, errors = start(f"test-{uuid.uuid4()}", TRACK, "0.001")
    assert code == 1
    assert errors.startswith("No answer (usd). The budget is used up: 0.00")
    claude.fail(400, message="Words of the API.")
    code, _, errors = start(f"test-{uuid.uuid4()}", TRACK)
    assert (code, errors) == (1, "Failed: invalid_request_error: Words of the API.\n")
    code, _, errors = start("alone")
    assert code == 2
    assert errors.startswith("usage: start.py ")
    assert "the following arguments are required: question" in errors
