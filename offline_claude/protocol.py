"""One HTTP connection: uvicorn's, but half-closed, slow and silent clients are dealt with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from offline_claude import body
from offline_claude.errors import invalid
from offline_claude.reply import new_id

_SCOPE_KEY = "offline_claude.connection"


class Connection(H11Protocol):
    """A connection that never outlives its client for long.

    Attributes:
        half_closed: Set once the client won't send anything more.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.half_closed = asyncio.Event()
        self._idle: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._spare = 0
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope[_SCOPE_KEY] = self
            await inner(scope, receive, send)

        self.app = app

    @staticmethod
    def of(scope: MutableMapping[str, Any]) -> Connection:
        """Find the connection that a request came by.

        Args:
            scope: The request's ASGI scope.

        Returns:
            The connection.
        """
        connection: Connection = scope[_SCOPE_KEY]
        return connection

    @property
    def open_connections(self) -> int:
        """How many connections the server has, this one among them."""
        return len(self.connections)

    def drop(self) -> None:
        """End the connection as a crash would: without the end of what is being sent."""
        self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # noqa: D102
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102
        super().connection_lost(exc)
        for timer in (self._idle, self._stuck):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:  # noqa: D102
        if self._answered and self.conn.their_state is h11.SEND_BODY:
            self._spare += len(data)
            if self._spare > body.MOST_SPARE_BYTES:
                self.transport.abort()
                return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:  # noqa: D102
        super().on_response_complete()
        self._spare = 0
        self._watch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more; it may still wait for the answer to what it has sent."""
        self.half_closed.set()
        if self._answered or self.cycle.more_body:
            return False
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:  # noqa: D102
        super().pause_writing()
        self._stuck = self.loop.call_later(body.IDLE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:  # noqa: D102
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the API's shape."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        request_id = new_id("req")
        content = json.dumps(invalid(msg).body(request_id)).encode()
        headers = [
            *(("content-type", "application/json"), ("connection", "close")),
            ("request-id", request_id),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=content),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    @property
    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        """While no request is being answered, the client has to send something now and then."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._answered:
            self._idle = self.loop.call_later(body.IDLE_SECONDS, self.transport.abort)
