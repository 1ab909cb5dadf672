"""The kill-the-worker story in a terminal: `make demo`."""

from __future__ import annotations

import sys
import time

from agentkit.history import Step
from classroom import shop, workers
from classroom.lesson import begin
from classroom.machine import processes
from classroom.show import Table, steps, table, timeline, until
from classroom.workers import WorkerProcess

QUESTION = "Order 1042 arrived damaged. Please refund it and email me a confirmation."


async def tell() -> None:
    """Run a durable agent, kill its worker in mid-thought, and watch another one finish.

    What it started is stopped at the end; what was running before goes on.

    Raises:
        ClassroomError: Something is in the way; the message says what to do.
    """
    before = {process.pid for process in processes.everything()}
    lesson = await begin()
    print(f"{lesson}\n")
    _say(f'A customer writes: "{QUESTION}"', "An agent works on it. Two workers are up.")
    client = lesson.client
    try:
        pair = [WorkerProcess("durable_loop", name).start() for name in ("first", "second")]
        for each in pair:
            await each.polling(client)
            print(f"  {each.name}, pid {each.pid}")
        lesson.claude.slow(30, turn=3)
        run = await client.start_workflow(
            "AgentWorkflow", QUESTION, id=f"demo-{time.time_ns()}", task_queue=pair[0].task_queue
        )
        # "Running" means that a worker has it; killed now, it might not have called Claude yet.
        seen = await until(
            run, lambda seen: _thinking_after_refund(seen) and lesson.claude.answering() > 0
        )
        print(f"\n{table(seen)}\n")
        victim = next(each for each in pair if each.identity == seen[-1].worker)
        _say("The refund is paid, the email is not sent, and Claude is thinking.")
        print(f"  kill -9 {victim.pid}        ({victim.name} is talking to Claude)")
        killed_at = time.monotonic()
        print(f"  return code {victim.kill()}\n")
        await until(run, lambda seen: seen[-1].worker != victim.identity)
        waited = time.monotonic() - killed_at
        _say(f"After {waited:.1f} s the other worker called Claude again.")
        answer = await run.result()
        print(f"\n{await timeline(run)}\n")
        print(Table(shop.rows("refunds"), ["order_id", "amount_cents", "reason"]))
        counted = f"{shop.count('refunds')} refund, {shop.count('emails')} email"
        if calls := len(lesson.claude.calls()):
            needed = sum(step.activity == "call_claude" for step in await steps(run))
            counted += f", {calls} model calls ({needed}, and {calls - needed} that was cut off)"
        _say("", f"{counted}.")
        print(f"Claude: {answer['text']}\n")
        _say(
            "The run is kept. To look at it in the Web UI:",
            f"  {sys.executable} -m classroom up",
        )
    finally:
        workers.stop_all()
        for process in processes.everything():
            if process.pid not in before:
                process.stop()


def _thinking_after_refund(seen: list[Step]) -> bool:
    """Is Claude being called, right after the refund?"""
    return [(s.activity, s.state) for s in seen[-2:]] == [
        ("tool.refund", "completed"),
        ("call_claude", "running"),
    ]


def _say(*lines: str) -> None:
    for line in lines:
        print(line)
    sys.stdout.flush()
