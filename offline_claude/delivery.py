"""How a reply leaves: whole, as a stream, or broken off by a fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from offline_claude.faults import Fault
from offline_claude.headers import rate_limits
from offline_claude.reply import Reply
from offline_claude.stream import error_event, events

Finish = Callable[..., None]
"""Logs the end of a call: its state, and fields of `Call`."""

End = dict[str, Any]
"""How a call is logged: fields of `Call`."""

_CUT: End = {"state": "failed", "status": 200, "error": "connection_cut"}


class ConnectionCut(Exception):
    """Ends a response in the middle, and its connection with it."""


def deliver(
    request: Request, reply: Reply, fault: Fault | None, *, stream: bool, finish: Finish
) -> Response:
    """Build the response that carries a reply.

    Args:
        request: The request.
        reply: The reply.
        fault: What goes wrong on the way, if anything.
        stream: Whether to send events.
        finish: Called when the call is over, before the client can know.

    Returns:
        The response; it logs the call when it is sent.
    """
    headers = rate_limits(reply.usage["input_tokens"], reply.usage["output_tokens"])
    headers |= fault.headers if fault else {}
    if stream:
        parts, end = _as_events(reply, fault, request.state.request_id)
        cut = fault is not None and fault.cut_after is not None and fault.abruptly
        headers = {"cache-control": "no-cache", **headers}
        return StreamingResponse(
            _send(parts, end, cut, finish), media_type="text/event-stream", headers=headers
        )
    content = json.dumps(reply.message, ensure_ascii=False, separators=(",", ":")).encode()
    if fault is None or fault.cut_after is None:
        finish(**_answered(reply), output_bytes=len(content))
        return Response(content, media_type="application/json", headers=headers)
    half = [content[: len(content) // 2]] if fault.cut_after else []
    headers = {**headers, "content-length": str(len(content))}
    return StreamingResponse(
        _send(half, _CUT, True, finish), media_type="application/json", headers=headers
    )


def _as_events(reply: Reply, fault: Fault | None, request_id: str) -> tuple[list[bytes], End]:
    parts = list(events(reply))
    read = {"input_tokens": reply.usage["input_tokens"]}
    # However late a fault is due, the end of the stream is never reached.
    if fault is not None and fault.error_after is not None:
        error = fault.error_in_stream()
        end = {"state": "failed", "status": 200, "error": error.type, **read}
        return [*parts[:-1][: fault.error_after], error_event(error, request_id)], end
    if fault is not None and fault.cut_after is not None:
        return parts[:-1][: fault.cut_after], {**_CUT, **read}
    return parts, _answered(reply)


def _answered(reply: Reply) -> End:
    return {
        "state": "answered",
        "status": 200,
        "stop_reason": reply.message["stop_reason"],
        "tools": reply.tools,
        "input_tokens": reply.usage["input_tokens"],
        "output_tokens": reply.usage["output_tokens"],
    }


async def _send(parts: list[bytes], end: End, cut: bool, finish: Finish) -> AsyncIterator[bytes]:
    logged = False
    try:
        for part in parts[:-1]:
            yield part
            # Let other calls have their turn; and without it a stream would leave in one go.
            await asyncio.sleep(0)
        # Before the last part leaves: a client that has read it finds the call logged as over.
        logged = True
        finish(**end, output_bytes=sum(map(len, parts)))
        for part in parts[-1:]:
            yield part
        if cut:
            raise ConnectionCut
    finally:
        if not logged:
            finish("disconnected", status=200)
