"""Every way in which the SDK calls Claude, sync and async."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator
from typing import Any, get_args

import anthropic
import httpx2
import pydantic
import pytest
from anthropic.types.model_param import ModelParam

from offline_claude import OfflineClaude
from offline_claude.models import MODEL_IDS
from tests.support.offline_server import HI, MODEL, SHOP, STORY, calls_of, sdk, text_of

Client = anthropic.Anthropic | anthropic.AsyncAnthropic


@pytest.fixture(params=["sync", "async"])
async def client(request: pytest.FixtureRequest, offline: OfflineClaude) -> AsyncIterator[Any]:
    # The server is another process: a sync client may well block this one.
    if request.param == "async":
        async with sdk(offline.url) as async_client:
            yield async_client
        return
    http = anthropic.DefaultHttpxClient(trust_env=False, verify=False)
    with anthropic.Anthropic(
        base_url=offline.url, api_key="offline", max_retries=0, http_client=http
    ) as sync_client:
        yield sync_client


async def done(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def items(source: Any) -> list[Any]:
    source = await done(source)
    if hasattr(source, "__aiter__"):
        return [item async for item in source]
    return list(source)


async def streamed(client: Any, **body: Any) -> tuple[Any, list[str]]:
    """The final message of `messages.stream`, and the types of its events."""
    kinds = []
    manager = client.messages.stream(**body)
    if isinstance(client, anthropic.AsyncAnthropic):
        async with manager as stream:
            async for event in stream:
                kinds.append(event.type)
            return await stream.get_final_message(), kinds
    with manager as stream:
        kinds = [event.type for event in stream]
        return stream.get_final_message(), kinds


ASKED: dict[str, Any] = {"model": MODEL, "max_tokens": 1024, "messages": [HI]}
STORY_ASKED = {**ASKED, "messages": [{"role": "user", "content": STORY}], "tools": SHOP}


async def test_create_answers(client: Client) -> None:
    reply = await done(client.messages.create(**ASKED))
    assert (reply.type, reply.role, reply.stop_reason) == ("message", "assistant", "end_turn")
    assert text_of(reply)
    details = reply.usage.output_tokens_details
    assert (reply.usage.cache_creation.ephemeral_5m_input_tokens, details.thinking_tokens) == (0, 0)
    assert reply.stop_details is None


async def test_same_request_gets_the_same_reply_except_for_ids(client: Client) -> None:
    def without_ids(value: Any) -> Any:
        if isinstance(value, list):
            return [without_ids(item) for item in value]
        if isinstance(value, dict):
            return {k: without_ids(v) for k, v in value.items() if k != "id"}
        return value

    replies = [await done(client.messages.create(**STORY_ASKED)) for _ in range(2)]
    first, second = (without_ids(reply.to_dict()) for reply in replies)
    assert first == second
    assert replies[0].id != replies[1].id


async def test_stream_ends_with_the_same_message_as_a_whole_reply(client: Client) -> None:
    whole = await done(client.messages.create(**STORY_ASKED))
    final, kinds = await streamed(client, **STORY_ASKED)
    assert (text_of(final), calls_of(final)) == (text_of(whole), calls_of(whole))
    assert (final.stop_reason, final.usage) == (whole.stop_reason, whole.usage)
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert {"text", "input_json", "content_block_stop", "message_delta"} <= {*kinds}


async def test_raw_events_come_in_the_order_of_the_api(client: Client) -> None:
    events = await items(client.messages.create(**STORY_ASKED, stream=True))
    starts = [e for e in events if e.type == "content_block_start"]
    assert [e.index for e in starts] == list(range(len(starts)))
    assert [e.content_block.type for e in starts][:2] == ["text", "tool_use"]
    assert _json_of(events, 1)[0] == ""
    assert json.loads("".join(_json_of(events, 1))) == {"order_id": 1042}
    assert (events[0].type, events[-1].type) == ("message_start", "message_stop")
    assert events[0].message.stop_reason is None
    assert (events[-2].delta.stop_reason, events[-2].usage.output_tokens > 1) == ("tool_use", True)


def _json_of(events: list[Any], index: int) -> list[str]:
    deltas = [e.delta for e in events if e.type == "content_block_delta" and e.index == index]
    return [d.partial_json for d in deltas if d.type == "input_json_delta"]


@pytest.mark.parametrize("tokens", [1, 3, 12, 20, 24, 30])
async def test_max_tokens_cuts_whole_and_streamed_replies_alike(
    client: Client, tokens: int
) -> None:
    body = {**STORY_ASKED, "max_tokens": tokens}
    whole = await done(client.messages.create(**body))
    final, _ = await streamed(client, **body)
    assert (whole.stop_reason, whole.usage.output_tokens) == ("max_tokens", tokens)
    assert (final.stop_reason, final.usage) == (whole.stop_reason, whole.usage)
    assert (text_of(final), calls_of(final)) == (text_of(whole), calls_of(whole))


async def test_tool_call_cut_by_max_tokens_is_incomplete(client: Client) -> None:
    whole = await done(client.messages.create(**STORY_ASKED))
    text_tokens = -(-len(text_of(whole)) // 4)
    body = {**STORY_ASKED, "max_tokens": text_tokens + 8}
    events = await items(client.messages.create(**body, stream=True))
    encoded = "".join(_json_of(events, 1))
    assert encoded
    with pytest.raises(json.JSONDecodeError):
        json.loads(encoded)
    final, _ = await streamed(client, **body)
    assert calls_of(final)[0][0] == "find_order"


async def test_stop_sequence_ends_whole_and_streamed_replies_before_itself(
    client: Client,
) -> None:
    body = {**ASKED, "messages": [{"role": "user", "content": "Who are you?"}]}
    body["stop_sequences"] = ["Messages API", "stand-in", "never said"]
    whole = await done(client.messages.create(**body))
    final, _ = await streamed(client, **body)
    assert (whole.stop_reason, whole.stop_sequence) == ("stop_sequence", "stand-in")
    assert text_of(whole).endswith("deterministic ")
    assert (text_of(final), final.stop_sequence) == (text_of(whole), "stand-in")


async def test_max_tokens_0_writes_nothing(client: Client) -> None:
    reply = await done(client.messages.create(**{**ASKED, "max_tokens": 0}))
    assert (reply.content, reply.stop_reason, reply.usage.output_tokens) == ([], "max_tokens", 0)


@pytest.mark.parametrize("display", ["summarized", "omitted"])
async def test_thinking_comes_first_and_signed(client: Client, display: str) -> None:
    body = {**STORY_ASKED, "thinking": {"type": "adaptive", "display": display}}
    whole = await done(client.messages.create(**body))
    final, _ = await streamed(client, **body)
    for reply in (whole, final):
        assert reply.content[0].type == "thinking"
        assert bool(reply.content[0].thinking) == (display == "summarized")
        assert reply.usage.output_tokens_details.thinking_tokens > 0
    assert final.content[0] == whole.content[0]
    events = await items(client.messages.create(**body, stream=True))
    deltas = [
        e.delta.type for e in events if getattr(e, "index", None) == 0 and hasattr(e, "delta")
    ]
    assert deltas[-1] == "signature_delta"
    assert deltas.count("signature_delta") == 1
    assert ("thinking_delta" in deltas) == (display == "summarized")


class Ticket(pydantic.BaseModel):
    order_id: int
    urgent: bool


async def test_parse_reads_structured_output(client: Client) -> None:
    question = "Is order 1042 urgent? Answer as a ticket."
    messages: Any = [{"role": "user", "content": question}]
    parsed = await done(
        client.messages.parse(model=MODEL, max_tokens=500, messages=messages, output_format=Ticket)
    )
    assert isinstance(parsed.parsed_output, Ticket)
    assert parsed.parsed_output.order_id == 1042


async def test_count_tokens_agrees_with_usage(client: Client) -> None:
    messages: Any = [HI]
    counted = await done(client.messages.count_tokens(model=MODEL, messages=messages))
    beta = await done(client.beta.messages.count_tokens(model=MODEL, messages=messages))
    reply = await done(client.messages.create(**ASKED))
    assert counted.input_tokens == beta.input_tokens == reply.usage.input_tokens


async def test_models_are_those_of_the_sdk_page_by_page(client: Client) -> None:
    assert {*MODEL_IDS} == {*get_args(get_args(ModelParam)[0])}
    assert [m.id for m in await items(client.models.list())] == list(MODEL_IDS)
    assert [m.id for m in await items(client.models.list(limit=3))] == list(MODEL_IDS)
    before = await items(client.models.list(limit=3, before_id=MODEL_IDS[7]))
    assert {m.id for m in before} == {*MODEL_IDS[:7]}
    assert (await done(client.models.retrieve("claude-haiku-4-5"))).type == "model"
    with pytest.raises(anthropic.NotFoundError, match="model: claude-nope"):
        await done(client.models.retrieve("claude-nope"))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "greater than or equal to 1"),
        ("limit=1001", "less than or equal to 1000"),
        ("limit=x", "valid integer"),
        ("after_id=nope", "after_id: there is no model nope"),
        (f"after_id={MODEL_IDS[0]}&before_id={MODEL_IDS[1]}", "Only one of"),
        ("lifecycle[]=young", "lifecycle: Input should be"),
    ],
)
def test_senseless_page_is_refused(offline: OfflineClaude, query: str, message: str) -> None:
    headers = {"x-api-key": "offline", "anthropic-version": "2023-06-01"}
    with httpx2.Client(trust_env=False, verify=False, timeout=60) as http:
        response = http.get(f"{offline.url}/v1/models?{query}", headers=headers)
    assert response.status_code == 400
    assert message in response.json()["error"]["message"]


def shop_tool(client: Client) -> Any:
    def find_order(order_id: int) -> str:
        """Look up an order.

        Args:
            order_id: Its number.
        """
        return json.dumps({"order_id": order_id, "status": "shipped"})

    async def find_order_async(order_id: int) -> str:
        return find_order(order_id)

    if isinstance(client, anthropic.AsyncAnthropic):
        find_order_async.__name__, find_order_async.__doc__ = "find_order", find_order.__doc__
        return anthropic.beta_async_tool(find_order_async)
    return anthropic.beta_tool(find_order)


@pytest.mark.parametrize("options", [{}, {"thread": False}], ids=["threads", "no threads"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_tool_runner_runs_the_tools_and_ends_with_an_answer(
    client: Client, offline: OfflineClaude, options: dict[str, Any], stream: bool
) -> None:
    runner = client.beta.messages.tool_runner(
        model=MODEL,
        max_tokens=500,
        tools=[shop_tool(client)],
        messages=[{"role": "user", "content": "What is in order 1042?"}],
        stream=stream,
        **options,
    )
    final = await done(runner.until_done())
    assert final.stop_reason == "end_turn"
    assert "shipped" in text_of(final)
    # By default the SDK tries message threads first; refused, it sends the whole conversation.
    refused = [] if options else [400]
    assert sorted(c.status or 0 for c in offline.calls()) == [200, 200, *refused]
