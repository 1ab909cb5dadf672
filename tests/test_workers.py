"""Real worker processes: started, found again, killed, and never left behind."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest
from temporalio.client import Client

from agentkit.classroom import processes, workers
from agentkit.classroom.home import ClassroomError, home
from agentkit.classroom.kernels import SecondKernel
from agentkit.classroom.show.panel import WorkerPanel
from agentkit.classroom.workers import WorkerProcess, scratch_copy


@pytest.fixture(autouse=True)
def _none_is_left() -> Iterator[None]:
    workers.stop_all()
    yield
    workers.stop_all()


async def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether something becomes true within a deadline."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition() and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)
    return condition()


async def test_a_worker_polls_dies_by_sigkill_and_polls_again(client: Client) -> None:
    worker = WorkerProcess("durable_loop")
    assert (worker.status, worker.pid, worker.log_tail()) == ("not started", None, "")
    await worker.start().polling(client)
    first = worker.pid
    assert worker.alive
    assert worker.status == "running"
    assert worker.kill() == -9
    assert worker.status == "ended with return code -9"
    assert not psutil.pid_exists(first or 0)
    await worker.restart().polling(client)
    assert worker.pid != first


async def test_a_worker_that_is_stopped_ends_in_peace(client: Client) -> None:
    worker = await WorkerProcess("durable_loop").start().polling(client)
    assert worker.stop() == 0
    assert worker.stop() == 0, "stopping it twice is no error"


def test_killing_what_does_not_run_is_a_plain_error() -> None:
    with pytest.raises(ClassroomError, match="start it before you kill it"):
        WorkerProcess("durable_loop").kill()


def test_a_recipe_that_does_not_exist_is_named_and_the_list_is_offered() -> None:
    with pytest.raises(ClassroomError, match=r"no recipe 'durable_lop'.*agentkit recipes"):
        WorkerProcess("durable_lop").start()


async def test_a_worker_that_dies_at_once_shows_the_end_of_its_log(client: Client) -> None:
    folder = scratch_copy("durable_loop")
    tools = folder / "recipes" / "durable_loop" / "tools.py"
    tools.write_text("TOOLS = [no_such_tool]\n")
    worker = WorkerProcess("durable_loop", "broken", folder=folder)
    with pytest.raises(ClassroomError, match=r"ended(.|\n)*NameError: name 'no_such_tool'"):
        await worker.start().polling(client)


async def test_starting_a_name_twice_leaves_one_process(client: Client) -> None:
    first = await WorkerProcess("durable_loop").start().polling(client)
    old = first.pid
    second = WorkerProcess("durable_loop").start()
    assert not psutil.pid_exists(old or 0)
    assert [p.pid for p in processes.everything() if p.name == second.name] == [second.pid]


async def test_a_worker_that_another_process_started_is_adopted_and_stopped() -> None:
    code = (
        "from agentkit.classroom.workers import WorkerProcess;"
        "print(WorkerProcess('durable_loop', 'orphan').start().pid)"
    )
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    adopted = WorkerProcess("durable_loop", "orphan")
    assert adopted.pid == int(started.stdout)
    assert adopted.alive
    assert adopted.kill() is None, "only a parent is told the return code"
    assert adopted.status == "ended"


def test_a_pid_that_belongs_to_another_program_by_now_is_left_alone() -> None:
    ours = psutil.Process()
    record = home() / "processes" / "worker-stale.json"
    record.parent.mkdir(exist_ok=True)
    stale = {"name": "worker-stale", "pid": ours.pid, "created": ours.create_time() - 100}
    record.write_text(json.dumps({**stale, "log": "", "details": {}}))
    assert processes.find("worker-stale") is None
    assert not record.exists()


async def test_waiting_for_a_process_that_ends_too_early_shows_its_log() -> None:
    process = processes.start("worker-short", [sys.executable, "-c", "print('all I had')"])
    with pytest.raises(ClassroomError, match=r"ended before it(.|\n)*all I had"):
        await processes.until(lambda: False, process, timeout=30)


async def test_a_second_kernel_runs_code_reports_errors_and_dies() -> None:
    kernel = await SecondKernel.start()
    assert await kernel.run("print(1 + 1)") == "2\n"
    with pytest.raises(ClassroomError, match="ZeroDivisionError"):
        await kernel.run("1 / 0")
    assert await kernel.kill() == -9


async def test_the_panel_presses_the_same_functions_and_follows_the_worker(
    client: Client,
) -> None:
    worker = WorkerProcess("durable_loop", "panel")
    panel = WorkerPanel(worker)
    try:
        assert "not started" in panel.status.value
        assert panel.kill_button.disabled
        panel.start_button.click()
        await worker.polling(client)
        assert f"pid {worker.pid}" in panel.status.value
        assert panel.start_button.disabled
        panel.kill_button.click()
        assert worker.status == "ended with return code -9"
        assert "return code -9" in panel.status.value
        panel.restart_button.click()
        assert worker.alive
        worker.kill()  # by a cell: the panel notices by itself
        assert await eventually(lambda: "return code -9" in panel.status.value)
        panel.kill_button.click()
        assert "start it before you kill it" in panel.status.value
    finally:
        panel.close()
