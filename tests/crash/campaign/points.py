"""The points at which a run can be killed, from the trace of an undisturbed run."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from tests.crash.campaign.observation import Seen
from tests.crash.campaign.scenarios import Scenario

Victim = Literal["worker", "server", "both"]

KINDS = {
    "before-model": "before the model call",
    "during-model": "during the model call",
    "after-model": "after the reply, before it is recorded",
    "before-effect": "before an effect",
    "mid-effect": "in an effect, between two of its SQL statements",
    "after-effect": "after the effect, before it is recorded",
    "look-up": "before, in and after a step that only reads or keeps",
    "fan-out": "mid fan-out",
    "gate-pending": "gate pending",
    "decision": "decision being accepted, or just accepted",
    "continue-as-new": "during continue-as-new",
    "replay": "during replay (a second kill)",
    "random": "at a random moment",
    "server": "the Temporal server",
    "server-and-worker": "the Temporal server and the worker",
}
"""The kinds of points, as the table names them."""


@dataclass(frozen=True)
class Kill:
    """One SIGKILL.

    Attributes:
        victim: Who is killed.
        point: Where: `place` says what else there is. "activity", "fan_out" and "workflow" are
            the hooks' places; "model" is a call of Claude that is under way, "pending" and
            "decided" are the reviewer's moments, "delay" is a share of the time that an
            undisturbed run takes.
    """

    victim: Victim
    point: dict[str, Any]

    def may_lose_a_call(self, models: Collection[str]) -> bool:
        """Whether a call of Claude may have been paid for, and its reply be lost.

        Args:
            models: The types of Activities that call Claude.
        """
        place, when = self.point["place"], self.point.get("when")
        if place == "activity":
            # A server that is gone may come back too late for the worker that lives.
            return self.point["type"] in models and (when != "before" or self.victim == "server")
        return place in ("model", "delay")


@dataclass(frozen=True)
class Case:
    """One run with its kills.

    Attributes:
        scenario: The scenario's name.
        kind: Its kind, of `KINDS`.
        kills: The kills, in order; each worker that dies is followed by another one.
    """

    scenario: str
    kind: str
    kills: tuple[Kill, ...]

    @property
    def spec(self) -> str:
        """The case as an argument of the command."""
        kills = [[kill.victim, kill.point] for kill in self.kills]
        return json.dumps([self.scenario, self.kind, kills], separators=(",", ":"))

    @classmethod
    def read(cls, spec: str) -> Case:
        """Read what `spec` wrote."""
        name, kind, kills = json.loads(spec)
        return cls(name, kind, tuple(Kill(victim, point) for victim, point in kills))

    def __str__(self) -> str:
        return f"{self.scenario}, {self.kind}: " + "; ".join(
            f"{kill.victim} {_in_words(kill.point)}" for kill in self.kills
        )


def _in_words(point: dict[str, Any]) -> str:
    return " ".join(str(v) for k, v in point.items() if k != "how")


def cases(name: str, scenario: Scenario, clean: Seen, rng: random.Random) -> dict[str, list[Case]]:
    """List the cases of a scenario by kind, in random order.

    Args:
        name: The scenario's name.
        scenario: It.
        clean: What an undisturbed run did.
        rng: Chooses what is too many to list, and the order.
    """
    single = {kind: list(points) for kind, points in _points(scenario, clean).items()}
    found: dict[str, list[Case]] = {
        kind: [Case(name, kind, (Kill("worker", point),)) for point in points]
        for kind, points in single.items()
        if points
    }
    found["replay"] = [Case(name, "replay", kills) for kills in _twice(clean)]
    delays = [round(rng.uniform(0.02, 0.95), 3) for _ in range(20)]
    found["random"] = [
        Case(name, "random", (Kill("worker", {"place": "delay", "share": share}),))
        for share in delays
    ]
    anywhere = [p for kind in single if kind != "fan-out" for p in single[kind]]
    waiting = [_waiting(p) for p in anywhere if p.get("when") != "statement"]
    waiting += [{"place": "delay", "share": share} for share in delays[:5]]
    found["server"] = [Case(name, "server", (Kill("server", p),)) for p in waiting]
    found["server-and-worker"] = [
        Case(name, "server-and-worker", (Kill("both", p),)) for p in waiting
    ]
    for each in found.values():
        rng.shuffle(each)
    return {kind: found[kind] for kind in KINDS if found.get(kind)}


def _waiting(point: dict[str, Any]) -> dict[str, Any]:
    return {**point, "how": "wait"} if "how" in point else point


def _points(scenario: Scenario, clean: Seen) -> dict[str, Iterator[dict[str, Any]]]:
    activities = [each for each in clean.trace if "activity" in each]
    model = [each for each in activities if each["asked"]]
    effects = [each for each in activities if each["wrote"]]
    others = [each for each in activities if not each["asked"] and not each["wrote"]]
    gate = [{"place": "pending"}] if scenario.reviewing else []
    return {
        "before-model": _at(model, "before"),
        "during-model": (
            {"place": "model", "type": each["activity"], "number": each["number"]} for each in model
        ),
        "after-model": _at(model, "after", "statement"),
        "before-effect": _at(effects, "before"),
        "mid-effect": _at(effects, "statement"),
        "after-effect": _at(effects, "after"),
        "look-up": _at(others, "before", "statement", "after"),
        "fan-out": _fan_outs(clean),
        "gate-pending": iter(gate),
        "decision": _decisions(scenario),
        "continue-as-new": (
            {"place": "workflow", "when": each["workflow"], "number": each["number"], "how": "die"}
            for each in clean.trace
            if each.get("workflow") in ("continue_as_new", "new_run")
        ),
    }


def _at(activities: Sequence[dict[str, Any]], *whens: str) -> Iterator[dict[str, Any]]:
    for each in activities:
        point = {"place": "activity", "type": each["activity"], "number": each["number"]}
        for when in whens:
            if when != "statement":
                yield {**point, "when": when, "how": "die"}
                continue
            for number in range(1, each["statements"] + 1):
                yield {**point, "when": when, "statement": number}


def _fan_outs(clean: Seen) -> Iterator[dict[str, Any]]:
    tools = [step for step in clean.steps if step.type.startswith("tool.")]
    before = 0
    for _, group in groupby(tools, key=lambda step: (step.run, step.together)):
        size = len(list(group))
        if size > 1:
            for recorded in range(-1, size):
                yield {"place": "fan_out", "skip": before, "size": size, "recorded": recorded}
        before += size


def _decisions(scenario: Scenario) -> Iterator[dict[str, Any]]:
    if scenario.reviewing:
        yield {"place": "decided"}
        # The first Signal is the forged one; a forged Update never gets as far as this.
        for number in (1, 2) if scenario.reviewing == "signal" else (1,):
            when = "signal" if scenario.reviewing == "signal" else "update"
            where = {"when": when, "number": number}
            yield {"place": "workflow", **where, "how": "die"}


def _twice(clean: Seen) -> Iterator[tuple[Kill, ...]]:
    """Kill before a model call, and kill the next worker when it has replayed so many steps."""
    counts: dict[str, int] = {}
    for place, step in enumerate(clean.steps):
        counts[step.type] = counts.get(step.type, 0) + 1
        if step.type not in clean.models:
            continue
        first = {
            "place": "activity",
            "type": step.type,
            "number": counts[step.type],
            "when": "before",
            "how": "die",
        }
        replayed = sum(each.run == step.run for each in clean.steps[: place + 1])
        for number in range(1, replayed + 1):
            second = {"place": "workflow", "when": "replay", "number": number, "how": "die"}
            yield (Kill("worker", first), Kill("worker", second))
