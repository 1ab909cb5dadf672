"""Who says that a decision comes from its reviewer: a hook, and one that checks signatures.

The keys stay in the worker's memory: what goes into history is the signature.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from agentkit.approvals.requests import ApprovalRequest, Decision, canonical_json

Verify: TypeAlias = Callable[[Decision, ApprovalRequest], "str | None"]
"""Says in one sentence why a decision doesn't count; None when it does.

It does no I/O. For an Update the Gate calls it in the validator, before anything is recorded;
for a Signal an Activity calls it, and its answer is recorded. Neither is called again on replay,
so it may depend on keys that change.
"""


def trust_names(decision: Decision, request: ApprovalRequest) -> None:
    """Take everybody's word for who they are: whoever reaches the server may approve.

    Args:
        decision: Any decision.
        request: Any request.
    """


def sign(decision: Decision, key: bytes) -> Decision:
    """Sign a decision with its reviewer's key.

    Args:
        decision: The decision; an earlier signature is replaced.
        key: The reviewer's secret, which the worker knows too: 32 random bytes.

    Returns:
        The decision with an HMAC-SHA256 over request digest, answer, reviewer, reason and
        edited arguments. The digest binds it to one request of one run.
    """
    return replace(decision, signature=_hmac(decision, key))


def signed_by(keys: Mapping[str, bytes]) -> Verify:
    """Make a hook that accepts only decisions signed with their reviewer's key.

    To change a key, start the workers anew with the new one: decisions that have counted are
    not checked again.

    Args:
        keys: Each reviewer's secret.

    Returns:
        The hook, for a `Gate` and for `approval_activities`.

    Raises:
        ValueError: There are no keys, or one is too short to be a secret.
    """
    if not keys:
        raise ValueError("signed_by() needs a key for each reviewer; without one nobody can sign.")
    short = sorted(name for name, key in keys.items() if len(key) < 16)
    if short:
        raise ValueError(f"Keys need 16 bytes or more; shorter: {', '.join(short)}.")
    known = dict(keys)

    def verify(decision: Decision, request: ApprovalRequest) -> str | None:
        key = known.get(decision.reviewer)
        if key is None:
            return f"No key is known for the reviewer {decision.reviewer!r}."
        if not decision.signature:
            return f"The decision isn't signed: sign it with {decision.reviewer}'s key."
        signed = replace(decision, request_id=request.id, digest=request.digest)
        if not hmac.compare_digest(_hmac(signed, key).encode(), decision.signature.encode()):
            return f"The signature isn't {decision.reviewer}'s, or something was changed after it."
        return None

    return verify


def _hmac(decision: Decision, key: bytes) -> str:
    signed = {
        "request_id": decision.request_id,
        "digest": decision.digest,
        "answer": decision.answer,
        "reviewer": decision.reviewer,
        "reason": decision.reason,
        "arguments": decision.arguments,
    }
    return hmac.new(key, canonical_json(signed), hashlib.sha256).hexdigest()
