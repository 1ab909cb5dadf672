"""The window: what goes to Claude is always what the API takes, and costs what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.stores import SQLiteStore
from agentkit.transcript import Window, append, read_all
from agentkit.transcript.chain import append_summary, size_of
from agentkit.transcript.window import View, may_begin, read_window
from tests.support.chats import Message, asks, chat, chats, faults, results, says, user


def tokens_of(view: View) -> int:
    return sum(map(size_of, view.messages))


class CountingStore(SQLiteStore):
    """Counts what is read."""

    reads = 0

    def get(self, reference: str) -> str:
        self.reads += 1
        return super().get(reference)


class Memory:
    """A store for properties that are tried hundreds of times."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def put(self, text: str) -> str:
        reference = f"sha256:{len(self.texts)}"
        self.texts[reference] = text
        return reference

    def get(self, reference: str) -> str:
        return self.texts[reference]


def kept(store: Memory | SQLiteStore, messages: list[Message], per_link: int = 2) -> str:
    head = None
    for n in range(0, len(messages), per_link):
        head = append(store, head, messages[n : n + per_link])
    assert head is not None
    return head


@settings(max_examples=200, deadline=None)
@given(
    said=chats(),
    tokens=st.integers(1, 1500),
    most=st.integers(2, 40),
    per_link=st.integers(1, 5),
    summaries=st.lists(st.integers(0, 30), max_size=2),
)
def test_window_is_always_a_valid_conversation(
    said: list[Message], tokens: int, most: int, per_link: int, summaries: list[int]
) -> None:
    store, window = Memory(), Window(tokens, most)
    head = None
    for n in range(0, len(said), per_link):
        head = append(store, head, said[n : n + per_link])
        if n // per_link in summaries:
            half = read_window(store, head, window.half)
            head = append_summary(store, head, "Noted.", half.begins)
    # Cut anywhere: also in the middle of an exchange, with results still to come.
    view = read_window(store, head, window)
    assert faults(view.messages) == []
    assert view.messages[0]["role"] == "user"
    first = view.messages[0]["content"]
    assert first == said[0]["content"] or first[0]["text"] == said[0]["content"]
    assert view.messages[1:] == said[view.begins :], "nothing is lost after the cut"
    fits = tokens_of(view) <= tokens and len(view.messages) <= most
    later = [n for n in range(view.begins + 1, len(said)) if may_begin(said, n)]
    assert fits or not later, "only the newest exchange may be larger"
    assert view.full == (view.begins > max(view.covers, 1))


@settings(max_examples=100, deadline=None)
@given(said=chats(), tokens=st.integers(50, 1500), data=st.data())
def test_new_results_follow_their_calls(
    said: list[Message], tokens: int, data: st.DataObject
) -> None:
    store = Memory()
    calls = [n for n, each in enumerate(said) if "tool_use" in str(each["content"])]
    if calls:
        at = data.draw(st.sampled_from(calls))
        head = kept(store, said[: at + 1])
        view = read_window(store, head, Window(tokens), [said[at + 1]])
        assert faults(view.messages) == []
        assert view.messages[-1] == said[at + 1]


def test_conversation_that_fits_is_shown_whole() -> None:
    store = Memory()
    head = kept(store, chat(3))
    view = read_window(store, head, Window())
    assert view.messages == read_all(store, head)
    assert not view.full
    assert tokens_of(view) == sum(map(size_of, chat(3)))


def test_window_shows_the_first_message_and_the_newest_that_fit() -> None:
    store = Memory()
    view = read_window(store, kept(store, chat(50)), Window(tokens=1000))
    assert view.messages[0] == user("Question 0")
    assert view.messages[-1] == says("Answer 49")
    assert view.full
    assert 500 < tokens_of(view) <= 1000


def test_window_limits_the_number_of_messages() -> None:
    store = Memory()
    view = read_window(store, kept(store, chat(50)), Window(messages=9))
    assert len(view.messages) == 9
    assert faults(view.messages) == []


def test_newest_exchange_is_shown_whole_even_if_too_large() -> None:
    store = Memory()
    head = kept(store, chat(5))
    new = [user("Look"), asks("a", "b"), results("a", "b", text="x" * 9000)]
    view = read_window(store, head, Window(tokens=100), new)
    assert view.messages[-2:] == new[1:]
    assert faults(view.messages) == []


def test_paused_words_are_not_separated() -> None:
    store = Memory()
    head = kept(store, [user("Begin"), says("One moment"), says("Here it is"), user("Thanks")])
    for tokens in range(1, 60):
        view = read_window(store, head, Window(tokens))
        assert says("Here it is") not in view.messages or says("One moment") in view.messages


def test_reading_costs_the_window_and_not_the_conversation(tmp_path: Path) -> None:
    reads = []
    for exchanges in (50, 500):
        store = CountingStore(tmp_path / f"{exchanges}.db")
        head = kept(store, chat(exchanges), per_link=4)
        store.reads = 0
        read_window(store, head, Window(tokens=2000))
        reads.append(store.reads)
    assert reads[0] == reads[1] < 20


def test_cut_stays_until_the_window_is_full_again() -> None:
    store, window = Memory(), Window(tokens=2000)
    head = kept(store, chat(30))
    view = read_window(store, head, window.half)
    head = append_summary(store, head, "Thirty questions, all answered.", view.begins)
    seen = []
    for n in range(3):
        head = append(store, head, [user(f"More {n}"), says("Yes.")])
        seen.append(read_window(store, head, window))
    assert {each.begins for each in seen} == {view.begins}
    assert not any(each.full for each in seen)
    assert "Thirty questions" in seen[0].messages[0]["content"][1]["text"]
    assert [each.messages[: len(seen[0].messages)] for each in seen] == [seen[0].messages] * 3


def test_only_the_newest_summary_is_shown() -> None:
    store = Memory()
    head = append_summary(store, kept(store, chat(10)), "The first.", 20)
    head = append_summary(store, append(store, head, chat(10)), "The second.", 60)
    shown = str(read_window(store, head, Window()).messages)
    assert "The second." in shown
    assert "The first." not in shown


def test_window_without_room_is_rejected() -> None:
    with pytest.raises(ValueError, match="no room"):
        Window(tokens=0)
    with pytest.raises(ValueError, match="no room"):
        Window(messages=1)
