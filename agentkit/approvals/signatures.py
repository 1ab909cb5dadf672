"""Hooks that tell whether a decision is its reviewer's; one of them checks signatures.

Keys stay in the worker's memory: history holds signatures only.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import asdict, replace

from agentkit.approvals.decisions import Decision, Verify
from agentkit.approvals.requests import ApprovalRequest
from agentkit.digests import canonical_json


def trust_names(decision: Decision, request: ApprovalRequest) -> None:
    """Believe every name: anyone who reaches the server can approve as any reviewer."""


def sign(decision: Decision, key: bytes) -> Decision:
    """Sign a decision with its reviewer's key, by HMAC-SHA256 over all other fields.

    The request's digest is one of them, so the signature holds for one request of one run. The
    key, 32 random bytes, is the reviewer's secret, which the worker knows too.
    """
    return replace(decision, signature=_hmac(decision, key))


def signed_by(keys: Mapping[str, bytes]) -> Verify:
    """Make a hook that accepts only decisions signed with their reviewer's key.

    `keys` holds a secret of 16 bytes or more for each reviewer's name. To change one, restart
    the workers with it: decisions that have counted aren't checked again.
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
    signed = asdict(replace(decision, signature=""))
    return hmac.new(key, canonical_json(signed).encode(), hashlib.sha256).hexdigest()
