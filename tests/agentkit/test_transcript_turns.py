"""Turns of a long conversation, on a real server: history has references, the store has it all."""

from __future__ import annotations

import json
import random
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import TypeAdapter
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from agentkit import ToolCall, tool_activity
from agentkit.messages import ClaudeReply, ClaudeRequest, Usage, tool_result
from agentkit.prompts import PinnedPrompt, call_with, load_prompt
from agentkit.stop_reasons import PartialAnswer
from agentkit.stores import SQLiteStore
from agentkit.tool_activities import ToolRequest, keep_arguments
from agentkit.transcript import (
    LongConversation,
    Window,
    activities,
    append,
    read_all,
    recorded_heads,
    verify_history,
    walk,
)
from agentkit.transcript.chain import opened
from agentkit.transcript.inbox import MOST_WAITING, Kept
from agentkit.transcript.payloads import Turn, cut
from agentkit.transcript.summary import SYSTEM, UNWRITTEN
from classroom.show import steps
from offline_claude import OfflineClaude
from tests.support.agents import Desk, cause_of
from tests.support.canned import answering, tool_use
from tests.support.chats import Message, asks, faults, results, user
from tests.support.endless import Endless
from tests.support.letters import count_words, letter
from tests.support.talkers import Talk, talkers

LETTERS = [f"Please read letter {n}." for n in range(1, 7)]
NEVER = 10_000


async def talk_about(
    at_desk: Desk, questions: list[str], window: Window | None = None, per_run: int = NEVER
) -> tuple[WorkflowHandle[Any, Any], LongConversation]:
    talk = LongConversation(window=window or Window())
    run = await at_desk.start(Talk.run, talk, questions, per_run)
    return run, await run.result()


async def heads_of(at_desk: Desk, run: WorkflowHandle[Any, Any]) -> list[str]:
    first = run.first_execution_run_id
    assert first is not None
    return await recorded_heads(at_desk.client, run.id, first)


def results_in(messages: list[Message]) -> list[Message]:
    return [
        block
        for each in messages
        if each["role"] == "user" and not isinstance(each["content"], str)
        for block in each["content"]
    ]


async def test_history_carries_references_and_the_store_everything(
    claude: OfflineClaude, tmp_path: Path
) -> None:
    async with talkers(tmp_path) as (at_desk, store):
        run, talk = await talk_about(at_desk, LETTERS)
        history = await run.fetch_history()
        raw = b"".join(event.SerializeToString() for event in history.events)
        messages: Any = read_all(store, talk.head)
        heads = await heads_of(at_desk, run)
    assert [r["content"] for r in results_in(messages)] == [letter(n) for n in range(1, 7)]
    assert letter(3)[5_000:5_100].encode() not in raw
    assert len(raw) / talk.spent.turns <= 3_000
    assert talk.spent.turns == 12
    assert heads[-1] == talk.head
    assert verify_history(store, heads).messages == len(messages) == 24


async def test_claude_reads_results_that_history_has_by_reference(
    claude: OfflineClaude, tmp_path: Path
) -> None:
    async with talkers(tmp_path) as (at_desk, _):
        await talk_about(at_desk, LETTERS[:1])
    asking, answering_ = claude.calls()
    assert answering_.input_bytes - asking.input_bytes > 10_000


async def test_conversation_is_the_same_over_many_runs(
    claude: OfflineClaude, tmp_path: Path
) -> None:
    async with talkers(tmp_path) as (at_desk, store):
        _, one = await talk_about(at_desk, LETTERS)
        run, many = await talk_about(at_desk, LETTERS, per_run=4)
        heads = await heads_of(at_desk, run)
        assert shape(read_all(store, many.head)) == shape(read_all(store, one.head))
        assert verify_history(store, heads).links == len(heads) == 12
    assert many.spent == one.spent
    assert many.prompt == one.prompt


async def test_dropped_messages_are_summarised_and_stay_in_the_transcript(
    claude: OfflineClaude, tmp_path: Path
) -> None:
    async with talkers(tmp_path) as (at_desk, store):
        run, talk = await talk_about(at_desk, LETTERS, Window(tokens=9_000))
        summaries = [each for each in walk(store, talk.head) if each.summary]
        messages: Any = read_all(store, talk.head)
        done = [step.activity for step in await steps(run)]
    assert done.count("condense") == len(summaries) >= 1
    assert "Please read letter 2." in summaries[-1].summary, "the first message is kept as it is"
    assert [r["content"] for r in results_in(messages)] == [letter(n) for n in range(1, 7)]
    assert max(call.input_tokens for call in claude.calls()) < 15_000
    assert talk.spent.turns == 12 + len(summaries), "a summary is paid for, too"


async def test_window_without_summaries_only_cuts(claude: OfflineClaude, tmp_path: Path) -> None:
    async with talkers(tmp_path) as (at_desk, _):
        run, talk = await talk_about(at_desk, LETTERS, Window(tokens=9_000, summarise=False))
        assert "condense" not in [step.activity for step in await steps(run)]
    assert talk.spent.turns == 12


@pytest.mark.parametrize("odd", ["max_tokens", "pause_turn", "unknown_tool", "malformed_input"])
async def test_odd_reply_leaves_a_valid_conversation(
    odd: str, claude: OfflineClaude, tmp_path: Path
) -> None:
    claude.reply(odd)
    async with talkers(tmp_path) as (at_desk, store):
        _, talk = await talk_about(at_desk, ["Please read letter 1.", "Please read letter 2."])
        messages: Any = read_all(store, talk.head)
    assert faults(messages) == []
    assert letter(2) in [r["content"] for r in results_in(messages)]
    assert [call.status for call in claude.calls()] == [200] * len(claude.calls())


async def test_refusal_in_mid_call_leaves_no_call_without_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claude: OfflineClaude
) -> None:
    refusal = tool_use('{"number": 1}', stop_reason="refusal")
    async with answering(monkeypatch, refusal, _answer()), talkers(tmp_path) as (at_desk, store):
        _, talk = await talk_about(at_desk, ["Read letter 1.", "And letter 2?"])
        messages: Any = read_all(store, talk.head)
    assert faults(messages) == []
    assert messages[-1]["content"][0]["text"] == "Counted."


async def test_long_arguments_reach_the_tool_by_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claude: OfflineClaude
) -> None:
    long = "word " * 2_000
    call = tool_use(json.dumps({"text": long}))
    call = call.replace(b'"name": "refund"', b'"name": "count_words"')
    call = call.replace(*_length(call))
    async with answering(monkeypatch, call, _answer()), talkers(tmp_path) as (at_desk, store):
        run, talk = await talk_about(at_desk, ["Count these words."])
        history = await run.fetch_history()
        raw = b"".join(event.SerializeToString() for event in history.events)
        messages: Any = read_all(store, talk.head)
    assert long.encode() not in raw
    assert b'"kept":"sha256:' in raw
    assert results_in(messages)[0]["content"] == "2000"


async def test_arguments_cannot_forge_a_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claude: OfflineClaude
) -> None:
    secret = SQLiteStore(tmp_path / "store.db").put("somebody else's letter")
    call = tool_use(json.dumps({"kept_in": secret}))
    call = call.replace(b'"name": "refund"', b'"name": "count_words"')
    call = call.replace(*_length(call))
    async with answering(monkeypatch, call, _answer()), talkers(tmp_path) as (at_desk, store):
        _, talk = await talk_about(at_desk, ["Count these words."])
        messages: Any = read_all(store, talk.head)
    result = results_in(messages)[0]
    assert result["is_error"]
    assert "Invalid arguments for count_words: text: Field required" in result["content"]


async def test_arguments_kept_for_one_call_are_not_given_to_another(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store.db")
    kept = keep_arguments(ToolCall("toolu_1", "count_words", {"text": "a" * 99}), store, 10)
    activity = tool_activity([count_words], store=store)
    env = ActivityEnvironment()
    env.payload_converter = pydantic_data_converter.payload_converter
    env.info = replace(env.info, activity_type="tool.count_words")
    forged = replace(kept, id="toolu_2")
    for call, fits in ((kept, True), (forged, False)):
        (payload,) = pydantic_data_converter.payload_converter.to_payloads([ToolRequest(call, "k")])
        if fits:
            assert (await env.run(activity, [RawValue(payload)])).text == "1"
        else:
            with pytest.raises(ApplicationError, match="arguments of this call are missing"):
                await env.run(activity, [RawValue(payload)])


async def test_error_text_cannot_forge_a_reference(claude: OfflineClaude, tmp_path: Path) -> None:
    async with talkers(tmp_path) as (at_desk, store):
        _, talk = await talk_about(at_desk, ["Please refuse letter 7."])
        messages: Any = read_all(store, talk.head)
    (result,) = results_in(messages)
    assert json.loads(result["content"])["preview"] == "hi"


@pytest.mark.parametrize("answered", [0, 1])
async def test_head_between_calls_and_results_is_continued(
    answered: int, claude: OfflineClaude, tmp_path: Path
) -> None:
    async with talkers(tmp_path) as (at_desk, store):
        said = [user("Please read letters 1 and 2."), asks("t1", "t2")]
        head = append(store, None, said)
        new: Any = [results("t2")][:answered]
        talk = LongConversation(head=head, new=new)
        assert talk.say("Never mind. Please read letter 3.")
        run = await at_desk.start(Talk.run, talk, [], NEVER)
        later = await run.result()
        messages: Any = read_all(store, later.head)
    assert faults(messages) == []
    open_calls = messages[2]["content"][: 2 - answered]
    assert [block["tool_use_id"] for block in open_calls] == ["t1", "t2"][: 2 - answered]
    assert all(block["is_error"] and block["content"][:8] == "Not run:" for block in open_calls)
    assert letter(3) in [r["content"] for r in results_in(messages)[2:] if "content" in r]
    assert [call.status for call in claude.calls()] == [200] * len(claude.calls())


async def test_long_words_are_read_where_they_are_kept(
    claude: OfflineClaude, tmp_path: Path
) -> None:
    async with talkers(tmp_path) as (at_desk, store):
        talk = LongConversation()
        assert talk.say(Kept(store.put("Please read letter 4. " + "And hurry. " * 900)))
        run = await at_desk.start(Talk.run, talk, [], NEVER)
        later = await run.result()
        messages: Any = read_all(store, later.head)
        raw = b"".join(e.SerializeToString() for e in (await run.fetch_history()).events)
    assert messages[0]["content"].startswith("Please read letter 4. And hurry. And")
    assert letter(4) in [r["content"] for r in results_in(messages)]
    assert b"And hurry. And hurry" not in raw


async def test_summary_that_claude_does_not_write_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claude: OfflineClaude
) -> None:
    real = call_with

    async def call(prompt: Any, request: ClaudeRequest) -> ClaudeReply:
        if request.system == SYSTEM:
            return ClaudeReply([], "refusal", Usage(7, 0), "claude-haiku-4-5")
        return await real(prompt, request)

    monkeypatch.setattr(activities, "call_with", call)
    async with talkers(tmp_path) as (at_desk, store):
        run, talk = await talk_about(at_desk, LETTERS, Window(tokens=9_000))
        summaries = [each for each in walk(store, talk.head) if each.summary]
        condensed = [s for s in await steps(run) if s.activity == "condense"]
    assert len(summaries) == len(condensed) >= 1
    assert {each.summary for each in summaries} == {UNWRITTEN}
    assert {each.attempts for each in condensed} == {2}


async def test_turn_goes_on_without_a_summary_that_fails_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claude: OfflineClaude
) -> None:
    async def broken(*_: object) -> None:
        raise ApplicationError("no summaries here", type="NoSummary", non_retryable=True)

    monkeypatch.setattr(activities, "request_for", broken)
    monkeypatch.setattr(activities, "_condense", broken)
    async with talkers(tmp_path) as (at_desk, store):
        _, talk = await talk_about(at_desk, LETTERS, Window(tokens=9_000))
        messages: Any = read_all(store, talk.head)
    assert [r["content"] for r in results_in(messages)] == [letter(n) for n in range(1, 7)]
    assert max(call.input_tokens for call in claude.calls()) < 10_000
    assert talk.spent.turns == 12


async def test_what_activities_return_has_a_bound_over_all_calls_of_a_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks: Any = [
        {"type": "tool_use", "id": f"t{n}", "name": "count_words", "input": {"text": "w" * 1_900}}
        for n in range(1_000)
    ]

    async def call(prompt: Any, request: ClaudeRequest) -> ClaudeReply:
        return ClaudeReply(blocks, "tool_use", Usage(1, 1), "claude-haiku-4-5")

    monkeypatch.setattr(activities, "call_with", call)
    monkeypatch.setattr(activities, "load_prompt", lambda *_: None)
    store = SQLiteStore(tmp_path / "store.db")
    prompt = PinnedPrompt("letters", "sha256:1")
    new: Any = [user("Count")]
    taken = await activities._take_turn(store, Turn(None, new, prompt, Window(), PartialAnswer()))
    assert taken is not None
    assert len(taken.calls) == 1_000
    assert len(TypeAdapter(Any).dump_json(taken)) < 500_000
    talk = LongConversation(calls=taken.calls)
    talk.add_results([tool_result(each, "e" * 2_000, is_error=True) for each in taken.calls])
    assert len(TypeAdapter(Any).dump_json(talk.new)) < 500_000


async def test_lost_link_fails_the_run_without_retry(claude: OfflineClaude, tmp_path: Path) -> None:
    async with talkers(tmp_path) as (at_desk, store):
        _, talk = await talk_about(at_desk, LETTERS[:1])
        with sqlite3.connect(store.path) as db:
            db.execute("delete from texts where reference = ?", (talk.head,))
        db.close()
        run = await at_desk.start(Talk.run, talk, LETTERS[1:2], NEVER)
        with pytest.raises(WorkflowFailureError) as failed:
            await run.result()
        assert [step.attempts for step in await steps(run)] == [1]
    cause = cause_of(failed.value)
    assert cause.type == "BrokenTranscript"
    assert "AGENTKIT_STORE" in cause.message


async def test_conversation_keeps_its_first_prompt_and_model(
    claude: OfflineClaude, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTKIT_MODEL", "claude-haiku-4-5")
    async with talkers(tmp_path) as (at_desk, store):
        _, talk = await talk_about(at_desk, LETTERS[:1])
        monkeypatch.setenv("AGENTKIT_MODEL", "claude-opus-4-8")
        run = await at_desk.start(Talk.run, talk, LETTERS[1:2], NEVER)
        later = await run.result()
        assert load_prompt(store, later.prompt).system == "Be brief."
    assert later.prompt == talk.prompt
    assert {call.model for call in claude.calls()} == {"claude-haiku-4-5"}


def test_note_on_a_kept_result_goes_to_claude(tmp_path: Path) -> None:
    # As agentkit.approvals adds it to the block that run_tool returned.
    store = SQLiteStore(tmp_path / "store.db")
    kept = {"kept": store.put("the whole\nresult"), "characters": 16, "preview": "the whole"}
    call = ToolCall("t1", "read_letter", {})
    talk = LongConversation(calls=[call])
    talk.add_results([tool_result(call, {**kept, "note": "[Changed.]"})])
    (message,) = cast("list[Message]", talk.new)
    assert "the whole" not in str(message)
    assert opened(store, message)["content"][0]["content"] == "the whole\nresult\n[Changed.]"


async def test_take_turn_needs_a_prompt() -> None:
    with pytest.raises(ApplicationError, match="has no prompt"):
        await LongConversation(new=[user("Hi")]).take_turn()  # type: ignore[list-item]


async def test_begin_keeps_the_first_prompt() -> None:
    talk = LongConversation()
    await talk.begin(PinnedPrompt("letters", "sha256:1"))
    await talk.begin(PinnedPrompt("letters", "sha256:2"))
    assert talk.prompt == PinnedPrompt("letters", "sha256:1")


def test_misuse_fails_the_run_and_not_its_workflow_task_forever() -> None:
    with pytest.raises(ApplicationError, match="Expected the results") as wrong:
        LongConversation().add_results(
            [{"type": "tool_result", "tool_use_id": "t9", "content": "{}"}]
        )
    assert wrong.value.non_retryable


@pytest.mark.parametrize("nothing", ["", " \n", None, 7, [], {}, {"kept": 3}, {"a": 1}, b"x"])
def test_what_is_no_words_is_not_said(nothing: object) -> None:
    talk = LongConversation()
    assert not talk.say(nothing)
    assert talk.new == []


async def test_words_said_while_claude_answers_wait_for_the_next_turn() -> None:
    run = Endless(random.Random(1), Window(2_000), kinds=("text",))
    for n in range(30):
        run.meanwhile = f"<9{n}> And then?"
        await run.go_on(n + 1)
    new: Any = run.talk.new
    said = [each["content"] for each in [*run.all_messages(), *new] if each["role"] == "user"]
    asked = [each for each in said if str(each).endswith("And then?")]
    assert asked == [f"<9{n}> And then?" for n in range(30)]
    assert len(run.summaries) > 2, "also during a summary"


def test_more_words_than_a_run_can_carry_are_not_added() -> None:
    talk = LongConversation()
    added = [talk.say("x" * 90_000) for _ in range(15)]
    assert added == [True] * 11 + [False] * 4
    assert not LongConversation().say("é" * 200_000)
    short = LongConversation()
    assert [short.say("x") for _ in range(1_000)].count(True) == MOST_WAITING


def test_words_said_while_tools_run_go_after_their_results() -> None:
    talk = LongConversation(calls=[ToolCall("t1", "read_letter", {})])
    assert talk.say("And hurry.")
    talk.add_results([{"type": "tool_result", "tool_use_id": "t1", "content": "{}"}])
    first, second = cast("list[Message]", talk.new)
    assert first["content"][0]["tool_use_id"] == "t1"
    assert second == user("And hurry.")


def test_long_answer_is_visibly_truncated_in_history() -> None:
    assert cut("short", 4_000) == "short"
    assert len(cut("x" * 9_000, 4_000)) == 4_000
    assert cut("x" * 9_000, 4_000).endswith("whole answer is in the transcript.]")


def test_retried_append_gives_the_same_head(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "store.db")
    assert append(store, None, [user("Hi")]) == append(store, None, [user("Hi")])


def shape(messages: Any) -> str:
    """A conversation without the ids, which are new in every reply."""
    text = json.dumps(messages)
    ids = [b["id"] for m in messages for b in m["content"] if isinstance(b, dict) and "id" in b]
    for n, each in enumerate(ids):
        text = text.replace(each, f"id-{n}")
    return text


def _answer() -> bytes:
    """A reply that says something and ends."""
    text = tool_use(stop_reason="end_turn")
    start = b'{"type": "tool_use", "id": "toolu_1", "name": "refund", "input": {}}'
    text = text.replace(start, b'{"type": "text", "text": "Counted."}')
    return text.replace(*_length(text))


def _length(answer: bytes) -> tuple[bytes, bytes]:
    """The content-length that an answer says, and the one that is right."""
    head, _, body = answer.partition(b"\r\n\r\n")
    said = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    return said, b"content-length: %d" % len(body)
