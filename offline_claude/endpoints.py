"""The paths that the server answers: the Messages API, and a few of its own for lessons."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from offline_claude import rules
from offline_claude.body import IN_THREAD_BYTES, read_body
from offline_claude.call_log import CallLog, describe
from offline_claude.delivery import deliver
from offline_claude.errors import ApiError, invalid
from offline_claude.faults import Fault, Faults
from offline_claude.headers import rate_limits
from offline_claude.mind import think
from offline_claude.models import find_model, page_of_models
from offline_claude.odd_replies import build_odd_reply
from offline_claude.prompt_cache import PromptCache, marked_prefixes
from offline_claude.reply import Thought, build_reply
from offline_claude.request import NEWEST_VERSION, Sent

VERSIONS = ("2023-01-01", "2023-06-01", NEWEST_VERSION)
"""The values of `anthropic-version` that the API takes."""

_THIS_MACHINE = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)

_FROM_A_BROWSER = "anthropic-dangerous-direct-browser-access"

_T = TypeVar("_T")


class Endpoints:
    """One offline Claude: its faults, its call log, and an answer for each path.

    Args:
        call_log_path: File to append calls to as JSON lines; None for memory only.
        token: What clients must send to control it.

    Attributes:
        stopping: Ends slow replies when it is set.
        connections: The server's open connections.
    """

    def __init__(self, call_log_path: Path | None, token: str) -> None:
        self._token = token.encode()
        self.log = CallLog(call_log_path)
        self.faults = Faults()
        self.cache = PromptCache()
        self.stopping = asyncio.Event()
        self.connections: Collection[object] = ()
        self._warm: asyncio.Event | None = None

    def admit(self, request: Request) -> None:
        """Refuse a request that isn't for this machine by name, and control by strangers.

        A web page whose own name points here (DNS rebinding) can't send another `Host`, and no
        page or other user knows the token.
        """
        sent = request.headers
        if not _THIS_MACHINE.fullmatch(", ".join(sent.getlist("host"))):
            raise ApiError(403, "The offline Claude only answers 127.0.0.1 and localhost.")
        if not request.scope["path"].startswith("/_offline"):
            return
        if "origin" in sent or "sec-fetch-site" in sent:
            raise ApiError(403, "No web page controls the offline Claude.")
        kind = sent.get("content-type", "").partition(";")[0].strip().lower()
        if request.method == "POST" and kind != "application/json":
            raise ApiError(415, "This takes application/json.")
        if not secrets.compare_digest(sent.get("x-offline-token", "").encode(), self._token):
            raise ApiError(403, "This takes the control token, as OfflineClaude(url, token).")

    async def messages(self, request: Request) -> Response:
        """`POST /v1/messages`: rules, mind, reply, perhaps a fault, delivery; all of it logged."""
        body = await read_body(request)
        ids = {"request_id": request.state.request_id, "input_bytes": body.size}
        call = self.log.start(**ids, **describe(body.value))
        finish = partial(self.log.finish, call)
        try:
            version, betas = _authenticated(request), _asks_for_betas(request)
            answer = partial(_answer, body.parsed(), version, betas)
            sent, thought = await self._work(body.size, answer)
            cache = self.cache.use(marked_prefixes(sent))
            reply = build_reply(sent, thought, cache)
            fault = self.faults.take(sent, reply)
            if fault is not None:
                await self._wait(request, fault.latency_seconds)
                fault.raise_error(stream=sent.stream)
                if fault.reply is not None:
                    reply = build_odd_reply(fault.reply, sent, thought, cache)
            return deliver(request, reply, fault, stream=sent.stream, finish=finish)
        except ClientDisconnect:
            finish("disconnected")
            raise
        except BaseException as err:
            # Also when the server is being stopped: no call stays "answering" forever.
            error = err if isinstance(err, ApiError) else ApiError(500, "Internal server error")
            size = len(JSONResponse(error.body(request.state.request_id)).body)
            finish("failed", status=error.status, error=error.type, output_bytes=size)
            raise

    def warm_up(self) -> asyncio.Event:
        """Start to import what checks requests, once; the event is set when it is done."""
        if self._warm is None:
            self._warm = done = asyncio.Event()
            loop = asyncio.get_running_loop()

            def load() -> None:
                try:
                    rules.load()
                finally:
                    # After a failure every request fails, and its traceback says why.
                    with suppress(RuntimeError):  # the server has been stopped meanwhile
                        loop.call_soon_threadsafe(done.set)

            threading.Thread(target=load, daemon=True).start()
        return self._warm

    async def _work(self, size: int, work: Callable[[], _T]) -> _T:
        """Work on a request; a large one in a thread, so that others needn't wait for it."""
        await self.warm_up().wait()
        try:
            return await asyncio.to_thread(work) if size > IN_THREAD_BYTES else work()
        except RecursionError:
            raise invalid("The request body is nested too deeply") from None

    async def _wait(self, request: Request, seconds: float) -> None:
        """Be slow, but not for a client that has gone, nor for a server that is being stopped."""
        if not seconds:
            return
        gone = asyncio.ensure_future(_disconnected(request))
        stop = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait([gone, stop], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if stop.done():
                raise ApiError(500, "The offline Claude is being stopped.")
            if gone.done():
                raise ClientDisconnect
        finally:
            gone.cancel()
            stop.cancel()

    async def count_tokens(self, request: Request) -> Response:
        """`POST /v1/messages/count_tokens`."""
        body = await read_body(request)
        version, betas = _authenticated(request), _asks_for_betas(request)
        count = partial(_count, body.parsed(), version, betas)
        tokens = await self._work(body.size, count)
        return JSONResponse({"input_tokens": tokens}, headers=rate_limits())

    async def models(self, request: Request) -> Response:
        """`GET /v1/models`, a page at a time."""
        _authenticated(request)
        return JSONResponse(page_of_models(request.query_params))

    async def model(self, request: Request) -> Response:
        """`GET /v1/models/{id}`."""
        _authenticated(request)
        return JSONResponse(find_model(request.path_params["model"]).info())

    async def healthz(self, _: Request) -> Response:
        """`GET /healthz`: that the server is up, under which pid, and how busy."""
        return JSONResponse(
            {
                "status": "ok",
                "name": "offline Claude",
                "pid": os.getpid(),
                "connections": len(self.connections),
                "tasks": len(asyncio.all_tasks()),
            }
        )

    async def add_fault(self, request: Request) -> Response:
        """`POST /_offline/faults`."""
        body = await read_body(request)
        self.faults.add(Fault.from_json(body.parsed()))
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


def _answer(value: object, version: str, betas: bool) -> tuple[Sent, Thought]:
    sent = rules.check(value, "messages", version=version, beta=betas)
    return sent, think(sent)


def _count(value: object, version: str, betas: bool) -> int:
    return rules.check(value, "count_tokens", version=version, beta=betas).input_tokens


def _authenticated(request: Request) -> str:
    """The API version of a request with a key: any but those that lessons use as wrong ones.

    The key is neither kept nor shown.
    """
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


def _asks_for_betas(request: Request) -> bool:
    return "anthropic-beta" in request.headers or request.query_params.get("beta") == "true"


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
