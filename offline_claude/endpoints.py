"""The paths that the server answers: the Messages API, and a few of its own for lessons."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from offline_claude import schemas, shapes
from offline_claude.body import IN_THREAD_BYTES, Body, read_body
from offline_claude.call_log import Call, CallLog
from offline_claude.check import check_count_tokens, check_messages
from offline_claude.delivery import deliver
from offline_claude.errors import ApiError, invalid
from offline_claude.faults import Fault, Faults
from offline_claude.headers import rate_limits
from offline_claude.mind import think
from offline_claude.model_pages import page_of_models
from offline_claude.models import find_model
from offline_claude.odd_replies import build_odd_reply
from offline_claude.prompt_cache import PromptCache
from offline_claude.protocol import Connection
from offline_claude.reply import Reply, Thought, build_reply
from offline_claude.request import (
    Message,
    MessagesRequest,
    question_index,
    read_messages,
    text_of,
    turn_of,
)

VERSIONS = ("2023-01-01", "2023-06-01", "2026-10-21")
"""What the API takes as `anthropic-version`."""

_FROM_A_BROWSER = "anthropic-dangerous-direct-browser-access"

_T = TypeVar("_T")


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
        self.cache = PromptCache()
        self.stopping = asyncio.Event()
        self._warm = asyncio.Event()
        self._warming = False

    async def messages(self, request: Request) -> Response:
        """`POST /v1/messages`: log, check, perhaps a fault, then the reply."""
        body = await read_body(request)
        conversation = read_messages(body.value)
        question = _question(conversation)
        fields = body.value if isinstance(body.value, dict) else {}
        call = self.log.start(
            request_id=request.state.request_id,
            turn=turn_of(conversation),
            messages=len(conversation),
            model=_text(fields.get("model")),
            question=question[:80],
            system=text_of(fields.get("system"))[:80],
            offered=_names(fields.get("tools")),
            stream=fields.get("stream") is True,
            input_bytes=body.size,
        )
        finish = partial(self.log.finish, call)
        try:
            version = _authenticate(request)
            think_it_over = partial(_think, body, version, _beta(request))
            checked, thought = await self._work(body, think_it_over)
            reply, fault = await self._reply(request, call, question, checked, thought)
            return deliver(request, reply, fault, stream=checked.stream, finish=finish)
        except ClientDisconnect:
            finish("disconnected")
            raise
        except BaseException as err:
            # Also when the server is told to stop: no call stays "answering" for ever.
            error = err if isinstance(err, ApiError) else ApiError(500, "Internal server error")
            size = len(JSONResponse(error.body(request.state.request_id)).body)
            finish("failed", status=error.status, error=error.type, output_bytes=size)
            raise

    def warm_up(self) -> None:
        """Start to import what checks requests: it takes a second or three, once."""
        if self._warming:
            return
        self._warming = True
        loop = asyncio.get_running_loop()

        def import_them() -> None:
            try:
                shapes.load()
                schemas.load()
            finally:
                # If that failed, so will every request, and say why.
                with suppress(RuntimeError):  # The server has been stopped meanwhile.
                    loop.call_soon_threadsafe(self._warm.set)

        threading.Thread(target=import_them, daemon=True).start()

    async def _work(self, body: Body, work: Callable[[], _T]) -> _T:
        """Work on a request; on a large one in a thread, so that others needn't wait for it."""
        self.warm_up()
        if not self._warm.is_set():
            await self._any_of(self._warm.wait())
        try:
            return await asyncio.to_thread(work) if body.size > IN_THREAD_BYTES else work()
        except RecursionError:
            raise invalid("The request body is nested too deeply") from None

    async def _reply(
        self,
        request: Request,
        call: Call,
        question: str,
        checked: MessagesRequest,
        thought: Thought,
    ) -> tuple[Reply, Fault | None]:
        checked = replace(checked, cache=self.cache.use(checked.prefixes))
        reply = build_reply(checked, thought)
        asks_for_tool = reply.message["stop_reason"] == "tool_use"
        fault = self.faults.take(
            turn=call.turn, question=question, model=checked.model, asks_for_tool=asks_for_tool
        )
        if fault is None:
            return reply, None
        await self._wait(request, fault.latency_seconds)
        if (error := fault.error()) is not None:
            raise error
        if fault.error_after is not None and not checked.stream:
            raise fault.error_in_stream()
        if fault.reply is not None:
            reply = build_odd_reply(fault.reply, checked, thought)
        return reply, fault

    async def _wait(self, request: Request, seconds: float) -> None:
        """Be slow, but notice when nobody waits any more."""
        if not seconds:
            return
        # A client that was killed looks like one that has only stopped sending.
        half_closed = Connection.of(request.scope).half_closed.wait()
        if await self._any_of(_disconnected(request), half_closed, seconds=seconds):
            raise ClientDisconnect

    async def _any_of(self, *happens: Awaitable[object], seconds: float | None = None) -> bool:
        """Wait for the first of several things, and tell whether there was one in time."""
        stop = asyncio.ensure_future(self.stopping.wait())
        tasks = [*map(asyncio.ensure_future, happens), stop]
        try:
            first = asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=first)
        finally:
            for task in tasks:
                task.cancel()
        if stop in done:
            raise ApiError(500, "The offline Claude is being stopped.")
        return bool(done)

    async def count_tokens(self, request: Request) -> Response:
        """`POST /v1/messages/count_tokens`."""
        body = await read_body(request)
        version = _authenticate(request)
        if body.error:
            raise body.error
        count = partial(check_count_tokens, body.value, version=version, beta=_beta(request))
        return JSONResponse({"input_tokens": await self._work(body, count)}, headers=rate_limits())

    async def models(self, request: Request) -> Response:
        """`GET /v1/models`, a page at a time."""
        _authenticate(request)
        return JSONResponse(page_of_models(request.query_params))

    async def model(self, request: Request) -> Response:
        """`GET /v1/models/{id}`."""
        _authenticate(request)
        return JSONResponse(find_model(request.path_params["model"]).info())

    async def healthz(self, request: Request) -> Response:
        """`GET /healthz`: whether it is up, under which pid, and how busy."""
        return JSONResponse(
            {
                "status": "ok",
                "name": "offline Claude",
                "pid": os.getpid(),
                "connections": Connection.of(request.scope).open_connections,
                "tasks": len(asyncio.all_tasks()),
            }
        )

    async def add_fault(self, request: Request) -> Response:
        """`POST /_offline/faults`."""
        body = await read_body(request)
        if body.error:
            raise body.error
        self.faults.add(Fault.from_json(body.value))
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


def _authenticate(request: Request) -> str:
    """Take any key, but those that lessons use as wrong ones; it is neither kept nor shown."""
    key = request.headers.get("x-api-key", "")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    if not key and not bearer:
        raise ApiError(401, "x-api-key header is required")
    if _is_wrong(key):
        raise ApiError(401, "invalid x-api-key")
    if not key and _is_wrong(bearer):
        visible = {"error_visibility": "user_facing"}
        raise ApiError(401, "Invalid bearer token", details=visible)
    if "origin" in request.headers and request.headers.get(_FROM_A_BROWSER) != "true":
        raise ApiError(401, f"CORS requests must set '{_FROM_A_BROWSER}' header")
    version = request.headers.get("anthropic-version")
    if version is None:
        raise invalid("anthropic-version: header is required")
    if version not in VERSIONS:
        raise invalid(f'anthropic-version: "{version[:80]}" is not a valid version')
    return version


def _is_wrong(key: str) -> bool:
    return key == "invalid" or key.startswith("wrong")


def _beta(request: Request) -> bool:
    return "anthropic-beta" in request.headers or request.query_params.get("beta") == "true"


def _think(body: Body, version: str, beta: bool) -> tuple[MessagesRequest, Thought]:
    if body.error:
        raise body.error
    checked = check_messages(body.value, version=version, beta=beta)
    return checked, think(checked)


def _text(value: object) -> str | None:
    return value[:80] if isinstance(value, str) else None


def _names(tools: object) -> tuple[str, ...]:
    listed = tools if isinstance(tools, list) else []
    return tuple(str(tool.get("name", "")) for tool in listed[:100] if isinstance(tool, dict))


def _question(conversation: list[Message]) -> str:
    return conversation[question_index(conversation)].text if conversation else ""


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
