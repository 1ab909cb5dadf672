"""The paths that the server answers: the Messages API, and a few of its own for lessons."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from agentkit.classroom.offline.brain import think
from agentkit.classroom.offline.call_log import Call, CallLog
from agentkit.classroom.offline.errors import ApiError, invalid
from agentkit.classroom.offline.faults import Fault, Faults
from agentkit.classroom.offline.models import MODEL_IDS, model_info
from agentkit.classroom.offline.reply import build_message, events
from agentkit.classroom.offline.request import question_index, read_messages, turn_of
from agentkit.classroom.offline.rules import check, check_count

MOST_BYTES = 32 * 1024 * 1024
"""The largest request that the API takes."""


class Endpoints:
    """One offline Claude: its faults, its call log, and an answer for each path.

    Args:
        call_log_path: File to which calls are appended as JSON lines; None keeps them in memory.

    Attributes:
        stopping: Ends slow replies when it is set.
    """

    def __init__(self, call_log_path: Path | None) -> None:
        self.log = CallLog(call_log_path)
        self.faults = Faults()
        self.stopping = asyncio.Event()

    async def messages(self, request: Request) -> Response:
        """`POST /v1/messages`: log, check, perhaps a fault, then the reply."""
        raw = await request.body()
        body, unreadable = _parse(raw)
        conversation = read_messages(body)
        call = self.log.start(
            turn=turn_of(conversation),
            messages=len(conversation),
            model=_text(body.get("model")) if isinstance(body, dict) else None,
            question=_question(conversation),
            input_bytes=len(raw),
        )
        try:
            _authenticate(request)
            if unreadable:
                raise unreadable
            checked = check(body)
            if (fault := self.faults.take(call.turn)) is not None:
                await self._wait(request, fault.latency_seconds)
                if (error := fault.error()) is not None:
                    raise error
            message = build_message(checked, think(checked))
        except ClientDisconnect:
            self.log.finish(call, "disconnected")
            return Response(status_code=499)
        except BaseException as err:
            # Also when the server is told to stop: no call stays "answering" for ever.
            self.log.finish(call, "failed", status=err.status if isinstance(err, ApiError) else 500)
            raise
        done = {
            "status": 200,
            "stop_reason": message["stop_reason"],
            "tools": tuple(b["name"] for b in message["content"] if b["type"] == "tool_use"),
        }
        if checked.stream:
            headers = {**_rate_limits(), "cache-control": "no-cache"}
            stream = self._stream(call, done, list(events(message)))
            return StreamingResponse(stream, media_type="text/event-stream", headers=headers)
        self.log.finish(call, "answered", **done)
        return JSONResponse(message, headers=_rate_limits())

    async def _stream(
        self, call: Call, done: dict[str, Any], parts: list[bytes]
    ) -> AsyncIterator[bytes]:
        told = False
        try:
            for part in parts[:-1]:
                yield part
                await asyncio.sleep(0)
            # Before the last event leaves: whoever has read it finds the call in the log as over.
            told = True
            self.log.finish(call, "answered", **done)
            yield parts[-1]
        finally:
            if not told:
                self.log.finish(call, "disconnected", status=200)

    async def _wait(self, request: Request, seconds: float) -> None:
        """Be slow, but notice when nobody waits any more."""
        if not seconds:
            return
        gone = asyncio.ensure_future(_disconnected(request))
        stop = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({gone, stop}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise ClientDisconnect
            if stop.done():
                raise ApiError(500, "The offline Claude is being stopped.")
        finally:
            gone.cancel()
            stop.cancel()

    async def count_tokens(self, request: Request) -> Response:
        """`POST /v1/messages/count_tokens`."""
        body, unreadable = _parse(await request.body())
        _authenticate(request)
        if unreadable:
            raise unreadable
        return JSONResponse({"input_tokens": check_count(body)}, headers=_rate_limits())

    async def models(self, request: Request) -> Response:
        """`GET /v1/models`, all on one page."""
        _authenticate(request)
        data = [model_info(m) for m in MODEL_IDS]
        page = {"first_id": MODEL_IDS[0], "last_id": MODEL_IDS[-1], "has_more": False}
        return JSONResponse({"data": data, **page})

    async def model(self, request: Request) -> Response:
        """`GET /v1/models/{id}`."""
        _authenticate(request)
        return JSONResponse(model_info(request.path_params["model"]))

    async def healthz(self, _: Request) -> Response:
        """`GET /healthz`: whether it is up, and under which pid."""
        return JSONResponse({"status": "ok", "name": "offline Claude", "pid": os.getpid()})

    async def add_fault(self, request: Request) -> Response:
        """`POST /_offline/faults`."""
        body, unreadable = _parse(await request.body())
        if unreadable:
            raise unreadable
        self.faults.add(Fault.from_json(body))
        return JSONResponse({"added": True})

    async def clear_faults(self, _: Request) -> Response:
        """`DELETE /_offline/faults`."""
        self.faults.clear()
        return JSONResponse({"cleared": True})

    async def calls(self, _: Request) -> Response:
        """`GET /_offline/calls`: the call log."""
        return JSONResponse({"calls": self.log.entries()})

    async def clear_calls(self, _: Request) -> Response:
        """`DELETE /_offline/calls`."""
        self.log.clear()
        return JSONResponse({"cleared": True})


def _authenticate(request: Request) -> None:
    """Take any key, but those that lessons use as wrong ones; it is neither kept nor shown."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = request.headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
    if not key:
        raise ApiError(401, "x-api-key header is required")
    if key == "invalid" or key.startswith("wrong"):
        raise ApiError(401, "invalid x-api-key")
    if "anthropic-version" not in request.headers:
        raise invalid("anthropic-version: header is required")


def _parse(raw: bytes) -> tuple[Any, ApiError | None]:
    if len(raw) > MOST_BYTES:
        return None, ApiError(413, "Request exceeds the maximum size")
    try:
        body = json.loads(raw, parse_constant=_no_constant)
        if b"\\ud" in raw.lower():
            # Half a surrogate pair parses, but is no text that could be sent on.
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as err:
        reason = err.msg if isinstance(err, json.JSONDecodeError) else "it can't be read"
        return None, invalid(f"The request body is not valid JSON: {reason}")
    return body, None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _text(value: object) -> str | None:
    return value[:80] if isinstance(value, str) else None


def _question(conversation: list[Any]) -> str:
    return str(conversation[question_index(conversation)].text[:80]) if conversation else ""


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _rate_limits() -> dict[str, str]:
    """Limits as the API shows them; here nothing is ever used up."""
    reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    headers: dict[str, str] = {}
    for kind, limit in (
        *(("requests", 4_000), ("tokens", 2_400_000)),
        *(("input-tokens", 2_000_000), ("output-tokens", 400_000)),
    ):
        values = {"limit": limit, "remaining": limit, "reset": reset}
        headers |= {f"anthropic-ratelimit-{kind}-{k}": str(v) for k, v in values.items()}
    return headers
