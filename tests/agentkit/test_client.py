"""How a process reaches Temporal, and with which exit code it leaves: real processes."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import signal
import subprocess
import sys
import time
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from temporalio.client import Client

from agentkit import connect
from agentkit.client import print_anything
from classroom.machine.dev_server import DevServer, own_server
from classroom.machine.ports import free_port
from tests.support.terminals import C_LOCALE, HOSTILE, hidden

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


async def run(
    code: str, number: signal.Signals | None = None, env: dict[str, str] | None = None
) -> tuple[int | None, str, str]:
    """Run a program; given a signal, send it once the program has printed something."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        env=os.environ | {"PYTHONUNBUFFERED": ""} | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    first = b""
    if number is not None:
        first = await asyncio.wait_for(process.stdout.readline(), 30)
        process.send_signal(number)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, (first + out).decode(), err.decode()


def program(body: str) -> str:
    return f"""
import asyncio, sys
from agentkit.client import connect, run_main
async def main():
    {body}
run_main(main())
print("never reached")
"""


async def test_address_comes_from_the_environment(
    client: Client, temporal: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert os.environ["TEMPORAL_ADDRESS"] == temporal.address
    assert client.service_client.config.target_host == temporal.address
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "default")
    assert (await connect()).namespace == "default"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("HOST", "HOST"),
        ("ann:s3cret@HOST", "HOST"),
        ("http://ann:s3cret@HOST", "HOST"),
        ("https://s3cret@HOST/path?key=s3cret#s3cret", "HOST"),
        ("HOST?key=s3cret", "HOST"),
        ("ann:s3@cr@et@HOST", "HOST"),
        ("ann:s3cret://x@HOST", "HOST"),
        ("http://ann:s3/cret@HOST", "the configured address"),
        ("http://ann:s3://cret@HOST", "the configured address"),
        ("http://HOST/?key=ann@s3cret", "the configured address"),
        ("ann s3cret@HOST", "the configured address"),
    ],
)
async def test_no_error_shows_more_of_the_address_than_host_and_port(
    address: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"127.0.0.1:{free_port(0)}"
    for name in ("AGENTKIT_EMBEDDED_TEMPORAL", "TEMPORAL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEMPORAL_ADDRESS", address.replace("HOST", nobody))
    shown = shown.replace("HOST", nobody)
    with (
        warnings.catch_warnings(action="ignore"),  # the SDK's, of an address with a scheme
        pytest.raises(ConnectionError) as failed,
    ):
        await connect()
    assert f"answers at {shown}. " in str(failed.value)
    assert "s3" not in str(failed.value)
    assert own_server() == shown


async def test_connection_error_names_the_address_and_the_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nobody = f"127.0.0.1:{free_port(0)}"
    monkeypatch.setenv("TEMPORAL_ADDRESS", nobody)
    with pytest.raises(ConnectionError, match=r".venv/bin/agentkit up") as failed:
        await connect()
    assert str(failed.value).startswith(f"No Temporal server answers at {nobody}. ")
    assert len(str(failed.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("TEMPORAL_ADDRESS", "not an address", "TEMPORAL_ADDRESS to the HOST:PORT"),
        ("TEMPORAL_PROFILE", "nowhere", "Profile 'nowhere' not found"),
        ("TEMPORAL_TLS_CLIENT_CERT_PATH", "/nowhere/cert", "configuration can't be used"),
    ],
)
async def test_invalid_configuration_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConnectionError, match=says) as failed:
        await connect()
    assert "\n" not in str(failed.value)


async def test_local_server_is_reached_despite_proxy_variables(
    client: Client,
) -> None:
    dead = dict.fromkeys(PROXIES, f"http://127.0.0.1:{free_port(0)}")
    code, out, err = await run(
        program("c = await connect(); print(await c.service_client.check_health())"),
        env={**dead, "NO_PROXY": "", "no_proxy": ""},
    )
    assert (code, out, err) == (0, "True\n", "")


@pytest.mark.parametrize(
    ("body", "code", "err"),
    [
        ("pass", 0, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit(0)", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('usage: like this')", 1, "usage: like this\n"),
        ("raise ConnectionError('nobody there')", 1, "nobody there\n"),
        ("raise KeyboardInterrupt", 130, ""),
    ],
)
async def test_program_ends_with_its_exit_code_and_at_most_one_line(
    body: str, code: int, err: str
) -> None:
    assert await run(program(body)) == (code, "", err)


async def test_unexpected_exception_prints_its_traceback() -> None:
    code, out, err = await run(program("raise ValueError('a bug')"))
    assert (code, out) == (1, "")
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("ValueError: a bug\n")


async def test_ctrl_c_exits_with_130_and_no_traceback() -> None:
    waiting = program("print('ready', flush=True); await asyncio.sleep(60)")
    assert await run(waiting, signal.SIGINT) == (130, "ready\n", "")


async def test_output_to_a_pipe_is_flushed() -> None:
    code, out, _ = await run(program("print('x' * 1_000_000); print('end')"))
    assert (code, len(out), out[-5:]) == (0, 1_000_005, "\nend\n")


async def test_closed_pipe_gives_an_exit_code_and_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", program("print('x' * 1_000_000)")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, err) == (1, b"")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", r"? \ud83d ? Z?rich"),
        ("latin-1", "? \\ud83d ? Z\xfcrich"),
        ("utf-8", r"→ \ud83d 🐘 Zürich"),
    ],
)
async def test_terminal_shows_what_it_can(encoding: str, shown: str) -> None:
    text = r"\N{RIGHTWARDS ARROW} \ud83d \N{ELEPHANT} Z\xfcrich"
    env = os.environ | {"PYTHONIOENCODING": encoding}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program(f"print('{text}')")],
        env=env,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode(encoding) == f"{shown}\n"


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters()))
@example(HOSTILE)
def test_no_text_controls_a_terminal(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging, "_logRecordFactory", logging.LogRecord)
        patch.setenv("PYTHON_COLORS", "")
        for name in ("stdout", "stderr"):
            stream = io.TextIOWrapper(io.BytesIO(), "utf8")
            patch.setattr(sys, name, stream)
            print_anything()
            print(text, file=stream)
            stream.writelines([text])
            stream.flush()
            shown = stream.buffer.getvalue().decode()
            assert hidden(shown, but="\n") == ""
            assert shown.count("\n") == 1 + 2 * text.count("\n")


async def test_no_text_looks_like_another_line_of_the_log() -> None:
    body = """
    import logging
    logging.basicConfig(level=logging.INFO)
    text = 'x\\nERROR:root:Paid.' + chr(27) + '[2J' + chr(0x202e)
    logging.info('Turn %d: %s', 1, text)
    try:
        raise ValueError(text)
    except ValueError:
        logging.exception('Failed')
"""
    code, out, err = await run(program(body))
    assert (code, out, hidden(err, but="\n")) == (0, "", "")
    assert [line for line in err.splitlines() if not line.startswith("    ")] == [
        r"INFO:root:Turn 1: x\nERROR:root:Paid.\u001b[2J\u202e",
        "ERROR:root:Failed",
    ]
    assert err.endswith("    ERROR:root:Paid.\\u001b[2J\\u202e\n")


@pytest.mark.parametrize("locale", [{"LC_ALL": "C.UTF-8"}, C_LOCALE])
@pytest.mark.parametrize(
    ("typed", "read"),
    [("Zürich →".encode(), "Zürich →"), ("Zürich".encode("latin-1"), "Z\ufffdrich")],
)
async def test_whatever_is_typed_is_text_that_can_be_sent(
    locale: dict[str, str], typed: bytes, read: str
) -> None:
    code = program("sys.stdout.buffer.write(sys.argv[1].encode()); input()")
    with subprocess.Popen(
        [sys.executable, "-c", code, typed],
        env=os.environ | locale,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        out, err = await asyncio.to_thread(process.communicate, typed + b"\n")
    assert (process.returncode, out.decode(), err) == (0, read, b"")


async def test_short_lived_clients_never_abort(client: Client) -> None:
    # Without run_main some of them end with 134: temporalio/sdk-python issue 300.
    quick = program("await (await connect()).count_workflows(); print('done')")
    gate = asyncio.Semaphore(4)

    async def once() -> tuple[int | None, str, str]:
        async with gate:
            return await run(quick)

    assert set(await asyncio.gather(*(once() for _ in range(20)))) == {(0, "done\n", "")}


WORKER = """
import asyncio, sys
from temporalio import activity
from temporalio.worker import Worker
from agentkit.client import connect, run_main, run_until_signalled
@activity.defn
async def nothing() -> None: ...
async def main():
    client = await connect()
    asyncio.get_running_loop().call_later(0.5, lambda: print("polling", flush=True))
    await run_until_signalled(Worker(client, task_queue="signals", activities=[nothing]))
    print("left in peace")
run_main(main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_worker_exits_with_0_on_a_signal(client: Client, number: signal.Signals) -> None:
    begun = time.monotonic()
    assert await run(WORKER, number) == (0, "polling\nleft in peace\n", "")
    assert time.monotonic() - begun < 20


FAILING = """
from contextlib import asynccontextmanager
from temporalio import activity
from temporalio.plugin import SimplePlugin
from temporalio.worker import Worker
from agentkit.client import connect, run_main, run_until_signalled
@activity.defn
async def nothing() -> None: ...
@asynccontextmanager
async def broken():
    raise ValueError("not set up")
    yield
async def main():
    client = await connect(SimplePlugin("broken", run_context=broken))
    await run_until_signalled(Worker(client, task_queue="broken", activities=[nothing]))
run_main(main())
"""


@pytest.mark.usefixtures("client")
async def test_worker_with_a_failing_plugin_ends_with_the_reason() -> None:
    code, _, err = await run(FAILING)
    assert code == 1
    assert err.endswith("ValueError: not set up\n")
