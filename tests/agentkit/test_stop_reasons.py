"""Every reason to stop has a branch, and the branch never takes a cut reply for an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from anthropic.types import StopReason

from agentkit import Budget, ClaudeReply, assistant_message, tool_calls, user_message
from agentkit.budget import Spent
from agentkit.messages import CUT_SHORT, Usage
from agentkit.stop_reasons import (
    GO_ON,
    MAX_CONTINUATIONS,
    MOST_TOKENS,
    NextStep,
    Outcome,
    PartialAnswer,
    next_step,
    out_of_budget,
)

WORDS: Any = {"type": "text", "text": "Order 1042 is"}
MORE: Any = {"type": "text", "text": " on its way."}
BLANK: Any = {"type": "text", "text": " \n"}
THINKING: Any = {"type": "thinking", "thinking": "Hm.", "signature": "Eq"}
CALL: Any = {"type": "tool_use", "id": "toolu_1", "name": "refund", "input": {}}


def reply(stop_reason: str, *content: Any, **more: Any) -> ClaudeReply:
    return ClaudeReply(list(content), stop_reason, Usage(1, 1), "claude-sonnet-5-5", **more)


def said_by_claude(*content: Any) -> Any:
    return assistant_message(reply("end_turn", *content))


def step(said: ClaudeReply, *, max_tokens: int = 1000, continued: int = 0) -> NextStep:
    return PartialAnswer(max_tokens=max_tokens, continued=continued).apply_reply(said)


@pytest.mark.parametrize(
    ("stop_reason", "content", "do", "ended"),
    [
        ("tool_use", [THINKING, WORDS, CALL], "run_tools", ""),
        ("tool_use", [], "end", "empty"),
        ("end_turn", [THINKING, WORDS, MORE], "end", "end_turn"),
        ("stop_sequence", [WORDS], "end", "stop_sequence"),
        ("end_turn", [], "end", "empty"),
        ("end_turn", [BLANK], "end", "empty"),
        ("end_turn", [THINKING], "end", "empty"),
        ("max_tokens", [WORDS], "go_on", ""),
        ("max_tokens", [THINKING, WORDS], "go_on", ""),
        ("max_tokens", [WORDS, CALL], "ask_again", ""),
        ("max_tokens", [THINKING], "ask_again", ""),
        ("max_tokens", [BLANK], "ask_again", ""),
        ("max_tokens", [], "ask_again", ""),
        ("pause_turn", [WORDS], "go_on", ""),
        ("refusal", [WORDS], "end", "refusal"),
        ("refusal", [], "end", "refusal"),
        ("model_context_window_exceeded", [WORDS], "end", "model_context_window_exceeded"),
        ("a_reason_of_next_year", [WORDS], "end", "a_reason_of_next_year"),
        ("a_reason_of_next_year", [CALL], "run_tools", ""),
        ("end_turn", [WORDS, CALL], "run_tools", ""),
        ("stop_sequence", [CALL], "run_tools", ""),
        ("pause_turn", [CALL], "run_tools", ""),
        ("refusal", [CALL], "end", "refusal"),
        ("model_context_window_exceeded", [CALL], "end", "model_context_window_exceeded"),
        ("tool_use", [WORDS], "end", "end_turn"),
        ("empty", [], "end", "empty"),
    ],
)
def test_every_stop_reason_has_a_branch(
    stop_reason: str, content: list[Any], do: str, ended: str
) -> None:
    found = step(reply(stop_reason, *content))
    assert (found.do, found.ended) == (do, ended)
    assert bool(found.detail) == (do == "end" and ended not in ("end_turn", "stop_sequence"))


@pytest.mark.parametrize("stop_reason", get_args(StopReason))
def test_every_stop_reason_of_the_sdk_is_known(stop_reason: str) -> None:
    for content in ([WORDS], [CALL], []):
        assert "doesn't know" not in step(reply(stop_reason, *content)).detail


def test_cut_answer_is_continued_with_all_its_blocks() -> None:
    found = step(reply("max_tokens", THINKING, WORDS, MORE))
    assert found.messages == [said_by_claude(THINKING, WORDS, MORE), user_message(GO_ON)]
    assert found.max_tokens == 1000


def test_paused_turn_goes_back_unchanged() -> None:
    found = step(reply("pause_turn", WORDS))
    assert found.messages == [said_by_claude(WORDS)]


@pytest.mark.parametrize("stop_reason", CUT_SHORT)
def test_call_of_a_cut_reply_neither_runs_nor_goes_back(stop_reason: str) -> None:
    cut = reply(stop_reason, THINKING, WORDS, CALL)
    assert tool_calls(cut) == []
    assert assistant_message(cut) == said_by_claude(WORDS)
    assert CALL not in [b for message in step(cut).messages for b in message["content"]]


def test_cut_tool_call_is_dropped_and_asked_for_with_twice_the_tokens() -> None:
    found = step(reply("max_tokens", WORDS, CALL))
    assert (found.messages, found.max_tokens) == ([], 2000)
    found = step(reply("max_tokens", CALL), max_tokens=MOST_TOKENS - 1)
    assert found.max_tokens == MOST_TOKENS
    found = step(reply("max_tokens", CALL), max_tokens=MOST_TOKENS)
    assert (found.do, found.ended, found.messages) == ("end", "max_tokens", [])
    assert found.detail == "The reply doesn't fit into 64000 tokens."


def test_unset_limit_is_doubled_from_the_length_of_the_cut_reply() -> None:
    cut = replace(reply("max_tokens", CALL), usage=Usage(1, 8192))
    assert next_step(cut).max_tokens == 16_384
    assert next_step(reply("max_tokens", CALL)).max_tokens == 8192
    assert next_step(reply("tool_use", CALL)).max_tokens is None


@pytest.mark.parametrize("stop_reason", ["max_tokens", "pause_turn"])
def test_continuations_are_bounded_and_keep_the_words(stop_reason: str) -> None:
    said = reply(stop_reason, WORDS)
    assert step(said, continued=MAX_CONTINUATIONS - 1).do == "go_on"
    found = step(said, continued=MAX_CONTINUATIONS)
    assert (found.do, found.ended) == ("end", stop_reason)
    assert found.detail == f"Not whole after 5 continuations: {stop_reason} each time."
    assert found.messages[0] == said_by_claude(WORDS)
    assert step(reply("max_tokens", CALL), continued=MAX_CONTINUATIONS).do == "end"
    assert step(reply("tool_use", CALL), continued=MAX_CONTINUATIONS).do == "run_tools"


def test_refusal_carries_the_explanation_of_the_api() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "Too dangerous."}
    assert step(reply("refusal", stop_details=details)).detail == "Too dangerous."
    details["explanation"] = ""
    assert step(reply("refusal", stop_details=details)).detail == (
        "Claude refused, and gave no reason."
    )


def test_reply_without_words_and_calls_adds_no_message() -> None:
    for stop_reason in get_args(StopReason):
        for content in ([], [THINKING], [{"type": "redacted_thinking", "data": "E"}]):
            assert step(reply(stop_reason, *content)).messages == []


@pytest.mark.parametrize(
    ("ended", "answered"),
    [
        ("end_turn", True),
        ("stop_sequence", True),
        *((ended, False) for ended in ("max_tokens", "refusal", "turns", "seconds", "empty")),
    ],
)
def test_outcome_is_answered_only_if_claude_finished(ended: str, answered: bool) -> None:
    assert Outcome("Words.", ended, "", Spent()).answered is answered


def test_outcome_names_the_limit_and_the_amount_used() -> None:
    spent = Spent(turns=3, input_tokens=900, output_tokens=150, usd=0.0125)
    budget = Budget(turns=3, tokens=1000, usd=0.01, seconds=2.5)
    details = [
        out_of_budget(limit, budget, spent).detail
        for limit in ("turns", "tokens", "usd", "seconds")
    ]
    assert details == [
        "The budget is used up: 3 of 3 turns.",
        "The budget is used up: 1050 of 1000 tokens.",
        "The budget is used up: 0.0125 of 0.01 US dollars.",
        "The budget is used up: all of 2.5 seconds.",
    ]
    spent.unpriced = "claude-of-next-year"
    outcome = out_of_budget("usd", budget, spent, "So far.")
    assert (outcome.ended, outcome.text, outcome.spent) == ("usd", "So far.", spent)
    assert outcome.detail.startswith("claude-of-next-year has no price in agentkit.budget.PRICES")


def test_partial_answer_joins_pieces_since_the_last_tool() -> None:
    answer = PartialAnswer()
    steps = [
        answer.apply_reply(reply(*each)).do
        for each in (
            ("tool_use", WORDS, CALL),
            ("max_tokens", WORDS),
            ("pause_turn", MORE),
            ("max_tokens", MORE, CALL),
            ("end_turn", MORE),
        )
    ]
    assert steps == ["run_tools", "go_on", "go_on", "ask_again", "end"]
    assert answer.text == "Order 1042 is on its way. on its way."
    assert answer.max_tokens == 2 * 4096


def test_repeated_request_leaves_no_words_of_an_earlier_turn() -> None:
    answer = PartialAnswer()
    answer.apply_reply(reply("tool_use", WORDS, CALL))
    assert answer.text == "Order 1042 is"
    answer.apply_reply(reply("max_tokens", CALL))
    answer.apply_reply(reply("end_turn", MORE))
    assert answer.text == " on its way."


def test_tool_call_resets_the_continuation_count() -> None:
    answer = PartialAnswer()
    for _ in range(3):
        for _ in range(MAX_CONTINUATIONS):
            assert answer.apply_reply(reply("pause_turn", WORDS)).do == "go_on"
        assert answer.apply_reply(reply("tool_use", CALL)).do == "run_tools"


def test_empty_end_after_a_continuation_keeps_the_earlier_words() -> None:
    answer = PartialAnswer()
    answer.apply_reply(reply("pause_turn", WORDS))
    assert answer.apply_reply(reply("end_turn")).ended == "end_turn"
    assert answer.text == "Order 1042 is"
    silent = PartialAnswer()
    silent.apply_reply(reply("max_tokens", CALL))
    assert silent.apply_reply(reply("end_turn")).ended == "empty"
    paused = PartialAnswer()
    paused.apply_reply(reply("pause_turn", WORDS))
    assert paused.apply_reply(reply("empty")).ended == "end_turn"
    after_tools = PartialAnswer()
    after_tools.apply_reply(reply("tool_use", WORDS, CALL))
    assert after_tools.apply_reply(reply("end_turn")).ended == "empty"
