"""Which Claude answers: the offline one, unless the environment names another.

`ANTHROPIC_API_KEY` (or `ANTHROPIC_AUTH_TOKEN`) means the real API, `ANTHROPIC_BASE_URL` any
server that speaks the Messages API, such as a local model's. `AGENTKIT_OFFLINE=1` means the
offline Claude whatever else is set; tests run so.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import offline_claude as offline
from agentkit.claude import claude_client, close_claude_client
from classroom.machine import locks, ports, processes
from classroom.machine.home import ClassroomError, home
from classroom.machine.waiting import wait_until
from offline_claude import Call, OfflineClaude
from offline_claude.client import CONTROL_VARIABLE

NAME = "offline-claude"
_EMBEDDED = "AGENTKIT_EMBEDDED_CLAUDE"
_STARTUP_SECONDS = 30
_LOCAL = ("localhost", "127.0.0.1", "::1")
WRITE_PROXIES = "Write its address as http://HOST:PORT or socks5://HOST:PORT"
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True)
class OwnClaude:
    """A Claude that the user brought: it has no call log and no faults on demand.

    Attributes:
        host: The server that answers.
    """

    host: str

    def slow(self, seconds: float, **on: object) -> None:
        """Do nothing: a real Claude takes its own time, more than a kill needs."""

    def fail(self, status: int, **on: object) -> None:
        """Do nothing: a real Claude fails when it does."""

    def reset(self) -> None:
        """Do nothing: nothing is kept here."""

    def calls(self) -> list[Call]:
        """Return no calls: only the offline Claude keeps a call log."""
        return []

    def answering(self) -> int:
        """Return 1: nobody sees when a call reaches a real Claude; it takes longer than that."""
        return 1


ClaudeInUse: TypeAlias = OfflineClaude | OwnClaude


def own_claude() -> OwnClaude | None:
    """Tell whether the user brings a Claude of their own.

    Returns:
        It, or None when the offline one is meant.

    Raises:
        ClassroomError: ANTHROPIC_BASE_URL isn't an address that the SDK can use.
    """
    if os.environ.get(_EMBEDDED) or os.environ.get("AGENTKIT_OFFLINE"):
        return None
    names = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL")
    if not any(map(os.environ.get, names)):
        return None
    return OwnClaude(_host_of(_base_url()))


async def ensure() -> ClaudeInUse:
    """Make sure that a Claude answers, and point this process's environment at it.

    Returns:
        The user's own Claude, once it has been reached and has taken the key; else the
        offline one, found or started.

    Raises:
        ClassroomError: It can't be reached or refuses the key, or the offline one doesn't
            start; the message says what to do.
    """
    own = own_claude()
    if own is not None:
        # In a loop of its own: the client of this one belongs to the lesson.
        await asyncio.to_thread(asyncio.run, reach(own))
        if own.host in _LOCAL:
            _leave_out_proxies()
        return own
    async with locks.exclusively():
        _stop_outdated()
        claude = find() or await _start()
    # The user's own credentials never go to a server that isn't the one they are for.
    for variable in [v for v in os.environ if v.startswith("ANTHROPIC_")]:
        del os.environ[variable]
    os.environ.update(
        {"ANTHROPIC_BASE_URL": claude.url, "ANTHROPIC_API_KEY": "offline", _EMBEDDED: "1"}
    )
    _leave_out_proxies()
    return claude


def find() -> OfflineClaude | None:
    """Find the running offline Claude, without starting it."""
    process = processes.find(NAME)
    return _client(process) if process is not None else None


def _client(process: processes.Background) -> OfflineClaude:
    return OfflineClaude(f"http://127.0.0.1:{process.details['port']}", process.details["token"])


async def _start() -> OfflineClaude:
    for _attempt in range(3):
        port, token = ports.free_port(0), secrets.token_urlsafe()
        process = processes.start(
            NAME,
            [
                sys.executable,
                "-m",
                "classroom",
                "offline",
                "--port",
                str(port),
                "--log",
                str(home() / "logs" / "calls.jsonl"),
            ],
            env={CONTROL_VARIABLE: token},
            details={"port": str(port), "token": token, "code": _code_version()},
        )
        claude = _client(process)
        try:
            if await asyncio.to_thread(_answers, claude.url, process):
                return claude
        except BaseException:
            process.kill()
            raise
        problem = process.log_tail(5)
        process.kill()
    raise ClassroomError(
        f"The offline Claude didn't start: {problem or 'it printed nothing'}\n"
        "Try it by itself to see why: .venv/bin/agentkit offline --port 0"
    )


def _stop_outdated() -> None:
    """Stop an offline Claude that runs other code than is on disk, as after a `git pull`."""
    process = processes.find(NAME)
    if process is not None and process.details.get("code") != _code_version():
        process.stop()


def _code_version() -> str:
    return str(max(f.stat().st_mtime_ns for f in Path(offline.__file__).parent.rglob("*.py")))


def proxies() -> dict[str, str]:
    """Read the environment's proxies: each variable that names one, and its address."""
    return {n: a for n, a in os.environ.items() if a and n.lower() in _PROXY_VARIABLES}


def usable(proxy: str) -> bool:
    """Tell whether the SDK can use a proxy; an address without a scheme is HTTP's."""
    scheme, separator, _ = proxy.partition("://")
    return not separator or scheme in ("http", "https", "socks5", "socks5h")


def _leave_out_proxies() -> None:
    """Keep a proxy in the environment from being asked for what runs on this machine."""
    for name, address in proxies().items():
        # The SDK makes a connection pool for each proxy, even for one that NO_PROXY leaves out.
        if not usable(address):
            del os.environ[name]
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*hosts, "127.0.0.1", "localhost"]))


def _answers(url: str, process: processes.Background) -> bool:
    """Wait until the offline Claude answers; False if it dies or takes too long."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def settled() -> bool:
        try:
            direct.open(f"{url}/healthz", timeout=5).close()
        except OSError:
            return not process.alive
        return True

    return wait_until(settled, timeout=_STARTUP_SECONDS) and process.alive


def _base_url() -> str:
    return os.environ.get("ANTHROPIC_BASE_URL") or "https://api.anthropic.com"


def _host_of(url: str) -> str:
    """Name the host of a base URL; the URL itself is never shown, for it may hold a password."""
    undo = "or use the offline Claude: unset ANTHROPIC_BASE_URL"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        raise ClassroomError(
            "ANTHROPIC_BASE_URL isn't an address. Write it as http://HOST:PORT or https://HOST, "
            f"{undo}"
        )
    if parts.path.rstrip("/").endswith("/v1"):
        raise ClassroomError(
            "ANTHROPIC_BASE_URL ends in /v1, which the SDK adds by itself. Leave it out, as in "
            f"http://{host}:PORT, {undo}"
        )
    return host


async def reach(own: OwnClaude) -> None:
    """Make sure that workers will reach the user's Claude: ask for its models with their client.

    Args:
        own: It, from `own_claude`.

    Raises:
        ClassroomError: It can't be reached or refuses the key. Any other answer will do.
    """
    import anthropic  # takes a second, and the offline Claude needs none of it here

    undo = (
        "or use the offline Claude: unset ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN "
        "ANTHROPIC_BASE_URL, and restart the kernel."
    )
    unusable = sorted({n.upper() for n, each in proxies().items() if not usable(each)})
    if unusable and own.host not in _LOCAL:
        raise ClassroomError(
            f"The SDK can't use the proxy in {', '.join(unusable)}. {WRITE_PROXIES}, or unset it"
        )
    try:
        await claude_client().models.with_raw_response.list(limit=1, timeout=10)
    except (anthropic.AuthenticationError, anthropic.PermissionDeniedError) as err:
        raise ClassroomError(
            f"{own.host} refuses the key ({err.status_code}). Check ANTHROPIC_API_KEY, {undo}"
        ) from None
    except anthropic.APIStatusError as err:
        if err.status_code < 400:
            raise ClassroomError(
                f"{own.host} redirects to another address ({err.status_code}), and no key is sent "
                f"on to that. Set ANTHROPIC_BASE_URL to it, if you trust it, {undo}"
            ) from None
    except anthropic.APIConnectionError:
        raise ClassroomError(
            f"Can't reach {own.host}. Check the network and ANTHROPIC_BASE_URL, {undo}"
        ) from None
    except TypeError:  # the SDK's way to say so
        raise ClassroomError(
            f"There is no key for {own.host}. Set ANTHROPIC_API_KEY, {undo}"
        ) from None
    finally:
        await close_claude_client()
