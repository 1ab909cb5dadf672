"""A slice of the crash campaign, and the campaign itself under test. The whole is `make crash`."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from classroom import workers
from tests.crash.campaign.broken import try_all
from tests.crash.campaign.bugs import BROKEN
from tests.crash.campaign.campaign import Campaign, campaign
from tests.crash.campaign.cases import NotKilled, expect_killed
from tests.crash.campaign.invariants import INVARIANTS, Judged
from tests.crash.campaign.nursery import ROOT
from tests.crash.campaign.observation import Seen, Step
from tests.crash.campaign.points import KINDS, Case, Kill, cases
from tests.crash.campaign.report import failure
from tests.crash.campaign.scenarios import SCENARIOS, names, scenario, without_entry

SEED = 8
PAGE = ROOT / "docs" / "measured.md"
ISSUE_8 = (
    "a new idempotency key with each attempt",
    "the effect is committed before its row in the ledger",
    "an effect in Workflow code",
    "an effect without a key is tried again",
    "an approval that isn't bound to what was seen",
    "messages are appended to the end of a log, without a content address",
)
ISSUE_14 = (
    "a key without the call's place in the conversation",
    "an effect in PostgreSQL outside of the transaction that once() opens",
    "a plugin that replaces the client's data converter, codec included",
    "a reply of a server that repeats ids is recorded unchecked",
)
"""The bugs that are planted in each run of the tests; `make crash` plants them all."""

pytestmark = pytest.mark.timeout(400)
in_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Campaign]:
    """A campaign whose undisturbed runs are over."""
    async with campaign(2, workers.NOTEBOOKS.parent) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clean(running: Campaign) -> Campaign:
    undisturbed = await running.run_undisturbed(names())
    assert [failure(each, SEED) for each in undisturbed.failed] == []
    return running


def test_every_recipe_is_in_the_campaign(tmp_path: Path) -> None:
    missing = without_entry(workers.NOTEBOOKS)
    assert not missing, (
        f"Nobody kills {', '.join(missing)}: add a Scenario to SCENARIOS in "
        "tests/crash/campaign/scenarios.py"
    )
    recipe = tmp_path / "recipes" / "a_new_one"
    recipe.mkdir(parents=True)
    (recipe / "worker.py").touch()
    assert without_entry(tmp_path) == ["a_new_one"]


@in_loop
async def test_kills_of_every_kind_leave_no_trace(clean: Campaign) -> None:
    chosen = one_of_each_kind(clean)
    assert {case.kind for case in chosen} == set(KINDS)
    assert len({case.scenario for case in chosen}) == len(names())
    results = await clean.run(chosen)
    assert [failure(each, SEED) for each in results.failed] == []
    assert len(results.ran) == len(chosen)
    for ran in results.ran:
        assert len(ran.outcome.kills) == len(ran.case.kills)


def test_every_planted_bug_fits_the_code() -> None:
    edits = [(variant.name, *edit) for variant in BROKEN for edit in variant.edits]
    places = {(name, file): (ROOT / file).read_text().count(old) for name, file, old, _ in edits}
    assert [place for place, times in places.items() if times != 1] == []


@in_loop
async def test_planted_bugs_are_caught_for_their_own_reasons(clean: Campaign) -> None:
    chosen = [variant for variant in BROKEN if variant.name in ISSUE_8 + ISSUE_14]
    assert len(chosen) == len(ISSUE_8 + ISSUE_14)
    found = await try_all(clean, chosen)
    missed = {v.name: found[v.name] for v in chosen if not set(found[v.name]) & set(v.expected)}
    assert missed == {}


@in_loop
async def test_kill_that_does_not_happen_is_an_error_with_a_command_to_repeat_it(
    clean: Campaign,
) -> None:
    point = {"place": "activity", "type": "call_claude", "number": 99, "when": "before"}
    case = Case("durable_loop", "before-model", (Kill("worker", {**point, "how": "die"}),))
    results = await clean.run([case])
    (ran,) = results.failed
    assert ran.outcome.kills == []
    told = failure(ran, SEED)
    assert "over before the point was reached" in told
    assert f"python -m tests.crash.campaign --seed {SEED} --case" in told


@pytest.mark.parametrize(
    ("kills", "attempts", "lost_calls", "calls", "fits"),
    [
        ([15.0], 1, 0, 1, True),
        ([15.0], 2, 0, 1, True),
        ([15.0], 2, 0, 2, False),
        ([15.0], 2, 1, 2, True),
        ([15.0], 3, 0, 2, True),
        ([15.0], 3, 0, 3, False),
        ([5.0], 2, 0, 2, True),
        ([25.0], 2, 0, 2, True),
        ([25.0], 2, 0, 3, False),
        ([15.0, 16.0], 3, 0, 2, False),
        ([5.0, 15.0], 3, 0, 2, True),
        ([], 1, 0, 2, False),
    ],
)
def test_call_of_claude_is_excused_by_its_own_lost_attempt_only(
    kills: list[float], attempts: int, lost_calls: int, calls: int, fits: bool
) -> None:
    def seen(attempts: int, calls: int) -> Seen:
        step = Step("call_claude", 0, 0, [], 1.75, True, 10.0, attempts, 20.0, "completed")
        trace = [{"activity": "call_claude", "asked": True}]
        return Seen(steps=[step], calls=calls, trace=trace)

    about = scenario("durable_loop")
    judged = Judged(about, seen(attempts, calls), seen(1, 1), kills, lost_calls, Path())
    assert bool([*INVARIANTS["model calls"](judged)]) is not fits


def test_only_sigkill_counts_as_a_kill() -> None:
    expect_killed([("a worker", -9), ("the server", -9)])
    for code in (0, 1, -15):
        with pytest.raises(NotKilled, match=f"a worker ended with {code}"):
            expect_killed([("the server", -9), ("a worker", code)])


def test_case_round_trips_through_the_command_line() -> None:
    points = {"place": "delay", "share": 0.5}, {"place": "workflow", "when": "replay", "number": 2}
    case = Case("long_running", "replay", tuple(Kill("worker", point) for point in points))
    assert Case.read(case.spec) == case


def one_of_each_kind(clean: Campaign) -> list[Case]:
    """Choose a case of each kind, each of another scenario as far as there are any."""
    rng = random.Random(SEED)
    by_name = {name: cases(name, scenario(name), clean.clean[name].seen, rng) for name in names()}
    chosen: list[Case] = []
    # The kinds that few scenarios have choose first.
    for kind in sorted(KINDS, key=lambda kind: sum(kind in each for each in by_name.values())):
        able = [name for name, found in by_name.items() if kind in found]
        used = [case.scenario for case in chosen]
        chosen.append(by_name[min(able, key=used.count)][kind][0])
    return chosen


def test_published_table_is_of_a_whole_campaign() -> None:
    table = PAGE.read_text().partition("<!-- crash:begin -->")[2].partition("<!-- crash:end")[0]
    rows = [
        [cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines() if "|" in row
    ]
    assert set(rows[0]) == {"killed", *SCENARIOS, "all"}
    assert {row[0] for row in rows[2:]} == {*KINDS.values(), "all"}
    assert int(rows[-1][-1]) >= 200
    assert "0 lost, 0 with a wrong number of effects" in table
    assert f"{len(BROKEN)} of {len(BROKEN)} planted bugs were caught" in table
    assert re.search(r"By `make crash` on \d{4}-\d\d-\d\d: .*\d cores, \d+ GB.*temporalio", table)
