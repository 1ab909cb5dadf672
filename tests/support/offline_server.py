"""What the tests of the offline Claude share: its process, the SDK's client, a small shop."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from offline_claude import OfflineClaude

MODEL = "claude-sonnet-5-5"
TOKEN = "the token of these tests"
STORY = "Order 1042 arrived damaged. Please refund it and email me a confirmation."
SERVE = (
    "import sys; from pathlib import Path; from offline_claude import serve; "
    "serve(int(sys.argv[1]), Path(sys.argv[2]))"
)


def tool(name: str, required: dict[str, str], **optional: str) -> dict[str, Any]:
    properties = {k: {"type": v} for k, v in {**required, **optional}.items()}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"name": name, "description": name.replace("_", " "), "input_schema": schema}


SHOP = [
    tool("find_order", {"order_id": "integer"}),
    tool("track_shipment", {"order_id": "integer"}),
    tool("search_handbook", {"query": "string"}, limit="integer"),
    tool("refund", {"order_id": "integer", "amount": "number", "reason": "string"}),
    tool("send_email", {"to": "string", "subject": "string", "body": "string"}),
]
RESULTS: dict[str, Any] = {
    "find_order": {"order_id": 1042, "email": "ada@example.com", "total": 31.75, "currency": "EUR"},
    "track_shipment": {"status": "in transit", "last_seen": "Cork"},
    "search_handbook": [{"title": "Damaged books", "text": "A full refund, within 60 days."}],
    "refund": {"order_id": 1042, "amount": 31.75, "status": "refunded"},
    "send_email": {"status": "sent"},
}


@contextmanager
def running(log: Path, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-c", SERVE, str(port), str(log)]
    env = os.environ | {"OFFLINE_CLAUDE_TOKEN": TOKEN}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, "the server said no URL"
            yield found[0], process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def served(script: str, *arguments: str) -> Iterator[tuple[OfflineClaude, subprocess.Popen[str]]]:
    """A server started by a script of one's own."""
    command = [sys.executable, "-c", script, *arguments]
    pipe = subprocess.PIPE
    env = os.environ | {"OFFLINE_CLAUDE_TOKEN": TOKEN}
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=env) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, "the server said no URL"
            yield OfflineClaude(found[0], TOKEN), process
        finally:
            process.kill()


@pytest.fixture(scope="session")
def log_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("offline") / "calls.jsonl"


@pytest.fixture(scope="session")
def url(log_path: Path) -> Iterator[str]:
    with running(log_path) as (url, _):
        yield url


@pytest.fixture
def offline(url: str) -> OfflineClaude:
    claude = OfflineClaude(url, TOKEN)
    claude.reset()
    return claude


def sdk(url: str, api_key: str = "offline", **options: Any) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        base_url=url,
        api_key=api_key,
        max_retries=0,
        http_client=anthropic.DefaultAsyncHttpxClient(trust_env=False, verify=False),
        **options,
    )


async def ask(offline: OfflineClaude, messages: Any, **body: Any) -> anthropic.types.Message:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    async with sdk(offline.url) as claude:
        reply = await claude.messages.create(
            **{"model": MODEL, "max_tokens": 1024, "messages": messages, **body}
        )
    assert isinstance(reply, anthropic.types.Message)
    return reply


def raw(offline: OfflineClaude, body: Any, path: str = "/v1/messages", **headers: str) -> Any:
    """Send what the SDK wouldn't; header names with underscores."""
    sent = {"x-api-key": "offline", "anthropic-version": "2023-06-01"}
    if path.startswith("/_offline"):
        sent |= {"x-offline-token": TOKEN, "content-type": "application/json"}
    sent |= {k.replace("_", "-"): v for k, v in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with httpx2.Client(trust_env=False, verify=False, timeout=60) as client:
        return client.post(
            offline.url + path, content=content, headers={k: v for k, v in sent.items() if v}
        )


def calls_of(reply: anthropic.types.Message) -> list[tuple[str, dict[str, object]]]:
    return [(b.name, b.input) for b in reply.content if b.type == "tool_use"]


def text_of(reply: anthropic.types.Message) -> str:
    return "".join(b.text for b in reply.content if b.type == "text")


def http(body: object, method: str = "POST", path: str = "/v1/messages", **headers: str) -> bytes:
    """One request as it goes over the wire; header names with underscores."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"host": "localhost", "x_api_key": "offline", "anthropic_version": "2023-06-01"}
    sent |= {"content_length": str(len(content)), **headers}
    lines = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in sent.items() if v)
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + content


def connect(offline: OfflineClaude) -> socket.socket:
    host, port = offline.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def read_all(client: socket.socket) -> bytes:
    """Everything until the server closes."""
    return b"".join(iter(lambda: client.recv(65536), b""))


def statuses(answer: bytes) -> list[int]:
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


def error_of(response: httpx2.Response) -> dict[str, Any]:
    """The error, once its shape has been seen to be right."""
    body = response.json()
    assert body["type"] == "error"
    assert body["request_id"] == response.headers["request-id"]
    error: dict[str, Any] = body["error"]
    assert {*error} == {"type", "message", "details"}
    return error


def hello(**more: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 99, "messages": [HI], **more}


def health(offline: OfflineClaude) -> dict[str, Any]:
    with httpx2.Client(trust_env=False, verify=False, timeout=60) as client:
        found: dict[str, Any] = client.get(f"{offline.url}/healthz").json()
    return found


Conversation = list[dict[str, Any]]


def answered(
    conversation: Conversation, reply: anthropic.types.Message, errors: dict[str, str] | None = None
) -> Conversation:
    """The conversation with the reply, and a result for each tool it asks for."""
    results = []
    for block in reply.content:
        if block.type == "tool_use":
            error = (errors or {}).get(block.name)
            content = error or json.dumps(RESULTS[block.name])
            result = {"type": "tool_result", "tool_use_id": block.id, "content": content}
            results.append({**result, "is_error": True} if error else result)
    said = {"role": "assistant", "content": reply.to_dict(mode="json")["content"]}
    return [*conversation, said, {"role": "user", "content": results}]


def use(tool_use_id: str, **more: Any) -> dict[str, Any]:
    block = {"type": "tool_use", "id": tool_use_id, "name": "find_order", "input": {}, **more}
    return {"role": "assistant", "content": [block]}


def result(tool_use_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": tool_use_id, "content": "{}", **more}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


HI = user("Hello")
