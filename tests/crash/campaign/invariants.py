"""The invariants of every run, whatever was killed. Each breach names its invariant."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.campaign.decisions import decisions
from tests.crash.campaign.observation import Seen, links_of, normalised
from tests.crash.campaign.scenarios import Scenario

KEYED = ("refunds", "emails", "answers", "reports")
"""Tables whose rows come with a row of the ledger."""

LONGEST_HEARTBEAT = 5.0
"""Seconds: a worker's death must be noticed within a few of them, not at the end of a call."""


@dataclass(frozen=True)
class Breach:
    """An invariant that doesn't hold.

    Attributes:
        invariant: Its name.
        what: What was seen instead, in a sentence or two.
    """

    invariant: str
    what: str


@dataclass(frozen=True)
class Judged:
    """The material of a judgement.

    Attributes:
        scenario: What was asked.
        seen: The run.
        clean: An undisturbed run of the same.
        kills: When SIGKILLs were sent, in seconds since the epoch.
        lost_calls: How many calls of Claude may have been lost in them.
        store: The file of the transcript.
    """

    scenario: Scenario
    seen: Seen
    clean: Seen
    kills: Sequence[float]
    lost_calls: int
    store: Path


def breaches(judged: Judged) -> list[Breach]:
    """Check a run against every invariant.

    Args:
        judged: The run, and what it is compared with.

    Returns:
        What doesn't hold; empty for a run that nobody can tell from an undisturbed one.
    """
    found = []
    for name, check in INVARIANTS.items():
        try:
            found += [Breach(name, what) for what in check(judged)]
        except (LookupError, TypeError, ValueError) as err:
            found.append(Breach(name, f"It can't be checked: {type(err).__name__}: {err}"))
    return found


def _ends(judged: Judged) -> Iterator[str]:
    if judged.seen.ended != "completed":
        yield f"The run is {judged.seen.ended}."
    yield from judged.seen.problems


def _same_result(judged: Judged) -> Iterator[str]:
    if _lost(judged) or judged.seen.ended != "completed":
        return
    yield from _difference("result", _result(judged.seen), _result(judged.clean))


def _same_words(judged: Judged) -> Iterator[str]:
    if _lost(judged) or judged.seen.ended != "completed":
        return
    yield from _difference("transcript", judged.seen.messages, judged.clean.messages)


def _pairs(judged: Judged) -> Iterator[str]:
    """Check that each tool_use has one tool_result, in the next message, and vice versa."""
    messages = judged.seen.messages
    for place, message in enumerate(messages):
        asked = _ids(message, "tool_use", "id")
        after = messages[place + 1] if place + 1 < len(messages) else {"content": []}
        given = _ids(after, "tool_result", "tool_use_id")
        if (asked or given) and Counter(asked) != Counter(given):
            yield f"Message {place} asks for {asked}, the next one has results for {given}."
    everything = [i for m in messages for i in _ids(m, "tool_use", "id")]
    yield from (f"{i} is asked for {n} times." for i, n in Counter(everything).items() if n > 1)


def _effects(judged: Judged) -> Iterator[str]:
    """Check that the rows equal those of an undisturbed run, in number and content."""
    for table, clean in judged.clean.rows.items():
        rows = judged.seen.rows[table]
        expected = judged.scenario.rows.get(table, 0)
        if table == "ledger":
            continue
        if _lost(judged) and table == "pickups":
            if len(rows) > expected:
                yield f"{table} has {len(rows)} rows, at most {expected} may be there."
            continue
        if len(rows) != expected:
            yield f"{table} has {len(rows)} rows instead of {expected}: {_in_short(rows)}"
        elif _told(rows) != _told(clean):
            yield f"{table} has {_in_short(rows)} instead of {_in_short(clean)}"


def _ledger(judged: Judged) -> Iterator[str]:
    """Check that each effect has one row, keyed by the chain's first run and the call's place."""
    seen = judged.seen
    keys = [row["key"] for row in seen.rows["ledger"]]
    keyed = sum(len(seen.rows[table]) for table in KEYED)
    if len(keys) != keyed:
        yield f"The ledger has {len(keys)} rows for {keyed} effects: {keys}"
    asked = {
        f"{turn}.{position}:{block['id']}"
        for turn, message in enumerate(seen.messages)
        for position, block in enumerate(message["content"])
        if isinstance(block, dict) and block["type"] == "tool_use"
    }
    for key in keys:
        run, _, name = key.partition(":")
        if run != seen.first_run:
            yield f"The key {key} isn't of the chain's first run {seen.first_run}."
        name = re.sub("[@+][^:]*", "", name)  # what tells conversations and runs apart
        if "toolu_" in name and asked and name not in asked:
            yield f"The key {key} isn't of a call at its place in the transcript: {sorted(asked)}"


def _at_most_once(judged: Judged) -> Iterator[str]:
    """Check that an effect without a key runs at most once, and that the answer admits doubt."""
    name = judged.scenario.at_most_once
    if not _lost(judged) or judged.seen.ended != "completed":
        return
    tool = name.removeprefix("tool.")
    if judged.seen.result["ask_a_person"] != [tool]:
        yield f"{tool} was lost in the middle, and no person is asked: {judged.seen.result}"
    if "Outcome unknown" not in json.dumps(judged.seen.messages):
        yield f"{tool} was lost in the middle, and Claude wasn't told so."


def _model_calls(judged: Judged) -> Iterator[str]:
    """Check that Claude gets no more calls than undisturbed, plus one per lost call."""
    seen, clean = judged.seen, judged.clean
    asking = [step for step in seen.steps if step.type in clean.models]
    attempts = sum(step.attempts for step in asking)
    if seen.calls > attempts:
        yield f"{seen.calls} calls of Claude in {attempts} attempts of {sorted(clean.models)}."
    if _lost(judged):
        return
    # On a busy machine a worker that lives can be taken for dead: an attempt was lost, and there
    # was no kill between the step's begin and the begin of its last attempt.
    most = clean.calls + judged.lost_calls
    for step in asking:
        killed = sum(step.scheduled <= when <= step.began for when in judged.kills)
        most += max(0, step.attempts - 1 - killed)
    if seen.calls > most:
        yield (
            f"{seen.calls} calls of Claude; undisturbed there are {clean.calls}, and "
            f"{judged.lost_calls} may have been under way when somebody was killed."
        )


def _steps(judged: Judged) -> Iterator[str]:
    """Check that each call is scheduled once, and every Activity has a heartbeat and an end."""
    now, usual = _counted(judged.seen), _counted(judged.clean)
    if now != usual and judged.seen.ended == "completed" and not _lost(judged):
        yield f"History has {dict(now - usual)} more and {dict(usual - now)} less."
    calls = Counter(step.call_id for step in judged.seen.steps if step.call_id)
    yield from (f"The call {i} was scheduled {n} times." for i, n in calls.items() if n > 1)
    for step in judged.seen.steps:
        if step.attempts > 1 and not judged.kills:
            yield f"{step.type} was tried {step.attempts} times, and nobody was killed."
        if not 0 < step.heartbeat <= LONGEST_HEARTBEAT:
            yield f"{step.type} has a heartbeat timeout of {step.heartbeat:g} s."
        if not step.bounded:
            yield f"{step.type} may be tried forever."


def _counted(seen: Seen) -> Counter[str]:
    # A Signal that comes again is verified again, unless its request is settled by then.
    found = Counter(step.type for step in seen.steps)
    found["verify_decision"] = min(found["verify_decision"], 1)
    return +found


def _replays(judged: Judged) -> Iterator[str]:
    """Check that no Workflow Task failed: each worker decides as the history says."""
    yield from (f"A Workflow Task failed: {why}" for why in judged.seen.broken_tasks)


def _sealed(judged: Judged) -> Iterator[str]:
    """Check that a worker with a codec writes nothing into history that others could read."""
    if judged.scenario.sealed and (plain := sorted({*judged.seen.unsealed})):
        yield f"Anyone can read what history holds of {', '.join(plain)}."


def _chain(judged: Judged) -> Iterator[str]:
    """Check that every head in history is in the transcript, in the same order."""
    if judged.scenario.transcript or judged.seen.ended != "completed":
        return
    links = links_of(judged.store, judged.seen.result["head"])[::-1]
    heads = list(dict.fromkeys(judged.seen.heads))
    if [each for each in links if each in heads] != heads:
        yield f"History recorded the heads {heads}; the chain is {links}."
    if judged.seen.runs != judged.clean.runs:
        yield f"The chain has {judged.seen.runs} runs instead of {judged.clean.runs}."


INVARIANTS: dict[str, Callable[[Judged], Iterator[str]]] = {
    "ends": _ends,
    "same result": _same_result,
    "same transcript": _same_words,
    "pairs": _pairs,
    "effects": _effects,
    "ledger": _ledger,
    "at most once": _at_most_once,
    "decisions": lambda judged: decisions(judged.scenario, judged.seen),
    "model calls": _model_calls,
    "steps": _steps,
    "replays": _replays,
    "chain": _chain,
    "sealed": _sealed,
}
"""By name; each yields what doesn't hold."""


def _lost(judged: Judged) -> bool:
    """Whether a worker died in the effect that has no key, so that the run ends differently."""
    name = judged.scenario.at_most_once
    return bool(name) and any(
        step.type == name and step.ended != "completed" for step in judged.seen.steps
    )


def _ids(message: Any, kind: str, key: str) -> list[str]:
    content = message["content"]
    return [b[key] for b in content if b["type"] == kind] if isinstance(content, list) else []


def _told(rows: list[dict[str, Any]]) -> list[str]:
    hidden = ("id", "created_at")
    return sorted(str({k: v for k, v in row.items() if k not in hidden}) for row in rows)


def _in_short(rows: list[dict[str, Any]]) -> str:
    told = _told(rows)
    return "; ".join(told[:4]) + (f"; and {len(told) - 4} more" if len(told) > 4 else "")


def _result(seen: Seen) -> Any:
    """Return a run's result, without the part of its audit that depends on timing."""
    if not isinstance(seen.result, dict) or "audit" not in seen.result:
        return seen.result
    audit = [each for each in seen.result["audit"] if each["event"] != "refused"]
    return {**seen.result, "audit": sorted(audit, key=lambda entry: str(entry["event"]))}


def _difference(what: str, now: Any, clean: Any) -> Iterator[str]:
    is_now, was = normalised(now).splitlines(), normalised(clean).splitlines()
    if is_now == was:
        return
    for line, expected in zip([*is_now, "(the end)"], [*was, "(the end)"], strict=False):
        if line != expected:
            yield f"The {what} differs: {line.strip()[:200]} instead of {expected.strip()[:200]}"
            return
