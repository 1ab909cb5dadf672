"""The HTTP server: the app, and a process that serves it on 127.0.0.1."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from offline_claude.client import CONTROL_VARIABLE
from offline_claude.delivery import ConnectionCut
from offline_claude.endpoints import Endpoints
from offline_claude.errors import ApiError, OfflineClaudeError
from offline_claude.headers import ORGANIZATION
from offline_claude.reply import new_id

HOST = "127.0.0.1"

_MOST_HEADER_BYTES = 64 * 1024
_KEEP_ALIVE_SECONDS = 60

Handler = Callable[[Request], Awaitable[Response]]

_logger = logging.getLogger("uvicorn.error")

_CUT_OFF = "ASGI callable returned without completing response."
"""uvicorn's complaint about the connections that a fault cuts."""

_HERE = "/v1/messages, /v1/messages/count_tokens and /v1/models"

_ELSEWHERE = {
    "/v1/messages/batches": "message batches",
    "/v1/files": "files",
    "/v1/complete": "the old text completions",
    "/v1/skills": "skills",
    "/v1/agents": "managed agents",
    "/v1/sessions": "managed agents",
    "/v1/environments": "managed agents",
    "/v1/organizations": "the Admin API",
    "/v1/oauth": "OAuth",
}
"""Parts of the API that this server doesn't have, by path."""


def create_app(offline: Endpoints) -> Starlette:
    """Build the ASGI app that routes requests to endpoints."""
    handlers: dict[str, dict[str, Handler]] = {
        "/v1/messages": {"POST": offline.messages},
        "/v1/messages/count_tokens": {"POST": offline.count_tokens},
        "/v1/models": {"GET": offline.models},
        "/v1/models/{model}": {"GET": offline.model},
        "/healthz": {"GET": offline.healthz},
        "/_offline/faults": {"POST": offline.add_fault, "DELETE": offline.clear_faults},
        "/_offline/calls": {"GET": offline.calls, "DELETE": offline.clear_calls},
    }
    # `_Answer` takes every method and path: Starlette's own refusals don't have the API's shape.
    answer = partial(_Answer, offline.admit)
    app = Starlette(routes=[Route(path, answer(methods)) for path, methods in handlers.items()])
    app.router.redirect_slashes = False
    app.router.default = answer({})
    return app


class _Answer:
    """Answers requests for one path; every refusal and failure has the API's shape."""

    def __init__(self, admit: Callable[[Request], None], by_method: dict[str, Handler]) -> None:
        self._admit, self._by_method = admit, by_method

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        response = await self.respond(request)
        # uvicorn closes the connection of a response that isn't complete.
        with contextlib.suppress(ConnectionCut):
            await response(scope, receive, send)

    async def respond(self, request: Request) -> Response:
        request.state.request_id = request_id = new_id("req")
        try:
            self._admit(request)
            response = await self._handler(request)(request)
        except ApiError as err:
            response = _refused(err, request_id)
        except ClientDisconnect:
            response = _refused(ApiError(499, "Client closed request"), request_id)
        except Exception:
            _logger.exception("The offline Claude broke at %s %s", request.method, request.url.path)
            response = _refused(ApiError(500, "Internal server error"), request_id)
        response.headers["request-id"] = request_id
        if response.status_code != 401:
            for name, value in ORGANIZATION.items():
                response.headers.setdefault(name, value)
        return response

    def _handler(self, request: Request) -> Handler:
        if handler := self._by_method.get(request.method):
            return handler
        if self._by_method:
            allow = {"allow": ", ".join(self._by_method)}
            raise ApiError(405, "Method Not Allowed", headers=allow)
        path = request.url.path
        for start, what in _ELSEWHERE.items():
            if path == start or path.startswith(f"{start}/"):
                raise ApiError(404, f"The offline Claude doesn't do {what}. It does {_HERE}.")
        raise ApiError(404, "Not Found")


def _refused(err: ApiError, request_id: str) -> Response:
    retry = err.status in (408, 409, 429) or err.status >= 500
    headers = {"x-should-retry": str(retry).lower(), **err.headers}
    return JSONResponse(err.body(request_id), err.status, headers)


class _Server(uvicorn.Server):
    """A uvicorn server that prints a greeting, and stops at once and cleanly on a signal."""

    def __init__(self, config: uvicorn.Config, offline: Endpoints, greeting: str) -> None:
        super().__init__(config)
        self._offline = offline
        self._offline.connections = self.server_state.connections
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._offline.warm_up()
        sys.stdout.write(f"{self._greeting}\n")
        sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._offline.stopping.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again when it is done, so that a clean stop would look like
        # a crash to the parent process.
        before = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(port: int, call_log_path: Path | None = None) -> None:
    """Run the offline Claude in the foreground; see `offline_claude.serve`."""
    listener = _listen(port)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    greeting = f"The offline Claude listens on {url} (Ctrl-C stops it)"
    if not (token := os.environ.get(CONTROL_VARIABLE, "")):
        token = secrets.token_urlsafe()
        greeting += f" and takes the control token {token}"
    offline = Endpoints(call_log_path, token)
    config = uvicorn.Config(
        create_app(offline),
        lifespan="off",
        ws="none",
        loop="asyncio",
        http="h11",
        h11_max_incomplete_event_size=_MOST_HEADER_BYTES,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    _logger.addFilter(lambda record: record.msg != _CUT_OFF)
    with listener:
        _Server(config, offline, greeting).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only if the protocol is explicit; else replies wait 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(2048)
    except (OSError, OverflowError) as err:
        listener.close()
        taken = isinstance(err, OSError) and err.errno == errno.EADDRINUSE
        reason = "something else already listens there" if taken else str(err)
        raise OfflineClaudeError(
            f"The offline Claude can't use port {port}: {reason}. Choose another one, for "
            "example: python -m offline_claude --port 0 (finds a free one)."
        ) from None
    return listener
