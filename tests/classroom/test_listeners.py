"""Every port of ours: who may use it, and that a web page may not."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from classroom.machine import ports
from classroom.machine.waiting import wait_until
from tests.classroom.test_cli import Machine
from tests.support.conditions import until
from tests.support.listeners import (
    API,
    DOOR,
    GRPC,
    HTTP_API,
    KERNEL,
    LAB,
    METRICS,
    OFFLINE,
    WEB_UI,
    exchange,
    listeners_of,
    status_of,
)

TABLE = (Path(__file__).resolve().parents[2] / "docs/listeners.md").read_text(encoding="utf8")
SERVER = Counter({GRPC: 4, HTTP_API: 1, METRICS: 1})
UP = SERVER + Counter([WEB_UI, DOOR, OFFLINE])
FOREIGN = ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "none.invalid", "", "*")
NO_BROWSER = {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667}
NO_BROWSER |= {6668, 6669, 6679, 6697, 10080}
RUN = '{"workflowType": {"name": "AgentWorkflow"}, "taskQueue": {"name": "approval-gate"}}'
EFFECTS = [
    ("POST", "/api/v1/namespaces/default/workflows/{}"),
    ("POST", "/api/v1/namespaces/default/workflows/{}/signal/submit_decision"),
    ("POST", "/api/v1/namespaces/default/workflows/{}/terminate"),
    ("POST", "/api/v1/namespaces/default/activities/{}"),
    ("POST", "/api/v1/namespaces"),
    *[("GET", path) for path in API],
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("machine"))
    made.works("up")
    yield made
    made.works("down")
    assert made.running() == []


@pytest.fixture(scope="module")
def listeners(machine: Machine) -> dict[int, str]:
    found = listeners_of(machine.running())
    door = one(found, DOOR)  # for a second, the Web UI behind it waits for the rest of the server
    assert wait_until(lambda: '"namespaces"' in exchange(door, "GET", API[0]), timeout=20)
    return found


def one(listeners: dict[int, str], name: str) -> int:
    (port,) = [port for port, each in listeners.items() if each == name]
    return port


def test_up_opens_these_ports_and_the_docs_say_who_may_use_each(
    listeners: dict[int, str],
) -> None:
    assert Counter(listeners.values()) == UP
    for name in UP:
        assert f"| {name} |" in TABLE


def test_no_web_page_gets_anything_from_any_port(listeners: dict[int, str]) -> None:
    """But what the docs say: metrics by DNS rebinding, and the Web UI, which no browser reaches."""
    for port, name in listeners.items():
        for host in FOREIGN:
            page = {"host": host, "origin": f"http://{host}", "content_type": "text/plain"}
            for method, path in [*EFFECTS, ("GET", "/"), ("GET", "/_offline/calls")]:
                status = status_of(exchange(port, method, path.format("x"), RUN, **page))
                assert status == 0 or status >= 400 or name == WEB_UI, (name, host, path)
    assert one(listeners, WEB_UI) in NO_BROWSER


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:PORT", "localhost:PORT", "no host is allowed", "no", *FOREIGN]
)
def test_the_http_api_answers_nobody(listeners: dict[int, str], host: str) -> None:
    port = one(listeners, HTTP_API)
    for method, path in EFFECTS:
        answer = exchange(port, method, path.format("x"), RUN, host=host.replace("PORT", str(port)))
        assert status_of(answer) in (400, 403), answer
    absolute = exchange(port, "GET", f"http://no%20host%20is%20allowed{API[0]}")
    assert status_of(absolute) in (400, 403)


async def test_grpc_goes_on_and_nothing_was_started(listeners: dict[int, str]) -> None:
    client = [port for port, name in listeners.items() if name == GRPC and _is_frontend(port)]
    assert len(client) == 1
    connected = await Client.connect(f"127.0.0.1:{client[0]}")
    assert [run async for run in connected.list_workflows()] == []


def _is_frontend(port: int) -> bool:
    program = Path(sys.executable).with_name("temporal")
    ask = [str(program), "operator", "namespace", "describe", "-n", "default"]
    done = subprocess.run(
        [*ask, "--address", f"127.0.0.1:{port}"], capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "LOCALHOST", "[::1]:1"])
def test_the_door_lets_in_who_names_this_machine(listeners: dict[int, str], host: str) -> None:
    port = one(listeners, DOOR)
    named = host.replace("PORT", str(port))
    page = exchange(port, "GET", "/", host=named)
    assert "kit.start(app, element)" in page
    assert '"namespaces"' in exchange(port, "GET", API[0], host=named)
    token = re.findall(r"(?i)set-cookie: _csrf=(\w+)", page)[-1]
    ours = {"origin": f"http://{named}", "cookie": f"_csrf={token}", "X-CSRF-Token": token}
    answer = exchange(port, "POST", EFFECTS[2][1].format("nothing"), "{}", host=named, **ours)
    assert status_of(answer) == 404, answer


def test_the_door_checks_every_request(listeners: dict[int, str]) -> None:
    port = one(listeners, DOOR)
    here, evil = f"host: 127.0.0.1:{port}", "host: evil.example"
    for heads in (f"{evil}\r\n{here}", f"{here}\r\n{evil}", "x: y", f" {here}", f"x: y\r\n {here}"):
        answer = _send(port, f"GET {API[0]} HTTP/1.1\r\n{heads}\r\n\r\n")
        assert status_of(answer) in (400, 403), heads
    twice = f"GET {API[0]} HTTP/1.1\r\n{here}\r\nconnection: keep-alive\r\n\r\n"
    answer = _send(port, twice + twice.replace(here, evil))
    assert answer.count('"namespaces"') == 1
    posted = {"content_type": "application/json", "origin": "http://127.0.0.1:8888"}
    assert status_of(exchange(port, "POST", API[0], "{}", **posted)) == 403


def _send(port: int, request: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(request.encode())
        return b"".join(iter(lambda: client.recv(65_536), b"")).decode()


def test_a_web_ui_whose_door_is_gone_gets_another_and_a_new_server_keeps_its_address(
    machine: Machine,
) -> None:
    before = machine.works("up")
    for name in ("web_ui", "start-dev"):
        for process in machine.running():
            if any(name in argument for argument in process.cmdline()):
                process.kill()
        assert machine.works("up") == before
    assert Counter(listeners_of(machine.running()).values()) == UP


def test_where_nobody_looks_there_is_no_web_ui(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    try:
        said = machine.works("up", AGENTKIT_HEADLESS="1")
        assert "no Web UI" in said
        assert Counter(listeners_of(machine.running()).values()) == SERVER + Counter([OFFLINE])
    finally:
        machine.works("down")


def test_lab_opens_its_own_and_its_kernels_ports_besides(tmp_path: Path) -> None:
    machine, log = Machine(tmp_path), tmp_path / "lab.log"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    command = [sys.executable, "-m", "classroom", "lab", "--no-browser"]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=machine.env, stdout=output, stderr=output) as lab,
    ):
        try:
            url = re.compile(r"http://127\.0\.0\.1:(\d+)/lab\?token=\w+\n")
            until(lambda: url.search(log.read_text()) or lab.poll() is not None)
            found = url.search(log.read_text())
            assert found is not None, log.read_text()
            until(lambda: ports.listens(int(found[1])))
            kernels = found[0].strip().replace("/lab?", "/api/kernels?")
            direct.open(urllib.request.Request(kernels, method="POST"), timeout=30).close()
            named: dict[int, str] = {}

            def kernel_listens() -> bool:
                named.update(listeners_of(machine.running()))
                return Counter(named.values())[KERNEL] >= 6

            until(kernel_listens)
            assert Counter(named.values()) == UP + Counter({LAB: 1, KERNEL: 6})
            assert f"| {LAB} |" in TABLE
            assert f"| {KERNEL} |" in TABLE
            path = kernels.removeprefix(f"http://127.0.0.1:{found[1]}")
            assert status_of(exchange(int(found[1]), "GET", path, host="evil.example")) == 403
            assert status_of(exchange(int(found[1]), "GET", path.partition("?")[0])) == 403
        finally:
            lab.terminate()
            lab.wait(30)
    assert machine.running() == []
    assert os.environ["AGENTKIT_HOME"] != str(machine.home)
