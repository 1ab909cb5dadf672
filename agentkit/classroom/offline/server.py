"""The HTTP server: the app, and a process that serves it on 127.0.0.1."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentkit.classroom.home import ClassroomError
from agentkit.classroom.offline.endpoints import Endpoints
from agentkit.classroom.offline.errors import ApiError
from agentkit.classroom.offline.reply import new_id

HOST = "127.0.0.1"

Handler = Callable[[Request], Awaitable[Response]]


def create_app(call_log_path: Path | None = None) -> Starlette:
    """Build the offline Claude as an ASGI app.

    Args:
        call_log_path: File to which calls are appended as JSON lines; None keeps them in memory.

    Returns:
        The app. `app.state.stopping` is an event that ends slow replies when it is set.
    """
    offline = Endpoints(call_log_path)
    routes: list[tuple[str, str, Handler]] = [
        ("POST", "/v1/messages", offline.messages),
        ("POST", "/v1/messages/count_tokens", offline.count_tokens),
        ("GET", "/v1/models", offline.models),
        ("GET", "/v1/models/{model}", offline.model),
        ("GET", "/healthz", offline.healthz),
        ("POST", "/_offline/faults", offline.add_fault),
        ("DELETE", "/_offline/faults", offline.clear_faults),
        ("GET", "/_offline/calls", offline.calls),
        ("DELETE", "/_offline/calls", offline.clear_calls),
    ]
    app = Starlette(
        routes=[Route(path, _with_request_id(h), methods=[m]) for m, path, h in routes],
        exception_handlers={HTTPException: _no_such_path, Exception: _broken},
    )
    app.state.stopping = offline.stopping
    return app


def _with_request_id(handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        request_id = new_id("req")
        try:
            response = await handler(request)
        except ApiError as err:
            response = JSONResponse(err.body(request_id), err.status, err.headers)
        response.headers["request-id"] = request_id
        return response

    return answer


async def _no_such_path(_: Request, err: Exception) -> Response:
    status = err.status_code if isinstance(err, HTTPException) else 404
    return _error(ApiError(status, {404: "Not Found"}.get(status, "Method Not Allowed")))


async def _broken(_: Request, err: Exception) -> Response:  # noqa: ARG001 - starlette's signature
    return _error(ApiError(500, "Internal server error"))


def _error(err: ApiError) -> Response:
    request_id = new_id("req")
    return JSONResponse(err.body(request_id), err.status, {"request-id": request_id})


class _Server(uvicorn.Server):
    """uvicorn, but it says where it listens, and stops at once and cleanly on a signal."""

    def __init__(self, config: uvicorn.Config, app: Starlette, url: str) -> None:
        super().__init__(config)
        self._app = app
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"The offline Claude listens on {self._url} (Ctrl-C stops it)\n")
        sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.stopping.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again when it is done, so that a clean stop would
        # look like a crash to whoever started this process.
        before = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(port: int, call_log_path: Path | None = None) -> None:
    """Run the offline Claude in the foreground, until Ctrl-C or SIGTERM.

    Args:
        port: Port on 127.0.0.1; 0 finds a free one. The line it prints says which.
        call_log_path: File to which calls are appended as JSON lines.

    Raises:
        ClassroomError: The port can't be used.
    """
    listener = _listen(port)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    app = create_app(call_log_path)
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        loop="asyncio",
        http="h11",
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    with listener:
        _Server(config, app, url).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(2048)
    except (OSError, OverflowError) as err:
        listener.close()
        taken = isinstance(err, OSError) and err.errno == errno.EADDRINUSE
        reason = "something else already listens there" if taken else str(err)
        raise ClassroomError(
            f"The offline Claude can't use port {port}: {reason}. Choose another one, for "
            "example: python -m agentkit offline --port 0 (finds a free one)."
        ) from None
    return listener
