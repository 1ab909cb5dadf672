"""The chain in the store: what is appended is found, once, and nobody can change it unseen."""

from __future__ import annotations

import json
import secrets
import sqlite3
from pathlib import Path

import pytest

from agentkit.stores import SQLiteStore
from agentkit.transcript import (
    BrokenTranscript,
    append,
    read_all,
    verify,
    verify_history,
    walk,
)
from agentkit.transcript.chain import append_summary, read_link
from tests.support.chats import asks, chat, results, says, size, user


@pytest.fixture
def store(tmp_path: Path) -> SQLiteStore:
    return SQLiteStore(tmp_path / "store.db")


def keep(store: SQLiteStore, exchanges: int = 5) -> list[str]:
    """A conversation of one link a turn; its heads."""
    heads: list[str] = []
    messages = chat(exchanges)
    for n in range(0, len(messages), 2):
        heads.append(append(store, heads[-1] if heads else None, messages[n : n + 2]))
    return heads


def alter(store: SQLiteStore, reference: str, text: str | None) -> None:
    with sqlite3.connect(store.path) as db:
        if text is None:
            db.execute("delete from texts where reference = ?", (reference,))
        else:
            db.execute("update texts set text = ? where reference = ?", (text.encode(), reference))
    db.close()


def rows(store: SQLiteStore) -> int:
    with sqlite3.connect(store.path) as db:
        count = int(db.execute("select count(*) from texts").fetchone()[0])
    db.close()
    return count


def test_conversation_is_read_back_unchanged(store: SQLiteStore) -> None:
    heads = keep(store)
    assert read_all(store, heads[-1]) == chat(5)
    assert read_all(store, None) == []


def test_appending_again_gives_the_same_head_and_stores_nothing(
    store: SQLiteStore,
) -> None:
    heads = keep(store)
    before = rows(store)
    again = append(store, heads[3], chat(5)[8:10])
    assert again == heads[4]
    assert keep(store) == heads
    assert rows(store) == before


def test_conversations_with_the_same_beginning_share_it(store: SQLiteStore) -> None:
    heads = keep(store)
    other = append(store, heads[2], [user("Something else")])
    assert other not in heads
    assert read_all(store, other)[:-1] == read_all(store, heads[2])


def test_appending_nothing_changes_nothing(store: SQLiteStore) -> None:
    head = keep(store)[-1]
    assert append(store, head, []) == head
    with pytest.raises(ValueError, match="no messages"):
        append(store, None, [])


def test_kept_result_is_stored_once(store: SQLiteStore) -> None:
    text = "a long result " * 500
    kept = store.put(text)
    block = {"type": "tool_result", "tool_use_id": "t1", "content": {"kept": kept}}
    head = append(store, None, [user("Where?"), asks("t1")])
    head = append(store, head, [{"role": "user", "content": [block]}, says("There.")])
    assert text not in store.get(head)
    assert read_all(store, head)[2] == results("t1", text=text)


def test_half_a_surrogate_pair_survives(store: SQLiteStore) -> None:
    head = append(store, None, [user("broken \ud83d emoji")])
    assert read_all(store, head) == [user("broken \ud83d emoji")]


def test_missing_link_error_names_it_and_the_next_step(store: SQLiteStore) -> None:
    heads = keep(store)
    alter(store, heads[4], None)
    with pytest.raises(BrokenTranscript, match=rf"holds no {heads[4]}.*AGENTKIT_STORE.*5 links"):
        read_all(store, heads[-1])


def test_altered_link_error_names_it(store: SQLiteStore) -> None:
    heads = keep(store)
    alter(store, heads[4], store.get(heads[4]).replace("Question", "Sentence"))
    with pytest.raises(BrokenTranscript, match=f"{heads[4]} in .* has been altered"):
        verify(store, heads[-1])
    with pytest.raises(BrokenTranscript, match="has been altered"):
        append(store, heads[4], [user("Go on")])


def test_reference_to_another_text_is_not_a_head(store: SQLiteStore) -> None:
    for text in ("a long result", '["a list"]', '{"messages": []}', "3"):
        with pytest.raises(BrokenTranscript, match="isn't a link"):
            read_link(store, store.put(text))


def test_verify_returns_the_size_of_the_conversation(store: SQLiteStore) -> None:
    heads = keep(store)
    head = append_summary(store, heads[-1], "Five questions.", covers=3)
    found = verify(store, head)
    assert (found.links, found.messages, found.summaries) == (11, 20, 1)
    assert read_all(store, head) == chat(5), "a summary is no message"


@pytest.mark.parametrize(
    "change",
    [
        {"count": 9},
        {"tokens": 9},
        {"sizes": [1, 1]},
        {"first": "sha256:" + "0" * 64},
        {"first": None},
        {"previous": None},
        {"noted": "sha256:" + "0" * 64},
    ],
)
def test_forged_link_does_not_add_up(store: SQLiteStore, change: dict[str, object]) -> None:
    heads = keep(store)
    forged = store.put(json.dumps({**json.loads(store.get(heads[5])), **change}))
    with pytest.raises(BrokenTranscript):
        verify(store, append(store, forged, [user("Go on")]))


def test_each_link_names_the_newest_summary(store: SQLiteStore) -> None:
    heads = keep(store)
    first = append_summary(store, heads[-1], "Five questions.", covers=3)
    second = append_summary(store, append(store, first, chat(1)), "Six.", covers=7)
    last = append(store, second, chat(1))
    named = [(link.noted, link.newest_summary) for link in walk(store, last)]
    assert named[:4] == [(second, second), (first, second), (first, first), (None, first)]
    assert set(named[4:]) == {(None, None)}
    assert verify(store, last).summaries == 2


@pytest.mark.parametrize("noted", [None, "the first"])
def test_link_that_hides_the_newest_summary_does_not_add_up(
    store: SQLiteStore, noted: str | None
) -> None:
    first = append_summary(store, keep(store)[-1], "Five questions.", covers=3)
    second = append_summary(store, append(store, first, chat(1)), "Six.", covers=7)
    link = json.loads(store.get(append(store, second, chat(1))))
    forged = store.put(json.dumps({**link, "noted": noted and first}))
    with pytest.raises(BrokenTranscript, match="doesn't follow on"):
        verify(store, forged)


def test_link_of_an_older_store_is_read_as_one_without_a_summary(store: SQLiteStore) -> None:
    link = json.loads(store.get(keep(store)[-1]))
    del link["noted"]
    old = store.put(json.dumps(link))
    assert read_link(store, old).newest_summary is None
    assert verify(store, append(store, old, chat(1))).messages == 24


def test_recorded_heads_are_found_in_order(store: SQLiteStore) -> None:
    heads = keep(store)
    assert verify_history(store, heads) == verify(store, heads[-1])
    assert verify_history(store, [heads[1], heads[1], heads[5]]).messages == 12
    assert verify_history(store, []).links == 0


def test_history_detects_an_exchanged_conversation(store: SQLiteStore) -> None:
    heads = keep(store)
    other = append(store, heads[2], [user("Refund it twice")])
    with pytest.raises(BrokenTranscript, match=heads[5]):
        verify_history(store, [*heads[:6], other])
    with pytest.raises(BrokenTranscript, match="isn't in its place"):
        verify_history(store, [heads[3], heads[1], heads[5]])


def test_conversation_takes_at_most_a_fifth_more_on_disk(store: SQLiteStore) -> None:
    # Texts that don't repeat, in the sizes of an agent at work: 10 KB results, short answers.
    head, said = None, 0
    for n in range(60):
        kept = store.put(secrets.token_hex(5_120))
        block = {"type": "tool_result", "tool_use_id": f"t{n}", "content": {"kept": kept}}
        new = [{"role": "user", "content": [block]}] if head else [user("Begin")]
        head = append(store, head, [*new, {**asks(f"t{n + 1}")}])
    said = size([{**each} for each in read_all(store, head)])
    assert sum(f.stat().st_size for f in store.path.parent.iterdir()) <= 1.2 * said


def test_walk_reads_links_lazily(store: SQLiteStore) -> None:
    heads = keep(store)
    alter(store, heads[0], None)
    assert next(walk(store, heads[-1])).reference == heads[-1]
