"""However a conversation goes on, each request has a bound and no message is lost to Claude."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.transcript import Window, verify
from agentkit.transcript.chain import size_of
from agentkit.transcript.window import LEAST_TOKENS
from tests.support.endless import Endless


def check(run: Endless) -> None:
    window = run.window
    assert max(run.requests) <= window.tokens, "a turn's request"
    assert max([0, *run.summaries]) <= window.tokens, "a summary's request"
    assert all(size_of({"content": each}) <= window.notes + 1 for each in run.notes())
    assert all("PROMISE-7" in each for each in run.notes())
    assert max(run.states) <= 20_000
    verify(run.store, run.talk.head)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    tokens=st.one_of(st.integers(LEAST_TOKENS, 4_000), st.integers(LEAST_TOKENS, 60_000)),
    most=st.integers(12, 300),
    writes=st.sampled_from(["brief", "verbose", "mixed"]),
)
async def test_every_request_fits_and_every_message_is_noted_or_shown(
    seed: int, tokens: int, most: int, writes: str
) -> None:
    run = Endless(random.Random(seed), Window(tokens, most), writes)
    await run.go_on(25)
    check(run)


async def test_a_thousand_tool_calls_within_one_question() -> None:
    sizes = (1, 40, 400, 4_000)
    run = Endless(random.Random(1), Window(LEAST_TOKENS), "verbose", ("tools",), sizes)
    await run.go_on(520)
    check(run)
    assert run.calls > 1_000
    assert len(run.notes()) > 50


async def test_state_and_requests_stay_as_they_are_over_hundreds_of_turns() -> None:
    run = Endless(random.Random(2), Window(2_000), "mixed", sizes=(1, 40, 400, 4_000))
    await run.go_on(400)
    check(run)
    early, late = run.summaries[5:50], run.summaries[-45:]
    assert sum(late) < 1.2 * sum(early), "summaries don't grow"
    assert max(run.states[-100:]) < 1.2 * max(run.states[:100])


async def test_notes_that_cannot_be_written_end_no_run_and_lose_no_earlier_notes() -> None:
    run = Endless(random.Random(3), Window(2_000), "brief")
    await run.go_on(40)
    run.writes = "nothing"
    await run.go_on(120)
    check(run)
    assert run.notes()[-1].endswith("[Notes on what came next could not be written.]")
    assert run.notes()[-1].count("could not be written") == 1
    run.writes = "brief"
    await run.go_on(140)
    check(run)
