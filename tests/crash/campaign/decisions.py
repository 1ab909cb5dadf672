"""The invariants of a gate's decisions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from tests.crash.campaign.observation import Seen
from tests.crash.campaign.scenarios import Scenario


def decisions(scenario: Scenario, seen: Seen) -> Iterator[str]:
    """Check that a decision counts once, for the arguments it names, and that no forged one does.

    Args:
        scenario: What was asked.
        seen: The run.

    Yields:
        What doesn't hold.
    """
    if not scenario.reviewing:
        return
    review = seen.review
    yield from (f"The gate accepted {each}." for each in review["accepted"])
    if review.get("refused"):
        yield "The gate refused the decision that was right."
    if seen.ended != "completed":
        return
    yield from _digest(review["request"])
    audit, request, call = review["audit"], review["request"], review["request"]["call"]
    asked = [e for e in audit if (e["event"], e["request_id"]) == ("asked", call["id"])]
    if len(asked) != 1:
        yield f"A decision on one call was asked for {len(asked)} times."
    if scenario.reviewing == "reject":
        events = [each["event"] for each in audit if each["event"] not in ("asked", "refused")]
        if events != ["rejected"]:
            yield f"Rejected was a refund, and the audit has: {events}"
        return
    approved = [each for each in audit if each["event"] == "approved"]
    if len(approved) != 1:
        yield f"The audit has {len(approved)} approvals of one request."
    for entry in approved:
        if entry["decision"]["digest"] != request["digest"]:
            yield f"Approved by a decision on another request: {entry['decision']}"
    runs = [each for each in audit if each["event"] in ("ran", "failed")]
    if len(runs) != len(approved):
        yield f"{len(approved)} approvals, and {len(runs)} calls that ran."
    wanted = review["decision"].get("arguments") or call["input"]
    ran = [s.given[0]["call"]["input"] for s in seen.steps if s.call_id == call["id"]]
    if ran != [wanted]:
        yield f"Approved was {wanted}, and what ran is {ran}."
    paid = [row["amount_cents"] / 100 for row in seen.rows["refunds"]]
    if call["name"] == "refund" and paid != [wanted["amount"]]:
        yield f"Approved was a refund of {wanted['amount']}, paid was {paid}."
    if scenario.reviewing == "signal":
        refused = [each["note"] for each in audit if each["event"] == "refused"]
        if len(refused) != 2:
            yield f"Two decisions of three had to be refused, and these were: {refused}"


def _digest(request: dict[str, Any]) -> Iterator[str]:
    """Check that the digest binds a decision to everything its reviewer saw."""
    text = json.dumps({**request, "digest": ""}, sort_keys=True, separators=(",", ":"))
    if hashlib.sha256(text.encode()).hexdigest() != request["digest"]:
        yield f"The digest {request['digest']} isn't that of {text}"
