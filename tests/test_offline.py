"""The offline Claude over real HTTP, with the real SDK, in a process of its own."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import anthropic
import httpx2
import pytest
from anthropic.types.model_param import ModelParam

from agentkit.classroom.home import ClassroomError
from agentkit.classroom.offline import OfflineClaude
from agentkit.classroom.offline.models import MODEL_IDS

MODEL = "claude-sonnet-5-5"
STORY = "Order 1042 arrived damaged. Please refund it and email me a confirmation."
SERVE = (
    "import sys; from pathlib import Path; from agentkit.classroom.offline import serve; "
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
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
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


@pytest.fixture(scope="module")
def log_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("offline") / "calls.jsonl"


@pytest.fixture(scope="module")
def url(log_path: Path) -> Iterator[str]:
    with running(log_path) as (url, _):
        yield url


@pytest.fixture
def offline(url: str) -> OfflineClaude:
    claude = OfflineClaude(url)
    claude.reset()
    return claude


def sdk(url: str, api_key: str = "offline", **options: Any) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        base_url=url,
        api_key=api_key,
        max_retries=0,
        http_client=anthropic.DefaultAsyncHttpxClient(trust_env=False),
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
    sent |= {k.replace("_", "-"): v for k, v in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with httpx2.Client(trust_env=False) as client:
        return client.post(
            offline.url + path, content=content, headers={k: v for k, v in sent.items() if v}
        )


def calls_of(reply: anthropic.types.Message) -> list[tuple[str, dict[str, object]]]:
    return [(b.name, b.input) for b in reply.content if b.type == "tool_use"]


def text_of(reply: anthropic.types.Message) -> str:
    return "".join(b.text for b in reply.content if b.type == "text")


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


async def test_the_story_looks_up_refunds_writes_and_answers(offline: OfflineClaude) -> None:
    conversation: Conversation = [{"role": "user", "content": STORY}]
    asked = []
    while (reply := await ask(offline, conversation, tools=SHOP)).stop_reason == "tool_use":
        asked.append(calls_of(reply))
        conversation = answered(conversation, reply)
    first, second, third = asked
    assert first == [
        ("find_order", {"order_id": 1042}),
        ("search_handbook", {"query": "refund damaged"}),
    ]
    refund = {"order_id": 1042, "amount": 31.75, "reason": "arrived damaged"}
    assert second == [("refund", refund)]
    [(name, letter)] = third
    assert (name, letter["to"]) == ("send_email", "ada@example.com")
    assert "31.75 EUR" in str(letter["body"])
    assert reply.stop_reason == "end_turn"
    for quoted in ("31.75 EUR", "ada@example.com", "A full refund, within 60 days."):
        assert quoted in text_of(reply)
    log = offline.calls()
    assert [c.turn for c in log] == [1, 2, 3, 4]
    assert [c.tools for c in log][:2] == [("find_order", "search_handbook"), ("refund",)]


async def test_the_same_request_gives_the_same_reply_but_for_ids(offline: OfflineClaude) -> None:
    one, two = [await ask(offline, STORY, tools=SHOP) for _ in range(2)]
    assert (text_of(one), calls_of(one)) == (text_of(two), calls_of(two))
    assert one.id != two.id


async def test_a_tool_that_says_no_is_quoted_and_nothing_more_is_done(
    offline: OfflineClaude,
) -> None:
    conversation: Conversation = [{"role": "user", "content": STORY}]
    conversation = answered(conversation, await ask(offline, conversation, tools=SHOP))
    reply = await ask(offline, conversation, tools=SHOP)
    conversation = answered(conversation, reply, {"refund": "The till is closed."})
    reply = await ask(offline, conversation, tools=SHOP)
    assert reply.stop_reason == "end_turn"
    assert "The till is closed." in text_of(reply)
    assert "have not refunded" in text_of(reply)


async def test_a_missing_order_number_is_asked_for_and_then_used(offline: OfflineClaude) -> None:
    conversation: Conversation = [{"role": "user", "content": "Please refund my order."}]
    reply = await ask(offline, conversation, tools=SHOP)
    assert "order number?" in text_of(reply)
    conversation.append({"role": "assistant", "content": text_of(reply)})
    conversation.append({"role": "user", "content": "It is 1042"})
    reply = await ask(offline, conversation, tools=SHOP)
    assert ("find_order", {"order_id": 1042}) in calls_of(reply)


async def test_a_later_question_knows_the_order_from_before(offline: OfflineClaude) -> None:
    conversation: Conversation = [
        {"role": "user", "content": "Where is order 1007?"},
        {"role": "assistant", "content": "On its way."},
        {"role": "user", "content": "Then refund it."},
    ]
    reply = await ask(offline, conversation, tools=SHOP)
    assert ("find_order", {"order_id": 1007}) in calls_of(reply)


async def test_where_is_my_order_asks_two_tools_at_once(offline: OfflineClaude) -> None:
    reply = await ask(offline, "Where is order 1007?", tools=SHOP)
    assert [name for name, _ in calls_of(reply)] == ["find_order", "track_shipment"]


async def test_a_policy_question_is_answered_from_the_handbook(offline: OfflineClaude) -> None:
    conversation: Conversation = [
        {"role": "user", "content": "What is your policy on damaged books?"}
    ]
    reply = await ask(offline, conversation, tools=SHOP)
    assert calls_of(reply) == [("search_handbook", {"query": "damaged"})]
    reply = await ask(offline, answered(conversation, reply), tools=SHOP)
    assert "A full refund, within 60 days." in text_of(reply)


async def test_a_learners_own_tool_is_found_by_its_words_and_called_for_each_name(
    offline: OfflineClaude,
) -> None:
    weather = tool("get_weather", {"city": "string"}, days="integer")
    reply = await ask(offline, "What is the weather in Paris, Rome and Oslo?", tools=[weather])
    assert [a for _, a in calls_of(reply)] == [{"city": c} for c in ("Paris", "Rome", "Oslo")]


async def test_a_learners_own_effect_waits_for_the_look_ups_and_counts_as_done(
    offline: OfflineClaude,
) -> None:
    tools = [SHOP[0], tool("refund_order", {"order_id": "integer", "amount": "number"})]
    conversation: Conversation = [{"role": "user", "content": "Refund order 1042"}]
    reply = await ask(offline, conversation, tools=tools)
    assert [name for name, _ in calls_of(reply)] == ["find_order"]
    conversation = answered(conversation, reply)
    reply = await ask(offline, conversation, tools=tools)
    assert calls_of(reply) == [("refund_order", {"order_id": 1042, "amount": 31.75})]
    said = {"role": "assistant", "content": reply.to_dict(mode="json")["content"]}
    [refund_id] = [b.id for b in reply.content if b.type == "tool_use"]
    reply = await ask(offline, [*conversation, said, user(result(refund_id))], tools=tools)
    assert reply.stop_reason == "end_turn"
    assert "not refunded" not in text_of(reply)


async def test_without_tools_it_says_what_it_is_and_cannot_do(offline: OfflineClaude) -> None:
    assert "offers me no tools" in text_of(await ask(offline, "Where is order 1007?"))
    who = text_of(await ask(offline, "Who are you?"))
    assert "I am the offline Claude, a deterministic stand-in" in who
    assert "not a model" in who


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"type": "none"}, []),
        ({"type": "auto"}, []),
        ({"type": "tool", "name": "track_shipment"}, ["track_shipment"]),
    ],
)
async def test_tool_choice_is_obeyed(
    offline: OfflineClaude, choice: dict[str, str], names: list[str]
) -> None:
    reply = await ask(offline, "Good morning", tools=SHOP, tool_choice=choice)
    assert [name for name, _ in calls_of(reply)] == names


async def test_tool_choice_any_uses_a_tool_and_one_at_a_time_if_told_so(
    offline: OfflineClaude,
) -> None:
    reply = await ask(offline, "Good morning", tools=SHOP, tool_choice={"type": "any"})
    assert len(calls_of(reply)) == 1
    one = {"type": "auto", "disable_parallel_tool_use": True}
    assert len(calls_of(await ask(offline, STORY, tools=SHOP, tool_choice=one))) == 1


async def test_a_reply_is_cut_at_max_tokens_and_at_stop_sequences(offline: OfflineClaude) -> None:
    cut = await ask(offline, "Who are you?", max_tokens=3)
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 3)
    stopped = await ask(offline, "Who are you?", stop_sequences=["stand-in"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "stand-in")
    assert text_of(stopped).endswith("a deterministic ")


async def test_a_stream_has_all_events_in_the_apis_order(offline: OfflineClaude) -> None:
    whole = await ask(offline, STORY, tools=SHOP)
    message: Any = {"role": "user", "content": STORY}
    async with (
        sdk(offline.url) as claude,
        claude.messages.stream(
            model=MODEL,
            max_tokens=1024,
            messages=[message],
            tools=SHOP,  # type: ignore[arg-type]
        ) as stream,
    ):
        final = await stream.get_final_message()
    assert (text_of(final), calls_of(final)) == (text_of(whole), calls_of(whole))
    assert final.stop_reason == "tool_use"
    assert final.usage.output_tokens == whole.usage.output_tokens
    body = {"model": MODEL, "max_tokens": 99, "stream": True, "messages": [message]}
    response = raw(offline, body)
    kinds = re.findall(r"^event: (\w+)$", response.text, re.MULTILINE)
    assert kinds[:3] == ["message_start", "content_block_start", "ping"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert kinds.count("content_block_delta") > 1
    assert [c.state for c in offline.calls()] == ["answered"] * 3


def use(tool_use_id: str, **more: Any) -> dict[str, Any]:
    block = {"type": "tool_use", "id": tool_use_id, "name": "find_order", "input": {}, **more}
    return {"role": "assistant", "content": [block]}


def result(tool_use_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": tool_use_id, "content": "{}", **more}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content[0] if isinstance(content[0], str) else list(content)}


HI = user("Hello")
TEXT = {"type": "text", "text": "So?"}
OPEN_CALL = (
    "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: a. "
    "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
)
RULES: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model: Field required"),
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
    ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
    (
        {"max_tokens": 128001},
        "max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens for "
        + MODEL,
    ),
    ({"colour": "red"}, "colour: Extra inputs are not permitted"),
    ({"stream": "yes"}, "stream: Input should be a valid boolean"),
    ({"stop_sequences": [" "]}, "stop_sequences: each stop sequence must contain non-whitespace"),
    ({"messages": None}, "messages: Field required"),
    ({"messages": []}, "messages: at least one message is required"),
    ({"messages": [use("a")]}, 'messages: first message must use the "user" role'),
    ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
    ({"messages": [{**HI, "name": "x"}]}, "messages.0.name: Extra inputs are not permitted"),
    (
        {"messages": [{"role": "tool", "content": "x"}]},
        "messages.0.role: Input should be 'user', 'assistant' or 'system'",
    ),
    (
        {"messages": [user("")]},
        "messages.0: all messages must have non-empty content except for the optional final "
        "assistant message",
    ),
    (
        {"messages": [user({"type": "text", "text": ""})]},
        "messages: text content blocks must be non-empty",
    ),
    (
        {"system": [{"type": "text", "text": ""}]},
        "system: text content blocks must be non-empty",
    ),
    ({"messages": [HI, use("a")]}, OPEN_CALL),
    ({"messages": [HI, use("a"), user("Go on")]}, OPEN_CALL),
    ({"messages": [HI, use("a"), user(TEXT, result("a"))]}, OPEN_CALL),
    (
        {"messages": [HI, use("a"), user(result("a"), result("b"))]},
        "messages.2.content.1: unexpected `tool_use_id` found in `tool_result` blocks: b. Each "
        "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
    ),
    (
        {"messages": [HI, use("a"), user(result("a"), result("a"))]},
        "messages.2.content.1: each `tool_use` must have a single result. Found multiple "
        "`tool_result` blocks with id: a",
    ),
    (
        {"messages": [HI, use("a"), user(result("a")), use("a"), user(result("a"))]},
        "messages.3.content.0: `tool_use` ids must be unique",
    ),
    (
        {"messages": [HI, {"role": "assistant", "content": [result("a")]}, HI]},
        "messages.1: `tool_result` blocks can only be in `user` messages",
    ),
    (
        {"messages": [HI, use("a", input="x"), user(result("a"))]},
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    ),
    (
        {"messages": [HI, use("a"), user(result("a", content="", is_error=True))]},
        "messages.2.content.0.tool_result: content cannot be empty if `is_error` is true",
    ),
    ({"tools": [SHOP[0], SHOP[0]]}, "tools: Tool names must be unique."),
    (
        {"tools": [{**SHOP[0], "name": "find order"}]},
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    ({"tools": [{"name": "x"}]}, "tools.0.custom.input_schema: Field required"),
    (
        {"tools": SHOP, "tool_choice": {"type": "required"}},
        "tool_choice: Input tag 'required' found using 'type' does not match any of the expected "
        "tags: 'auto', 'any', 'tool', 'none'",
    ),
    (
        {"tool_choice": {"type": "any"}},
        "tool_choice: tool_choice may only be specified while providing tools.",
    ),
    (
        {"messages": [HI, {"role": "assistant", "content": "Well"}]},
        "This model does not support assistant message prefill. The conversation must end with a "
        "user message.",
    ),
]


@pytest.mark.parametrize(("change", "wording"), RULES, ids=[w[:60] for _, w in RULES])
async def test_what_the_api_refuses_is_refused_in_its_words(
    offline: OfflineClaude, change: dict[str, Any], wording: str
) -> None:
    body = {"model": MODEL, "max_tokens": 99, "messages": [HI], **change}
    async with sdk(offline.url) as claude:
        with pytest.raises(anthropic.BadRequestError) as caught:
            await claude.post(
                "/v1/messages",
                body={k: v for k, v in body.items() if v is not None},
                cast_to=anthropic.types.Message,
            )
    request_id = caught.value.response.headers["request-id"]
    error = {"type": "invalid_request_error", "message": wording, "details": None}
    assert caught.value.body == {"type": "error", "error": error, "request_id": request_id}


async def test_consecutive_messages_of_one_role_are_merged_not_refused(
    offline: OfflineClaude,
) -> None:
    conversation = [HI, HI, use("a"), use("b"), user(result("a")), user(result("b"))]
    assert (await ask(offline, conversation)).stop_reason == "end_turn"


async def test_an_unknown_model_is_not_found(offline: OfflineClaude) -> None:
    with pytest.raises(anthropic.NotFoundError, match="model: claude-nope"):
        await ask(offline, "Hello", model="claude-nope")


async def test_a_missing_or_wrong_key_is_refused(offline: OfflineClaude) -> None:
    for key in ("invalid", "wrong-key-4711"):
        async with sdk(offline.url, key) as claude:
            with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
                await claude.models.list()
    refused = raw(offline, {}, x_api_key="")
    assert refused.status_code == 401
    assert refused.json()["error"]["message"] == "x-api-key header is required"


def test_the_version_header_is_required(offline: OfflineClaude) -> None:
    refused = raw(offline, {}, anthropic_version="")
    assert refused.json()["error"]["message"] == "anthropic-version: header is required"


def test_the_key_is_neither_logged_nor_echoed(offline: OfflineClaude, log_path: Path) -> None:
    for key in ("sk-ant-secret-4711", "wrong-secret-4711"):
        response = raw(offline, {"model": "none"}, authorization=f"Bearer {key}", x_api_key=key)
        assert "4711" not in response.text + str(response.headers)
    assert "4711" not in log_path.read_text() + repr(offline.calls())
    assert len(offline.calls()) == 2


def test_unreadable_bodies_and_unknown_paths_have_the_apis_error_shape(
    offline: OfflineClaude,
) -> None:
    for content in (b"{", b'{"a": NaN}', b"\xff", b'"\\ud800"', b"[" * 100_000):
        response = raw(offline, content)
        assert response.status_code == 400
        assert response.json()["error"]["message"].startswith("The request body is not valid JSON")
    response = raw(offline, {}, path="/v1/nothing")
    assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")
    assert response.json()["request_id"] == response.headers["request-id"]
    too_large = raw(offline, b" " * (32 * 1024 * 1024 + 1))
    assert (too_large.status_code, too_large.json()["error"]["type"]) == (413, "request_too_large")


async def test_success_shows_request_id_rate_limits_and_usage(offline: OfflineClaude) -> None:
    async with sdk(offline.url) as claude:
        response = await claude.messages.with_raw_response.create(
            model=MODEL, max_tokens=99, messages=[{"role": "user", "content": "Hello"}]
        )
    assert response.headers["request-id"].startswith("req_")
    for kind in ("requests", "tokens", "input-tokens", "output-tokens"):
        for value in ("limit", "remaining", "reset"):
            assert response.headers[f"anthropic-ratelimit-{kind}-{value}"]
    message = await response.parse()
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


async def test_tokens_are_counted_as_usage_counts_them(offline: OfflineClaude) -> None:
    message: Any = {"role": "user", "content": STORY}
    async with sdk(offline.url) as claude:
        counted = await claude.messages.count_tokens(model=MODEL, messages=[message])
        with pytest.raises(anthropic.BadRequestError, match="at least one message"):
            await claude.messages.count_tokens(model=MODEL, messages=[])
    assert counted.input_tokens == (await ask(offline, STORY)).usage.input_tokens


async def test_the_models_are_the_sdks_own(offline: OfflineClaude) -> None:
    assert set(MODEL_IDS) == set(get_args(get_args(ModelParam)[0]))
    async with sdk(offline.url) as claude:
        assert [m.id async for m in claude.models.list()] == list(MODEL_IDS)
        assert (await claude.models.retrieve(MODEL)).id == MODEL
        with pytest.raises(anthropic.NotFoundError):
            await claude.models.retrieve("claude-nope")


async def test_the_sdks_tool_runner_falls_back_from_threads_to_whole_conversations(
    offline: OfflineClaude,
) -> None:
    @anthropic.beta_async_tool
    async def find_order(order_id: int) -> str:
        """Look up an order.

        Args:
            order_id: Its number.
        """
        return json.dumps({"order_id": order_id, "status": "shipped"})

    async with sdk(offline.url) as claude:
        runner = claude.beta.messages.tool_runner(
            model=MODEL,
            max_tokens=500,
            tools=[find_order],
            messages=[{"role": "user", "content": "What is in order 1042?"}],
        )
        final = await runner.until_done()
    [block] = final.content
    assert block.type == "text"
    assert "status shipped" in block.text


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
        (400, anthropic.BadRequestError, "invalid_request_error"),
    ],
)
async def test_the_next_calls_fail_as_asked_and_then_no_more(
    offline: OfflineClaude, status: int, error: type[anthropic.APIStatusError], kind: str
) -> None:
    offline.fail(status, times=2, message="As asked", headers={"retry-after": "7"})
    for _ in range(2):
        with pytest.raises(error, match="As asked") as caught:
            await ask(offline, "Hello")
        assert caught.value.type == kind
        assert caught.value.response.headers["retry-after"] == "7"
    await ask(offline, "Hello")
    assert [c.status for c in offline.calls()] == [status, status, 200]


async def test_a_fault_can_wait_for_a_turn(offline: OfflineClaude) -> None:
    offline.fail(529, turn=2)
    conversation: Conversation = [{"role": "user", "content": STORY}]
    conversation = answered(conversation, await ask(offline, conversation, tools=SHOP))
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        await ask(offline, conversation, tools=SHOP)
    await ask(offline, conversation, tools=SHOP)


async def test_reset_forgets_faults_and_calls(offline: OfflineClaude) -> None:
    offline.fail(500, times=9)
    offline.reset()
    await ask(offline, "Hello")
    assert len(offline.calls()) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda claude: claude.fail(200),
        lambda claude: claude.fail(500, times=0),
        lambda claude: claude.fail(500, headers={"a": "b\r\nc: d"}),
        lambda claude: claude.slow(-1),
        lambda claude: claude.slow(float("inf")),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    offline: OfflineClaude, wrong: Callable[[OfflineClaude], None]
) -> None:
    with pytest.raises(ValueError, match="refused POST /_offline/faults"):
        wrong(offline)


async def test_a_slow_call_is_logged_when_it_starts_and_when_its_client_goes(
    offline: OfflineClaude,
) -> None:
    offline.slow(600)
    body = json.dumps({"model": MODEL, "max_tokens": 99, "messages": [HI]}).encode()
    head = (
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: offline\r\n"
        f"anthropic-version: 2023-06-01\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    host, port = offline.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode() + body)
        call = offline.wait_for(lambda c: c.state == "answering", timeout=10)
        assert (call.question, call.finished_at) == ("Hello", None)
        with pytest.raises(TimeoutError, match="question='Hello'"):
            offline.wait_for(lambda c: c.state == "answered", timeout=0)
    gone = offline.wait_for(lambda c: c.state == "disconnected", timeout=10)
    assert gone.seq == call.seq
    assert gone.finished_at is not None


async def test_the_log_file_tells_each_call_from_start_to_end(
    offline: OfflineClaude, log_path: Path
) -> None:
    await ask(offline, STORY, tools=SHOP)
    [call] = offline.calls()
    assert (call.state, call.status, call.stop_reason) == ("answered", 200, "tool_use")
    assert (call.model, call.messages, call.question) == (MODEL, 1, STORY[:80])
    lines = [json.loads(line) for line in log_path.read_text().splitlines()]
    states = [line["state"] for line in lines if line["seq"] == call.seq]
    assert states == ["answering", "answered"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly_with_a_call_in_flight(
    tmp_path: Path, number: signal.Signals
) -> None:
    log = tmp_path / "calls.jsonl"
    with running(log) as (url, process):
        claude = OfflineClaude(url)
        claude.slow(600)
        body = b'{"model": "%s", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}'
        content = body % MODEL.encode()
        head = (
            "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: offline\r\n"
            f"anthropic-version: 2023-06-01\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as client:
            client.sendall(head.encode() + content)
            claude.wait_for(lambda c: c.state == "answering", timeout=10)
            process.send_signal(number)
            assert process.wait(5) == 0
    assert json.loads(log.read_text().splitlines()[-1])["state"] == "failed"


def test_a_port_that_is_taken_is_said_plainly(url: str, tmp_path: Path) -> None:
    port = url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-c", SERVE, port, str(tmp_path / "x")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"ClassroomError: The offline Claude can't use port {port}" in done.stderr
    assert "python -m agentkit offline --port 0" in done.stderr


def test_the_client_ignores_proxies_and_says_plainly_when_nobody_answers(
    offline: OfflineClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert OfflineClaude(offline.url).calls() == []
    with pytest.raises(ClassroomError, match="python -m agentkit up"):
        OfflineClaude("http://127.0.0.1:1").calls()


def test_the_client_needs_neither_the_web_server_nor_the_sdk() -> None:
    heavy = "{'starlette', 'uvicorn', 'anthropic'}"
    code = f"import sys, agentkit.classroom.offline; assert not {heavy} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_server_needs_no_sdk() -> None:
    code = "import sys, agentkit.classroom.offline.server; assert 'anthropic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
