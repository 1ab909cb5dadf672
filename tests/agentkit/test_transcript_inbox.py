"""People's messages to a run: whatever comes, it fits into what a run carries on."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from agentkit.transcript.inbox import MOST_WAITING, Inbox, Kept, is_long

REFERENCE = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    "nothing", ["", " \t\n", None, 0, True, 3.5, [], ["Hi"], {}, {"kept": REFERENCE}, {"a": 1}]
)
def test_what_is_no_words_is_refused_and_counted(nothing: object) -> None:
    inbox = Inbox()
    assert not inbox.put(nothing)
    assert (inbox.waiting, inbox.refused) == ([], 1)


def test_too_many_messages_are_refused_and_counted_and_the_first_ones_wait() -> None:
    inbox = Inbox()
    taken = [inbox.put(f"Message {n}") for n in range(MOST_WAITING + 7)]
    assert taken == [True] * MOST_WAITING + [False] * 7
    assert inbox.waiting == [f"Message {n}" for n in range(MOST_WAITING)]
    assert inbox.refused == 7


async def test_carried_inbox_has_a_bound_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def keep(name: str, text: str, **options: object) -> str:
        assert (name, text.strip("\x00é🙂x")) == ("keep_text", "")
        return REFERENCE

    monkeypatch.setattr("temporalio.workflow.execute_activity", keep)
    inbox = Inbox()
    texts = ["x" * 60_000, "\x00" * 1_990, "é" * 1_000, "🙂" * 600, "x" * 1_990]
    for n in range(MOST_WAITING):
        inbox.put(texts[n % len(texts)])
    await inbox.keep()
    adapter = TypeAdapter(Inbox)
    carried = adapter.dump_json(inbox)
    assert len(carried) < 250_000
    assert adapter.validate_json(carried) == inbox
    assert await inbox.take() == Kept(REFERENCE)


async def test_message_that_comes_while_others_are_kept_is_kept_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inbox = Inbox()

    async def keep(name: str, text: str, **options: object) -> str:
        if len(inbox.waiting) == 1:
            inbox.put("late " * 1_000)
        return REFERENCE

    monkeypatch.setattr("temporalio.workflow.execute_activity", keep)
    inbox.put("early " * 1_000)
    await inbox.keep()
    assert inbox.waiting == [Kept(REFERENCE)] * 2


def test_length_is_that_of_the_json() -> None:
    assert not is_long("x" * 1_990)
    assert is_long("x" * 2_000)
    assert is_long("é" * 400)
