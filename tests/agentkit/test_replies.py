"""The door for replies: whatever a server sends, what is recorded can be run and sent back."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from agentkit import ClaudeReply, assistant_message, text_of, tool_calls, user_message
from agentkit.claude import call_claude, close_claude_client
from agentkit.messages import CUT_SHORT, MOST_NESTED, ClaudeRequest, Usage, tool_result
from agentkit.replies import admit, collect
from offline_claude import rules
from tests.support import canned
from tests.support.agents import HELLO

MODEL = "claude-sonnet-5-5"
QUESTION: list[Any] = [user_message("Hello")]
USAGE = {"input_tokens": 3, "output_tokens": 9}
TEXT = {"type": "text", "text": "One moment."}
CALL = {"type": "tool_use", "id": "call_0", "name": "refund", "input": {"amount": 5}}
UNKNOWN = {"type": "a_block_of_next_year", "id": "call_0", "text": "", "n": [None, 1.0, {"": -0.0}]}


def message(*content: Any, **fields: Any) -> dict[str, Any]:
    """A message of the API's; None takes a field out."""
    whole = {"content": list(content), "stop_reason": "end_turn", "usage": USAGE, "model": MODEL}
    return whole | fields


def admitted(*content: Any, messages: list[Any] = QUESTION, **fields: Any) -> ClaudeReply:
    return admit(message(*content, **fields), messages, model=MODEL)


def refused(raw: Any) -> ApplicationError:
    with pytest.raises(ApplicationError) as raised:
        admit(raw, QUESTION, model=MODEL)
    return raised.value


# Calls.


@pytest.mark.parametrize("bad", [None, "", 5, [], "a b", "ü", "x" * 129, "a\n", "toolu_\ud800"])
@pytest.mark.parametrize("missing", [False, True])
def test_unfit_id_is_replaced_by_turn_and_position(bad: Any, missing: bool) -> None:
    block = {k: v for k, v in CALL.items() if k != "id"} | ({} if missing else {"id": bad})
    reply = admitted(TEXT, block, block)
    assert [call.id for call in tool_calls(reply)] == ["toolu_1_1", "toolu_1_2"]
    assert [call.place for call in tool_calls(reply)] == ["1.1", "1.2"]


def test_id_is_unique_in_the_reply_and_in_the_conversation() -> None:
    before = [*QUESTION, {"role": "assistant", "content": [CALL, {**CALL, "id": "toolu_3_1"}]}]
    results = [{"type": "tool_result", "tool_use_id": "call_0", "content": "ok"}]
    before.append({"role": "user", "content": results})
    reply = admitted({**CALL, "id": "call_1"}, CALL, {**CALL, "id": "call_1"}, messages=before)
    assert [call.id for call in tool_calls(reply)] == ["call_1", "toolu_3_1_1", "toolu_3_2"]


@pytest.mark.parametrize("good", ["call_0", "toolu_01A-b", "x" * 128])
def test_fit_id_stays(good: str) -> None:
    assert tool_calls(admitted({**CALL, "id": good}))[0].id == good


@pytest.mark.parametrize(
    ("bad", "made"),
    [
        (None, "not_a_tool_"),
        ("", "not_a_tool_"),
        (7, "not_a_tool_"),
        ("functions.refund", "not_a_tool_functions_refund"),
        ("x" * 300, "not_a_tool_" + "x" * 80),
        ("refund\ud800", "not_a_tool_refund"),
    ],
)
def test_unfit_name_becomes_the_name_of_no_tool(bad: Any, made: str) -> None:
    raw, tools = message({**CALL, "name": bad}), [{"name": "refund"}, {"name": "not_a_tool"}]
    reply = admit(raw, QUESTION, tools=tools)
    assert tool_calls(reply)[0].name == made


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (None, {}),
        ({}, {}),
        ([1], {"input_must_be_an_object": [1]}),
        ("text", {"input_must_be_an_object": "text"}),
        (5, {"input_must_be_an_object": 5}),
        (False, {"input_must_be_an_object": False}),
    ],
)
def test_input_becomes_an_object(given: Any, made: dict[str, Any]) -> None:
    assert tool_calls(admitted({**CALL, "input": given}))[0].input == made


# Stop reasons and words.


@pytest.mark.parametrize(
    ("reason", "content", "recorded"),
    [
        ("tool_use", [CALL], "tool_use"),
        ("end_turn", [TEXT, CALL], "tool_use"),
        ("stop_sequence", [CALL], "tool_use"),
        ("pause_turn", [CALL], "tool_use"),
        ("a_reason_of_next_year", [CALL], "tool_use"),
        ("a_reason_of_next_year", [TEXT], "a_reason_of_next_year"),
        ("max_tokens", [CALL], "max_tokens"),
        ("refusal", [CALL], "refusal"),
        ("model_context_window_exceeded", [CALL], "model_context_window_exceeded"),
        ("tool_use", [TEXT], "end_turn"),
        ("stop_sequence", [TEXT], "stop_sequence"),
        ("tool_use", [], "empty"),
        ("end_turn", [UNKNOWN], "empty"),
        ("end_turn", [{**TEXT, "text": " \n"}], "empty"),
        ("pause_turn", [], "pause_turn"),
    ],
)
def test_stop_reason_says_what_the_content_says(
    reason: str, content: list[Any], recorded: str
) -> None:
    reply = admitted(*content, stop_reason=reason)
    assert reply.stop_reason == recorded
    assert bool(tool_calls(reply)) == (recorded == "tool_use")


def test_blank_text_is_dropped_and_other_blocks_stay_verbatim() -> None:
    blank = [{**TEXT, "text": text} for text in ("", " ", "\n\t")]
    thinking = {"type": "thinking", "thinking": "", "signature": "Eq", "newer": [None]}
    reply = admitted(thinking, blank[0], UNKNOWN, blank[1], {**TEXT, "newer": {}}, blank[2])
    assert reply.content == [thinking, UNKNOWN, {**TEXT, "newer": {}}]
    assert repr(reply.content[1]) == repr(UNKNOWN)


def test_halves_of_surrogate_pairs_are_joined_or_replaced() -> None:
    odd = {"type": "odd", "ke\ud800y": ["\ud83d\ude00", "a\ude00"]}
    reply = admitted({**TEXT, "text": "Hi \ud83d\ude00 \ud83d!"}, odd, model="m\ud800")
    assert text_of(reply) == "Hi 😀 \ufffd!"
    assert reply.content[1] == {"type": "odd", "ke\ufffdy": ["😀", "a\ufffd"]}
    assert reply.model == "m\ufffd"


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (None, Usage(0, 0)),
        ([], Usage(0, 0)),
        ("12", Usage(0, 0)),
        ({"input_tokens": None, "output_tokens": -5}, Usage(0, 0)),
        ({"input_tokens": "3", "output_tokens": 4.0}, Usage(0, 4)),
        ({"input_tokens": math.nan, "output_tokens": math.inf}, Usage(0, 0)),
        ({**USAGE, "cache_read_input_tokens": None, "new": {}}, Usage(3, 9)),
    ],
)
def test_usage_is_completed(usage: Any, read: Usage) -> None:
    assert admitted(TEXT, usage=usage).usage == read


@pytest.mark.parametrize("model", [None, "", 5, []])
def test_model_is_the_one_that_was_asked_if_the_reply_names_none(model: Any) -> None:
    assert admitted(TEXT, model=model).model == MODEL


def test_missing_fields_are_completed() -> None:
    assert admit({"stop_reason": "end_turn"}, QUESTION, model=MODEL) == ClaudeReply(
        [], "empty", Usage(0, 0), MODEL, turn=1
    )


@pytest.mark.parametrize("given", [5, "x", [5], [{}], {}, [{"type": None}]])
def test_sources_of_the_wrong_shape_are_left_out(given: Any) -> None:
    reply = admitted({**TEXT, "citations": given}, {**CALL, "caller": given})
    assert reply.content == [TEXT, CALL]


def test_thinking_that_was_cut_before_its_signature_is_dropped() -> None:
    half = {"type": "thinking", "thinking": "Hm", "signature": ""}
    assert admitted(TEXT, half, stop_reason="max_tokens").content == [TEXT]
    assert admitted(half, TEXT).content == [half, TEXT]


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (None, "it isn't a message"),
        ([], "it isn't a message"),
        ("text", "it isn't a message"),
        ({}, "it isn't a message"),
        (message(stop_reason=5), "stop_reason isn't text"),
        (message(stop_reason=[]), "stop_reason isn't text"),
        (message(content="text"), "content isn't a list"),
        (message(content={}), "content isn't a list"),
        (message(TEXT, None), "content[1] isn't an object"),
        (message(TEXT, "text"), "content[1] isn't an object"),
        (message({}), "content[0].type isn't text"),
        (message({"type": 5}), "content[0].type isn't text"),
        (message({"type": "text"}), "content[0].text isn't text"),
        (message({"type": "text", "text": None}), "content[0].text isn't text"),
        (message({"type": "thinking", "signature": ""}), "content[0].thinking isn't text"),
        (message({"type": "redacted_thinking"}), "content[0].data isn't text"),
        (message({"type": "tool_result"}), "content[0] is a tool_result, which only users send"),
        (message({**CALL, "input": {"a": math.nan}}), "a number isn't finite"),
        (message({**UNKNOWN, "a": [math.inf]}), "a number isn't finite"),
        (message({**UNKNOWN, "a": deep(MOST_NESTED)}), "it is nested more than 100 levels deep"),
        (message({**UNKNOWN, "a": deep(5_000)}), "it is nested more than 100 levels deep"),
    ],
)
def test_what_no_repair_makes_fit_is_malformed(raw: Any, why: str) -> None:
    error = refused(raw)
    assert (error.type, error.non_retryable) == ("malformed_reply", True)
    assert error.message == f"Claude's reply can't be read: {why}."


@pytest.mark.parametrize("reason", [None, ""])
def test_reply_without_a_stop_reason_was_cut(reason: Any) -> None:
    error = refused(message(TEXT, stop_reason=reason))
    assert (error.type, error.non_retryable) == ("connection_cut", False)


# Streams.


def start(**fields: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"content": [], "model": MODEL, **fields}}


def begin(index: Any, block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(reason: Any, usage: Any = None) -> list[dict[str, Any]]:
    ending = {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}
    return [ending, {"type": "message_stop"}]


async def collected(*events: Any) -> Any:
    async def each() -> AsyncIterator[Any]:
        for event in copy.deepcopy(events):
            yield event

    return await collect(each())


async def test_pieces_are_joined_each_in_its_block_and_field() -> None:
    source = {"type": "char_location", "cited_text": "a"}
    message = await collected(
        start(usage={"input_tokens": 3, "output_tokens": None}, newer=[None]),
        begin(0, {"type": "thinking", "thinking": "", "signature": ""}),
        begin(1, {"type": "text", "text": "A", "citations": None}),
        delta(1, type="text_delta", text="h \ud83d"),
        delta(0, type="thinking_delta", thinking="H"),
        delta(0, type="thinking_delta", thinking="m", newer=None),
        delta(1, type="citations_delta", citation=source),
        delta(0, type="signature_delta", signature="Eq"),
        delta(1, type="text_delta", text="\ude00"),
        {"type": "an_event_of_next_year"},
        begin(2, {"type": "tool_use", "id": "a", "name": "n", "input": {}}),
        delta(2, type="input_json_delta", partial_json='{"a": "\\ud83d'),
        delta(2, type="input_json_delta", partial_json='\\ude00"}'),
        begin(3, {"type": "odd"}),
        delta(3, type="odd_delta", odd="x", sure=True),
        *stop("tool_use", {"output_tokens": 9, "input_tokens": None}),
    )
    assert message == {
        "model": MODEL,
        "newer": [None],
        "usage": {"input_tokens": 3, "output_tokens": 9},
        "stop_reason": "tool_use",
        "content": [
            {"type": "thinking", "thinking": "Hm", "signature": "Eq"},
            {"type": "text", "text": "Ah \ud83d\ude00", "citations": [source]},
            {"type": "tool_use", "id": "a", "name": "n", "input": {"a": "😀"}},
            {"type": "odd", "odd": "x", "sure": True},
        ],
    }
    assert text_of(admit(message, QUESTION)) == "Ah 😀"


async def test_message_that_begins_again_leaves_nothing_of_the_first() -> None:
    first = start(), begin(0, TEXT), delta(0, type="text_delta", text=" First.")
    again = start(), begin(0, TEXT), delta(0, type="text_delta", text=" Second.")
    message = await collected(*first, *again, *stop("end_turn"))
    assert message["content"] == [{**TEXT, "text": "One moment. Second."}]


@pytest.mark.parametrize(
    "events",
    [
        [None],
        ["text"],
        [{}],
        [{"type": "message_start"}],
        [start(), delta(0, type="text_delta", text="x")],
        [start(), begin(0, TEXT), begin(0, TEXT)],
        [start(), begin([], TEXT)],
        [start(), begin(0, TEXT), delta(0, type="text_delta", text=5), delta(0, text="x")],
        [start(), begin(0, None), delta(0, type="text_delta", text="x")],
        [start(content="text")],
        [start(content=5)],
        [start(), {"type": "message_delta"}],
    ],
    ids=range(12),
)
async def test_events_that_fit_no_message_are_malformed(events: list[Any]) -> None:
    with pytest.raises(ApplicationError) as raised:
        admit(await collected(*events, *stop("end_turn")), QUESTION)
    assert raised.value.type == "malformed_reply"


@pytest.mark.parametrize("usage", [None, [], "x", {}])
async def test_usage_of_any_shape_is_no_error(usage: Any) -> None:
    message = await collected(start(usage=usage), begin(0, TEXT), *stop("end_turn", usage))
    assert admit(message, QUESTION).usage == Usage(0, 0)


@pytest.mark.parametrize("reason", ["max_tokens", "refusal", "model_context_window_exceeded"])
async def test_only_the_last_block_of_a_cut_reply_may_be_half_json(reason: str) -> None:
    half = [begin(0, CALL), delta(0, type="input_json_delta", partial_json='{"amount": 12')]
    cut = admit(await collected(start(), *half, *stop(reason)), QUESTION)
    assert (cut.stop_reason, tool_calls(cut)) == (reason, [])
    with pytest.raises(ApplicationError):
        await collected(start(), *half, begin(1, TEXT), *stop(reason))


async def test_stream_that_ends_early_is_no_message() -> None:
    events = [
        start(),
        begin(0, CALL),
        delta(0, type="input_json_delta", partial_json="{"),
        *stop(""),
    ]
    assert [await collected(*events[:n]) for n in range(len(events) + 1)] == [None] * 6


# Anything.

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=8)
    | st.sampled_from(["", " ", "call_0", "refund", "x" * 300, "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
BLOCKS: list[dict[str, Any]] = [
    TEXT,
    {**TEXT, "citations": None},
    CALL,
    {**CALL, "caller": {"type": "direct"}},
    {"type": "thinking", "thinking": "Hm.", "signature": "Eq"},
    {"type": "redacted_thinking", "data": "Em"},
    UNKNOWN,
]
REASONS = [*CUT_SHORT, "end_turn", "tool_use", "stop_sequence", "pause_turn", "next_year", None, ""]


@st.composite
def mutations(draw: st.DrawFn, source: dict[str, Any]) -> Any:
    """The source; now and then without a field, or with JSON of any kind in one."""
    mutated = copy.deepcopy(source)
    for name in source:
        match draw(st.integers(0, 29 if name == "type" else 9)):
            case 1:
                del mutated[name]
            case 2 | 3:
                mutated[name] = draw(json_values)
    return mutated


replies = st.builds(
    lambda content, reason, fields: {"content": content, "stop_reason": reason, **fields},
    st.lists(st.sampled_from(BLOCKS).flatmap(mutations), max_size=5)
    | st.lists(st.sampled_from(BLOCKS).flatmap(mutations) | json_values, max_size=3),
    st.integers(0, 19).flatmap(lambda n: st.sampled_from(REASONS) if n else json_values),
    mutations({"usage": USAGE, "model": MODEL, "stop_details": {"explanation": "No."}}),
)


def checked(messages: list[Any]) -> None:
    """Refuse what the API would, but for what it alone knows: newer blocks, sources, signatures."""
    known: list[Any] = []
    for each in messages:
        content = each["content"]
        if isinstance(content, list):
            known_types = ("text", "tool_use", "tool_result")
            content = [
                {k: v for k, v in b.items() if k not in ("citations", "caller") or v is None}
                for b in content
                if b["type"] in known_types
            ]
        known.append({**each, "content": content or [TEXT]})
    body = {"model": MODEL, "max_tokens": 99, "messages": known}
    rules.check(body, "messages", version="2026-10-21", beta=False)


def answers(reply: ClaudeReply) -> list[Any]:
    """The messages that follow: the reply, unless it is empty, and the results or a question."""
    said = assistant_message(reply)
    results = [tool_result(call, "ok") for call in tool_calls(reply)]
    return [*([said] if said["content"] else []), user_message(results or "Go on.")]


@settings(max_examples=1_000, deadline=None, derandomize=True)
@given(st.lists(replies, min_size=1, max_size=3))
def test_whatever_is_admitted_can_be_recorded_and_sent_back(raws: list[Any]) -> None:
    converter = PydanticPayloadConverter()
    messages = list(QUESTION)
    for raw in raws:
        try:
            reply = admit(raw, messages, model=MODEL, tools=[{"name": "refund"}])
        except ApplicationError:
            continue
        payloads = converter.to_payloads([reply])
        assert converter.from_payloads(payloads, [ClaudeReply]) == [reply]
        assert min(vars(reply.usage).values()) >= 0
        messages += answers(reply)
        checked(messages)
        converter.to_payloads([ClaudeRequest(messages)])


@pytest.fixture
async def fresh_client() -> AsyncIterator[None]:
    yield
    await close_claude_client()


@pytest.mark.usefixtures("fresh_client")
async def test_whatever_comes_over_http_is_a_reply_or_a_plain_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raws = [
        message(stop_reason="tool_use", usage=None, model=None),
        message({**CALL, "id": None, "name": None, "input": None}, usage=None),
        message({**TEXT, "text": "half \ud83d"}, {**CALL, "input": [1]}, usage=5),
        message(UNKNOWN, {**TEXT, "text": " "}, stop_reason="next_year"),
        message(None),
        message({**CALL, "input": {"a": math.nan}}),
        message("text", stop_reason=7),
    ]
    for raw in raws:
        sent = canned.message(*raw.pop("content"), **raw)
        async with canned.answering(monkeypatch, sent) as requests:
            try:
                reply = await ActivityEnvironment().run(call_claude, HELLO)
                checked([*HELLO.messages, *answers(reply)])
                ended = ""
            except ApplicationError as err:
                ended = str(err.type)
            assert (ended, len(requests)) in (("", 1), ("malformed_reply", 2))
        await close_claude_client()


@pytest.mark.usefixtures("fresh_client")
async def test_what_the_sdk_does_not_know_arrives_byte_for_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Known blocks with newer fields, a number that isn't an integer, null, an odd order of keys.
    sent = [
        {"type": "tool_use", "newer": 1.0, "name": "refund", "id": "call_0", "input": {"b": 1.0}},
        {"newer": {"a": [None]}, "type": "server_tool_use", "id": "call_0", "name": "next_year"},
        UNKNOWN,
    ]
    async with canned.answering(monkeypatch, canned.message(*sent)):
        reply = await ActivityEnvironment().run(call_claude, HELLO)
    assert json.dumps(reply.content) == json.dumps(sent)
