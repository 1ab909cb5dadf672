"""The client that calls Claude: whose key goes where, through what, and for how long."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import anthropic
import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from agentkit.claude import _clients, call_claude, claude_client, close_claude_client
from classroom.machine import which_claude
from classroom.machine.home import ClassroomError
from classroom.machine.ports import free_port
from classroom.machine.which_claude import OwnClaude
from offline_claude import OfflineClaude
from tests.support.agents import HELLO, OneCall, cause_of, desk


@pytest.fixture(autouse=True)
async def fresh_client() -> AsyncIterator[None]:
    yield
    await close_claude_client()


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


async def refused() -> ApplicationError:
    with pytest.raises(ApplicationError) as raised:
        await ActivityEnvironment().run(call_claude, HELLO)
    return raised.value


async def test_wrong_key_fails_without_retry_and_stays_out_of_history(
    claude: OfflineClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "wrong-key-of-mine")
    async with desk() as running:
        handle = await running.start(OneCall.run, HELLO)
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        history = (await handle.fetch_history()).to_json()
    cause = cause_of(failed.value)
    assert cause.type == "authentication_error"
    assert cause.message == "Invalid bearer token"
    assert "key-of-mine" not in history
    assert history.count("EVENT_TYPE_ACTIVITY_TASK_STARTED") == 1
    assert '"attempt": 2' not in history


@pytest.mark.usefixtures("no_credentials")
async def test_missing_key_error_names_the_variable_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://claude.invalid")
    error = await refused()
    assert (error.type, error.non_retryable) == ("authentication_error", True)
    assert error.message == "No key for Claude: set ANTHROPIC_API_KEY where the worker runs."


@asynccontextmanager
async def recorder(answered: str = "400 Bad Request") -> AsyncIterator[tuple[str, list[str]]]:
    """Listen on loopback and keep the head of each request."""
    heads: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        end = "content-length: 0\r\nconnection: close\r\n\r\n"
        writer.write(f"HTTP/1.1 {answered}\r\n{end}".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads


@pytest.mark.usefixtures("no_credentials")
async def test_stored_credentials_never_go_to_loopback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stored = tmp_path / ".config/anthropic"
    for folder, content in (
        ("configs", {"authentication": {"type": "user_oauth"}}),
        ("credentials", {"type": "oauth_token", "access_token": "secret-on-disk"}),
    ):
        (stored / folder).mkdir(parents=True)
        (stored / folder / "default.json").write_text(json.dumps(content))
        (stored / folder / "default.json").chmod(0o600)
    async with recorder() as (url, heads):
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        async with anthropic.AsyncAnthropic(max_retries=0) as left_to_itself:
            with pytest.raises(anthropic.BadRequestError):
                await left_to_itself.models.list()
        await refused()
    theirs, ours = heads
    assert "secret-on-disk" in theirs
    assert "secret-on-disk" not in ours
    assert re.search(r"^(x-api-key|authorization): (bearer )?local\r$", ours, re.MULTILINE)


@pytest.mark.parametrize("variable", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
@pytest.mark.usefixtures("no_credentials")
async def test_key_from_the_environment_goes_to_the_configured_address(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "key-of-a-local-model")
    async with recorder() as (url, heads):
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        await refused()
    assert "key-of-a-local-model" in heads[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("variable", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
async def test_a_redirect_is_an_answer_that_the_key_does_not_follow(
    status: int, variable: str, monkeypatch: pytest.MonkeyPatch, no_credentials: None
) -> None:
    monkeypatch.setenv(variable, "key-of-mine")
    async with recorder() as (elsewhere, stolen):
        answer = f"{status} Moved\r\nlocation: {elsewhere}/v1/messages"
        async with recorder(answer) as (url, heads):
            monkeypatch.setenv("ANTHROPIC_BASE_URL", url.replace("//", "//ann:secret@"))
            error = await refused()
            with pytest.raises(ClassroomError) as said:
                await which_claude.reach(OwnClaude("127.0.0.1"))
    assert (len(heads), stolen) == (2, [])
    assert error.non_retryable
    assert error.message.startswith(f"127.0.0.1 answered {status} Moved. Set ANTHROPIC_BASE_URL")
    assert f"127.0.0.1 redirects to another address ({status})" in str(said.value)


@pytest.mark.parametrize(
    "url", ["http://ann:s3/cret@HOST", "http://HOST:s3cret", "http://ann:s3cret\n@HOST"]
)
async def test_a_base_url_that_is_none_is_said_without_quoting_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    error = await refused()
    assert (error.type, error.non_retryable) == ("invalid_base_url", True)
    assert "s3" not in f"{error!r} {error.__cause__!r}"


def set_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h", "socks4", "nonsense"])
async def test_loopback_calls_bypass_proxies(
    claude: OfflineClaude, monkeypatch: pytest.MonkeyPatch, host: str, scheme: str
) -> None:
    set_proxy(monkeypatch, f"{scheme}://127.0.0.1:{free_port(0)}")
    monkeypatch.setitem(sys.modules, "socksio", None)  # as where it isn't installed
    monkeypatch.setenv("ANTHROPIC_BASE_URL", claude.url.replace("127.0.0.1", host))
    reply = await ActivityEnvironment().run(call_claude, HELLO)
    assert reply.stop_reason == "end_turn"


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data.replace(b"claude.invalid", b"localhost"))  # its only names
        await writer.drain()
    writer.close()


@asynccontextmanager
async def socks_proxy(target: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Be a SOCKS5 proxy whose every way leads to this server; yield address and names asked for."""
    names: list[bytes] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")  # no password
        *_, length = await reader.readexactly(5)
        names.append(await reader.readexactly(length))
        await reader.readexactly(2)
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        url = urlsplit(target)
        back, there = await asyncio.open_connection(url.hostname, url.port)
        await asyncio.gather(relay(reader, there), relay(back, writer))
        await asyncio.gather(writer.wait_closed(), there.wait_closed())
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", names
        await asyncio.wait_for(ended.wait(), 20)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_calls_to_other_hosts_go_through_a_socks_proxy(
    claude: OfflineClaude, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    async with socks_proxy(claude.url) as (address, names):
        set_proxy(monkeypatch, f"{scheme}://{address}")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://claude.invalid")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "offline")
        reply = await ActivityEnvironment().run(call_claude, HELLO)
        await close_claude_client()
    assert reply.stop_reason == "end_turn"
    assert names == [b"claude.invalid"]


async def test_event_loop_has_one_client_until_it_is_closed(claude: OfflineClaude) -> None:
    client = claude_client()
    assert claude_client() is client

    async def other_loop() -> bool:
        try:
            return claude_client() is not client
        finally:
            await close_claude_client()

    assert await asyncio.to_thread(lambda: asyncio.run(other_loop()))
    await close_claude_client()
    await close_claude_client()
    assert client.is_closed()
    assert claude_client() is not client


async def test_worker_closes_the_client_when_it_ends(claude: OfflineClaude) -> None:
    async with desk() as running:
        await running.run(OneCall.run, HELLO)
        client = claude_client()
    assert client.is_closed()
    assert asyncio.get_running_loop() not in _clients
