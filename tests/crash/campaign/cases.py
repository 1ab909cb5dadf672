"""One case: a run, its kills, and what can be observed at the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle

from tests.crash.campaign.lane import Lane, World
from tests.crash.campaign.looking import look
from tests.crash.campaign.nursery import Child
from tests.crash.campaign.observation import Seen
from tests.crash.campaign.points import Case, Kill
from tests.crash.campaign.reviewing import review
from tests.crash.campaign.scenarios import Scenario, scenario
from tests.crash.campaign.watching import Stuck, Watched

MOST_SECONDS = 150
"""How long a case may take in all."""


class NotKilled(Exception):
    """A kill didn't happen as planned, so the case proves nothing."""


@dataclass
class Outcome:
    """The outcome of a case.

    Attributes:
        seen: The run, from outside.
        kills: When each kill happened, in seconds since the epoch.
        recoveries: How long after each kill the run's history went on, in seconds.
        seconds: How long the case took.
        store: The file of its transcript.
        error: Why it doesn't count; "" when it does.
    """

    seen: Seen = field(default_factory=Seen)
    kills: list[float] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    seconds: float = 0.0
    store: Path = Path()
    error: str = ""


async def undisturbed(lane: Lane, name: str, tree: Path) -> Outcome:
    """Run a scenario without a kill, while its worker writes a trace."""
    return await _Run(lane, Case(name, "", ()), tree, trace=True).run()


async def run_case(lane: Lane, case: Case, tree: Path, usual_seconds: float) -> Outcome:
    """Run a case.

    Args:
        lane: Where.
        case: It.
        tree: The code that its workers run.
        usual_seconds: How long an undisturbed run takes, of which a "delay" is a share.
    """
    return await _Run(lane, case, tree, usual_seconds=usual_seconds).run()


class _Run:
    def __init__(
        self, lane: Lane, case: Case, tree: Path, *, trace: bool = False, usual_seconds: float = 0
    ) -> None:
        self.lane, self.case, self.tree, self.trace = lane, case, tree, trace
        self.usual_seconds = usual_seconds
        self.scenario: Scenario = scenario(case.scenario)
        self.recipe = case.scenario.partition(".")[0]
        self.world: World = lane.world()
        self.outcome = Outcome(store=self.world.store)
        self.workers: list[Child] = []
        self.moments = {name: asyncio.Event() for name in ("pending", "decided")}
        self.struck = {name: asyncio.Event() for name in ("pending", "decided")}
        self.handle: WorkflowHandle[Any, Any]

    async def run(self) -> Outcome:
        began = time.time()
        if not self.lane.server.alive:
            await self.lane.server.start()
        await asyncio.to_thread(self.lane.claude.reset)
        if self.scenario.slow and not self.case.kills:
            await asyncio.to_thread(self.lane.claude.slow, self.scenario.slow)
        self.handle = await self.lane.client.start_workflow(
            self.scenario.workflow,
            args=list(self.scenario.arguments),
            id=f"crash-{uuid.uuid4()}",
            task_queue=self.recipe.replace("_", "-"),
        )
        seen = self.outcome.seen
        seen.first_run = str(self.handle.first_execution_run_id)
        self.watched = Watched(self.lane.client, self.handle)
        for name, event in self.struck.items():
            if all(kill.point["place"] != name for kill in self.case.kills):
                event.set()  # nobody is killed at this moment: the reviewer goes on
        try:
            async with asyncio.timeout(MOST_SECONDS), self._with_reviewer():
                await self._work_watched()
        except NotKilled as err:
            self.outcome.error = str(err)
        except Stuck as err:
            seen.ended = f"stuck: {err}"
        except TimeoutError:
            seen.ended = f"stuck: not over after {MOST_SECONDS} s"
        except WorkflowFailureError as err:
            seen.ended = f"failed: {err.cause}"
        except Exception as err:  # one case of many: the others go on
            self.outcome.error = f"{type(err).__name__}: {err}"
        await look(self.lane, self.world, self.handle, self.scenario, seen)
        for when in self.outcome.kills:
            if later := [each for each in seen.times if each > when]:
                self.outcome.recoveries.append(min(later) - when)
        await self.watched.terminate()
        self.outcome.seconds = time.time() - began
        await self.lane.clear()
        return self.outcome

    async def _work_watched(self) -> None:
        working = asyncio.create_task(self._work())
        watching = asyncio.create_task(self.watched.until_stuck())
        try:
            await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
            else:
                await watching
        finally:
            for task in (working, watching):
                task.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def _work(self) -> None:
        """Kill as planned, one worker after the other, and wait for the end."""
        await self._next_worker()
        for kill in self.case.kills:
            await self._strike(kill)
        self.outcome.seen.result = await self.watched.result()
        self.outcome.seen.ended = "completed"

    async def _next_worker(self) -> None:
        """Start the parked worker, and park another one if a later kill needs it."""
        deaths = [kill for kill in self.case.kills if kill.victim != "server"]
        if not self.workers:
            self.workers.append(await self._worker(0, parked=False))
        else:
            self.workers[-1].begin()
        number = len(self.workers)
        self.running = self.workers[-1]
        if number <= len(deaths):
            self.workers.append(await self._worker(number, parked=True))

    async def _worker(self, number: int, *, parked: bool) -> Child:
        kills = self.case.kills
        point = kills[number].point if number < len(kills) else None
        if point and point["place"] == "model":
            point = {**point, "place": "activity", "when": "before", "how": "wait"}
        return await self.lane.worker(
            self.recipe,
            self.scenario.worker or f"recipes.{self.recipe}.worker",
            self.tree,
            self.world,
            number,
            point,
            parked=parked,
            trace=self.trace,
        )

    # Kills

    async def _strike(self, kill: Kill) -> None:
        number = self.workers.index(self.running)
        reached = self.world.folder / f"reached-{number}"
        go = self.world.folder / f"go-{number}"
        place = kill.point["place"]
        if place in self.moments:
            await self._or_over(self.moments[place].wait())
        elif place == "delay":
            await self._or_over(self._after_delay(kill.point["share"]))
        else:
            await self._or_over(_until(reached.exists))
        if place == "model":
            # A worker that lives on waits for its reply while the server comes back.
            await asyncio.to_thread(self.lane.claude.slow, 4 if kill.victim == "server" else 60)
            go.touch()
            await asyncio.to_thread(self.lane.claude.wait_for, lambda c: c.state == "answering", 30)
        elif place == "fan_out" and kill.point["recorded"] > 0:
            await self._or_over(self.watched.recorded(kill.point["skip"] + kill.point["recorded"]))
        fan_out_ended = place == "fan_out" and kill.point["recorded"] == -1
        dies = kill.point.get("how") == "die" or fan_out_ended
        await self._kill(kill, by_itself=dies or kill.point.get("when") == "statement")
        go.touch()
        if place in self.struck:
            self.struck[place].set()
        if place == "model":
            # The next attempt finds a Claude that isn't slow, and so does a call that goes on.
            await asyncio.to_thread(self.lane.claude._send, "DELETE", "/_offline/faults")
        if kill.victim != "worker":
            await self.lane.server.start()
        if kill.victim != "server":
            await self._next_worker()

    async def _kill(self, kill: Kill, *, by_itself: bool) -> None:
        """Kill, and check that every victim is dead."""
        ends: list[tuple[str, int]] = []
        if kill.victim != "worker":
            ends.append(("the server", await self.lane.server.kill()))
        self.outcome.kills.append(time.time())
        if kill.victim != "server":
            worker = self.running
            if by_itself:
                code = await asyncio.wait_for(asyncio.shield(worker.ended), 20)
            elif worker.alive:
                code = await worker.kill()
            else:
                raise NotKilled(f"{worker.name} was dead before:\n{worker.log_tail()}")
            ends.append((worker.name, code))
        expect_killed(ends)

    async def _or_over(self, event: Any) -> None:
        """Wait for the moment to kill; a run that ends before it is an error."""
        waiting = asyncio.ensure_future(event)
        dead = asyncio.ensure_future(asyncio.shield(self.running.ended))
        over = asyncio.create_task(self.watched.result())
        try:
            await asyncio.wait({waiting, over, dead}, return_when=asyncio.FIRST_COMPLETED)
            if over.done() and not waiting.done():
                raise NotKilled("The run was over before the point was reached.")
            await asyncio.wait({waiting}, timeout=1)  # its end may be told before its moment
            if not waiting.done():
                raise NotKilled(f"{self.running.name} ended:\n{self.running.log_tail()}")
        finally:
            for task in (waiting, over, dead):
                task.cancel()
            await asyncio.gather(waiting, over, dead, return_exceptions=True)

    async def _after_delay(self, share: float) -> None:
        """Wait for a share of the usual time from when the run's first task was begun."""
        await self.watched.grown(3)
        await asyncio.sleep(share * self.usual_seconds)

    @contextlib.asynccontextmanager
    async def _with_reviewer(self) -> AsyncIterator[None]:
        if not self.scenario.reviewing:
            yield
            return

        async def moment(name: str) -> None:
            self.moments[name].set()
            await self.struck[name].wait()

        note = self.outcome.seen.review
        reviewing = asyncio.create_task(review(self.handle, self.scenario.reviewing, note, moment))
        try:
            yield
            # Whatever is left of it is about a run that is over.
            await asyncio.wait({reviewing}, timeout=10)
        finally:
            reviewing.cancel()
            await asyncio.gather(reviewing, return_exceptions=True)


def expect_killed(ends: Sequence[tuple[str, int]]) -> None:
    """Check that every victim ended by SIGKILL.

    Args:
        ends: Who, and the exit code.

    Raises:
        NotKilled: Somebody has not.
    """
    for who, code in ends:
        if code != -signal.SIGKILL:
            raise NotKilled(f"{who} ended with {code}, not by SIGKILL")


async def _until(condition: Any) -> None:
    while not condition():
        await asyncio.sleep(0.005)
