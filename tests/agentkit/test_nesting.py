"""Nested data from outside: what is written can be read back, and what is too deep is answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from agentkit import ClaudeReply, ToolCall, assistant_message, tool, tool_calls, user_message
from agentkit.approvals import Decision, Terms
from agentkit.approvals.audit import AuditEntry
from agentkit.approvals.decisions import read_decision
from agentkit.approvals.gate import GateState, _with_note
from agentkit.approvals.requests import ApprovalRequest, Pending
from agentkit.claude import call_claude, close_claude_client
from agentkit.history import value_of
from agentkit.limits import AgentPayloadConverter
from agentkit.messages import MOST_NESTED, ClaudeRequest, is_deeper, tool_result
from agentkit.replies import admit
from agentkit.stores import SQLiteStore
from agentkit.tools import InvalidArguments
from agentkit.transcript.chain import BrokenTranscript, read_link
from tests.support import canned
from tests.support.agents import HELLO

CONVERTER = AgentPayloadConverter()
LEVELS = [97, 98, 99, 100, 101, 195, 196, 197, 198, 199, 200, 201, 250, 300, 1_200, 100_000]
SHAPES: dict[str, tuple[str, str]] = {
    "lists": ("[", "]"),
    "objects": ('{"a":', "}"),
    "both": ('[{"a":', "}]"),
}


def nested(levels: int, shape: str = "lists") -> str:
    """JSON that is nested so many levels deep."""
    left, right = SHAPES[shape]
    times, rest = divmod(levels, 2) if shape == "both" else (levels, 0)
    return "[" * rest + left * times + "1" + right * times + "]" * rest


def loaded(levels: int, shape: str = "lists") -> Any:
    """The value of `nested`, made without a recursive reader."""
    value: Any = 1
    for n in range(levels):
        is_list = shape == "lists" or (shape == "both" and n % 2)
        value = [value] if is_list else {"a": value}
    return value


@tool(effect="idempotent")
async def refund(order_id: int) -> str:
    """Pay money back.

    Args:
        order_id: The order.
    """
    return f"paid {order_id}"


@pytest.fixture
async def fresh_client() -> AsyncIterator[None]:
    yield
    await close_claude_client()


@pytest.mark.usefixtures("fresh_client")
@pytest.mark.parametrize("shape", SHAPES)
async def test_too_deep_an_input_is_answered_as_invalid_arguments_and_paid_once(
    monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    for levels in LEVELS:
        async with canned.answering(
            monkeypatch, canned.tool_use(f'{{"order_id":{nested(levels, shape)}}}')
        ) as requests:
            reply = await ActivityEnvironment().run(call_claude, HELLO)
        await close_claude_client()
        assert len(requests) == 1
        [call] = tool_calls(reply)
        with pytest.raises(InvalidArguments) as refused:
            await refund.call(call.input)
        too_deep = levels + 1 > MOST_NESTED - 1  # the object and its block are levels, too
        words = f"input_must_not_be_nested_more_than_{MOST_NESTED}_levels_deep"
        assert (words in str(refused.value)) == too_deep
        assert_goes_everywhere(reply)


def assert_goes_everywhere(reply: ClaudeReply) -> None:
    """Check that a reply can be recorded, sent back, run, waited for and carried on."""
    [call] = tool_calls(reply)
    answer = tool_result(call, "Invalid arguments.", is_error=True)
    messages = [user_message("Hi"), assistant_message(reply), user_message([answer])]
    now = datetime.now(UTC)
    request = ApprovalRequest(call, Terms(), "desk", "why", "w", "r", now)
    entry = AuditEntry(now, "asked", call.id, call.name, "gate", arguments=call.input)
    state = GateState([Pending(request)], {"a": answer}, [entry])
    for value in (reply, ClaudeRequest(messages), call, state):
        assert read_back(value) == value


def read_back(value: Any) -> Any:
    [read] = CONVERTER.from_payloads(CONVERTER.to_payloads([value]), [type(value)])
    return read


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("wrapped", [lambda v: v, lambda v: ToolCall("a", "b", {"x": v})])
def test_every_payload_that_is_written_can_be_read_back(
    shape: str, wrapped: Callable[[Any], Any]
) -> None:
    written = []
    for levels in LEVELS:
        value = wrapped(loaded(levels, shape))
        try:
            payloads = CONVERTER.to_payloads([value])
        except ApplicationError as err:
            refused = (err.type, err.non_retryable, err.message[-22:])
        else:
            assert CONVERTER.from_payloads(payloads, [type(value)]) == [value]
            written.append(levels)
    assert refused == ("invalid_payload", True, " is nested too deeply.")
    assert written in (LEVELS[: LEVELS.index(201)], LEVELS[: LEVELS.index(199)])


def test_bytes_that_only_look_nested_are_written() -> None:
    assert read_back(b"[" * 5_000) == b"[" * 5_000
    assert read_back("[" * 5_000) == "[" * 5_000
    flat = [[n] for n in range(5_000)]
    assert read_back(flat) == flat


@pytest.mark.parametrize("levels", [100, 250, 5_000])
def test_unknown_block_that_is_too_deep_is_malformed(levels: int) -> None:
    block = {"type": "a_block_of_next_year", "a": loaded(levels)}
    with pytest.raises(ApplicationError, match="nested more than 100 levels") as err:
        admit({"content": [block], "stop_reason": "end_turn"}, [user_message("Hi")])
    assert (err.value.type, err.value.non_retryable) == ("malformed_reply", True)


@pytest.mark.parametrize("levels", [levels for levels in LEVELS if levels <= 5_000])
def test_decision_with_too_deep_arguments_is_refused_and_any_other_can_be_carried_on(
    levels: int,
) -> None:
    sent = {"request_id": "a", "digest": "b", "answer": "approve", "reviewer": "ann"}
    sent["arguments"] = loaded(levels, "objects")
    if levels > MOST_NESTED:
        with pytest.raises(ValueError, match="nested 100 levels deep at most"):
            read_decision(sent)
        return
    decision = read_decision(sent)
    assert isinstance(decision, Decision)
    entry = AuditEntry(datetime.now(UTC), "approved", "a", "refund", "ann", decision=decision)
    assert read_back(GateState(audit=[entry] * 2))


@pytest.mark.parametrize("levels", [99, 199, 1_200, 100_000])
def test_note_of_an_edit_is_added_to_a_result_of_any_depth(levels: int) -> None:
    result = tool_result(ToolCall("a", "refund", {}), nested(levels))
    noted = str(_with_note(result, {"amount": 5}).get("content"))
    assert noted.startswith(nested(levels))
    assert "A reviewer had changed the arguments" in noted


def test_other_readers_of_json_say_what_they_can_not_read(
    tmp_path: Any,
) -> None:
    text = nested(100_000)
    assert value_of([Payload(data=text.encode()), Payload(data=b"[1]")]) == ["(200001 bytes)", [1]]
    store = SQLiteStore(tmp_path / "store.db")
    with pytest.raises(BrokenTranscript, match="isn't a link of a transcript"):
        read_link(store, store.put(text))


def test_depth_is_counted_without_going_deeper() -> None:
    assert not is_deeper(json.loads(nested(100, "both")))
    assert is_deeper([1, {"a": loaded(100)}])
    assert is_deeper(loaded(100_000))
    assert not is_deeper("[" * 1_000)
