"""How reviewers are told: a file, a webhook; what fails shows, and secrets stay secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from agentkit import ToolCall
from agentkit.approvals import FileNotifier
from agentkit.approvals.notify import WebhookNotifier
from agentkit.approvals.requests import Notice
from tests.agentkit.test_approval_signatures import request
from tests.support.conditions import closed_port
from tests.support.gates import audit, bank, paying, pending, world
from tests.support.terminals import HOSTILE, hidden

NOTICE = Notice("asked", ["ann"], request())
SECRET = "Bearer never-to-be-seen"


@dataclass
class Hook:
    """A webhook on loopback that answers as it is told."""

    url: str
    status: int = 200
    location: str = ""
    calls: list[tuple[dict[str, str], Any]] = field(default_factory=list)


@contextmanager
def webhook() -> Iterator[Hook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            hook.calls.append((dict(self.headers), json.loads(body or b"null")))
            self.send_response(hook.status)
            if hook.location:
                self.send_header("Location", hook.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        hook = Hook(f"http://127.0.0.1:{server.server_port}/hook")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()


async def test_file_notifier_writes_each_notice_as_a_line(tmp_path: Path) -> None:
    inbox = FileNotifier(tmp_path / "new" / "inbox.jsonl")
    assert inbox.notices() == []
    await inbox(NOTICE)
    await inbox(Notice("reminded", [], request(call=ToolCall("toolu_2", "pay", {}))))
    first, second = inbox.notices()
    assert first == NOTICE
    assert (second.kind, second.request.id) == ("reminded", "toolu_2")


async def test_webhook_receives_notice_and_configured_headers() -> None:
    with webhook() as hook:
        await WebhookNotifier(hook.url, {"Authorization": SECRET})(NOTICE)
    ((headers, body),) = hook.calls
    assert headers["Authorization"] == SECRET
    assert body["text"] == "pay waits for ann until 2026-01-02 03:04 UTC (asked): over 50"
    assert body["notice"]["request"]["call"]["input"]["text"] == "Grüße, 日本, \U0001f4da"


async def test_webhook_text_is_one_line_without_anything_invisible() -> None:
    notice = Notice("asked", ["ann"], request(why=HOSTILE))
    with webhook() as hook:
        await WebhookNotifier(hook.url)(notice)
    ((_, body),) = hook.calls
    assert hidden(body["text"]) == ""
    assert body["notice"]["request"]["why"] == HOSTILE


@pytest.mark.parametrize(
    ("status", "final"), [(400, True), (404, True), (408, False), (429, False), (503, False)]
)
async def test_only_statuses_that_may_pass_are_retried(status: int, final: bool) -> None:
    with webhook() as hook:
        hook.status = status
        with pytest.raises(ApplicationError, match=f"The webhook answered {status}") as failed:
            await WebhookNotifier(hook.url, {"Authorization": SECRET})(NOTICE)
    assert failed.value.non_retryable is final


async def test_webhook_redirect_is_not_followed() -> None:
    with webhook() as hook, webhook() as elsewhere:
        hook.status, hook.location = 302, elsewhere.url
        with pytest.raises(ApplicationError, match="answered 302"):
            await WebhookNotifier(hook.url, {"Authorization": SECRET})(NOTICE)
    assert elsewhere.calls == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/token-1234", "token-1234", "http://[x"])
async def test_unreachable_webhook_error_quotes_no_secret(url: str) -> None:
    notifier = WebhookNotifier(url.format(port=closed_port()), {"Authorization": SECRET})
    with pytest.raises(ApplicationError, match="can't be reached") as failed:
        await notifier(NOTICE)
    assert "token-1234" not in str(failed.value)
    assert failed.value.__cause__ is None


async def test_failing_webhook_shows_in_audit_and_history_has_no_secret() -> None:
    with webhook() as hook:
        hook.status = 404
        notifier = WebhookNotifier(f"{hook.url}?token-1234", {"Authorization": SECRET})
        async with bank() as desk:
            world.notifier = notifier
            run = await desk.start(paying(80.0))
            await pending(run)
            while not [e for e in await audit(run) if e.event == "not notified"]:
                pass
            await run.result()
            stored = "".join(str(e) for e in (await run.fetch_history()).events)
    assert "The webhook answered 404" in stored
    assert SECRET not in stored
    assert "token-1234" not in stored
    asked = [body for _, body in hook.calls if body["notice"]["kind"] == "asked"]
    assert len(asked) == 1, "404 is final"
