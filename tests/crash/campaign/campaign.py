"""The whole campaign: undisturbed runs first, then the cases, several at a time."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from tests.crash.campaign.cases import Outcome, run_case, undisturbed
from tests.crash.campaign.invariants import Breach, Judged, breaches
from tests.crash.campaign.lane import Lane
from tests.crash.campaign.nursery import ROOT, Nursery
from tests.crash.campaign.points import Case, cases
from tests.crash.campaign.scenarios import scenario
from tests.crash.campaign.trees import copy_tree
from tests.support.postgres import postgres

T = TypeVar("T")

MOST_FAILED = 8
"""After so many cases that breach an invariant the rest isn't run: there is enough to look at."""

_AGAIN = 4


@dataclass(frozen=True)
class Ran:
    """A case with its outcome and its breaches.

    Attributes:
        case: The case.
        outcome: What happened.
        breaches: The invariants that don't hold.
    """

    case: Case
    outcome: Outcome
    breaches: list[Breach]

    @property
    def failed(self) -> bool:
        """Whether it reveals a bug, or no kill happened."""
        return bool(self.breaches or self.outcome.error)


@dataclass
class Results:
    """The results of a campaign.

    Attributes:
        ran: The cases, in the order in which they ended.
        skipped: How many weren't run, because too many had failed.
        seconds: How long it took.
    """

    ran: list[Ran] = field(default_factory=list)
    skipped: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> list[Ran]:
        """The cases that failed."""
        return [each for each in self.ran if each.failed]


class Campaign:
    """Runs cases on lanes; `async with campaign(...)` gives one.

    Args:
        lanes: Where cases run.
        folder: For copies of the code.
        tree: The code that is tried.
    """

    def __init__(self, lanes: Sequence[Lane], folder: Path, tree: Path) -> None:
        self._lanes, self._folder, self.tree = lanes, folder, tree
        self.clean: dict[str, Outcome] = {}

    def copy(self, name: str) -> Path:
        """Name a folder for a copy of the code."""
        return self._folder / f"tree-{name}"

    async def run_undisturbed(self, scenarios: Sequence[str]) -> Results:
        """Run each scenario once without a kill; the others are compared with these.

        Args:
            scenarios: Their names.
        """
        results = Results()

        async def one(lane: Lane, name: str) -> None:
            for last in (False, True):  # a machine that is too busy is no bug
                self.clean[name] = await undisturbed(lane, name, self.tree)
                ran = self._judged(Case(name, "undisturbed", ()), self.clean[name])
                if last or not ran.failed:
                    break
            results.ran.append(ran)

        await self.on_all_lanes(scenarios, one)
        return results

    def plan(
        self, scenarios: Sequence[str], seed: int, kills: int, kinds: Sequence[str] = ()
    ) -> list[Case]:
        """Choose cases: of each kind and scenario in turn, until there are enough kills.

        Args:
            scenarios: Their names; each has been run undisturbed.
            seed: Decides what is chosen where there is a choice.
            kills: How many kills at least.
            kinds: Only of these kinds; of all when there are none.
        """
        rng = random.Random(seed)
        columns = []
        for name in scenarios:
            found = cases(name, scenario(name), self.clean[name].seen, rng)
            columns += [list(v) for k, v in found.items() if not kinds or k in kinds]
        chosen: list[Case] = []
        while sum(len(case.kills) for case in chosen) < kills and any(columns):
            rng.shuffle(columns)
            chosen += [column.pop() for column in columns if column]
        rng.shuffle(chosen)
        while chosen and sum(len(c.kills) for c in chosen) - len(chosen[-1].kills) >= kills:
            chosen.pop()
        return chosen

    async def run(
        self,
        chosen: Sequence[Case],
        told: Callable[[Ran], None] = lambda ran: None,
        *,
        most_failed: int = MOST_FAILED,
        tree: Path | None = None,
    ) -> Results:
        """Run cases.

        Args:
            chosen: The cases.
            told: Is called with each case that was run.
            most_failed: After so many failed ones the rest is left out.
            tree: The code that they run; by default the campaign's own.
        """
        results = Results()
        began = time.monotonic()

        async def one(lane: Lane, case: Case) -> None:
            if len(results.failed) >= most_failed:
                results.skipped += 1
                return
            ran = await self.try_case(lane, case, tree or self.tree)
            results.ran.append(ran)
            told(ran)

        await self.on_all_lanes(chosen, one)
        results.seconds = time.monotonic() - began
        return results

    async def try_case(self, lane: Lane, case: Case, tree: Path) -> Ran:
        """Run one case, and judge it.

        Args:
            lane: Where.
            case: The case.
            tree: The code that its workers run.
        """
        times = self.clean[case.scenario].seen.times
        usual = times[-1] - times[2] - scenario(case.scenario).slow
        for _ in range(_AGAIN):
            outcome = await run_case(lane, case, tree, usual)
            if not outcome.error or outcome.kills:
                break
            # The run was over before its moment: an earlier one, if it was a random one. Others
            # can be missed too, as when a Query makes a new run replay before its first task.
            case = _earlier(case)
        return self._judged(case, outcome)

    def _judged(self, case: Case, outcome: Outcome) -> Ran:
        if outcome.error:
            return Ran(case, outcome, [])
        clean = self.clean[case.scenario].seen
        judged = Judged(
            scenario(case.scenario),
            outcome.seen,
            clean,
            outcome.kills,
            sum(kill.may_lose_a_call(clean.models) for kill in case.kills),
            outcome.store,
        )
        return Ran(case, outcome, breaches(judged))

    async def on_all_lanes(
        self, what: Sequence[T], work: Callable[[Lane, T], Awaitable[None]]
    ) -> None:
        """Distribute work: each lane takes the next item when it has finished one.

        Args:
            what: The things to do, the first one first.
            work: Does one of them on a lane.
        """
        left = list(what)[::-1]

        async def serve(lane: Lane) -> None:
            while left:
                await work(lane, left.pop())

        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(serve(lane))


@asynccontextmanager
async def campaign(lanes: int, tree: Path = ROOT) -> AsyncIterator[Campaign]:
    """Set up lanes, and a copy of the code that is tried.

    Args:
        lanes: How many cases go on at a time.
        tree: The code.
    """
    with tempfile.TemporaryDirectory(prefix="crash-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        copy = copy_tree(folder / "tree", tree)
        async with AsyncExitStack() as stack:
            nursery = await stack.enter_async_context(Nursery())
            bank = stack.enter_context(postgres())
            made = [Lane(nursery, folder / f"lane-{n}", bank) for n in range(lanes)]
            ready = [await stack.enter_async_context(lane) for lane in made]
            yield Campaign(ready, folder, copy)


def _earlier(case: Case) -> Case:
    kill = case.kills[0]
    if kill.point["place"] != "delay":
        return case
    point = {**kill.point, "share": round(kill.point["share"] / 4, 3)}
    return replace(case, kills=(replace(kill, point=point), *case.kills[1:]))
