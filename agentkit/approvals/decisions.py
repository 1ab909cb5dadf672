"""What a reviewer answers, how it is signed, and every reason for which it doesn't count.

A decision is checked twice: where it arrives, by the Gate, and where it has its effect, by the
tool's Activity (`authorizer`). Keys stay in the worker's memory: history holds signatures only.
"""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import hashlib
import hmac
import ipaddress
import logging
import os
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeAlias
from urllib.parse import urlsplit

import pydantic
from temporalio import activity
from temporalio.client import Client

from agentkit.approvals.policy import Policy, Terms, judge
from agentkit.approvals.requests import ApprovalRequest, Pending, digest_of
from agentkit.messages import MOST_NESTED, ToolCall, canonical_json, is_deeper
from agentkit.tool_activities import Authorize, ToolRequest
from agentkit.tools import AnyTool, InvalidArguments, problems_of


@dataclass(frozen=True)
class Decision:
    """A reviewer's answer to one request.

    Attributes:
        request_id: The request's id.
        digest: The digest of the request that the reviewer saw.
        answer: "approve" or "reject".
        reviewer: Name of the reviewer.
        reason: Why; Claude reads it after a rejection.
        arguments: Other arguments to run the tool with; None for those in the request.
        signature: The signature that `sign` adds; "" without one.
    """

    # A misspelt field must not pass as one that was left out: the approval would differ.
    __pydantic_config__: ClassVar[pydantic.ConfigDict] = pydantic.ConfigDict(extra="forbid")

    request_id: str
    digest: str
    answer: Literal["approve", "reject"]
    reviewer: str
    reason: str = ""
    arguments: dict[str, Any] | None = None
    signature: str = ""


Verify: TypeAlias = Callable[[Decision, ApprovalRequest], "str | None"]
"""Says in one sentence why a decision isn't its reviewer's; None when it is. It does no I/O. An
Update's validator or an Activity calls it, never a replay: it may depend on keys that change."""

LONGEST_DECISION = 50_000
"""In characters of JSON. A run whose audit exceeds Temporal's 2 MB per payload could never end."""

_DECISION = pydantic.TypeAdapter(Decision)

_NOT_REVIEWERS = ("policy", "timeout", "gate", "unknown")
"""The audit's own words for what nobody decided."""

# Written out, as replays under another version of Python must know the same ones.
_INVISIBLE = re.compile(
    "[\0-\x1f\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u08e2\u115f\u1160\u1680\u17b4\u17b5"
    "\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ud800-\uf8ff\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U0010ffff]"
)
"""Controls, directions, odd spaces, zero widths, halves of surrogate pairs, and blanks."""


def read_decision(value: object) -> Decision:
    """Read a decision from JSON data of any client; ValueError says in one sentence why not."""
    try:
        decision = _DECISION.validate_python(value)
    except pydantic.ValidationError as err:
        problems = problems_of(err, "decision")[:500]
        raise ValueError(f"This is not a decision: {problems}.") from None
    if is_deeper(decision.arguments):
        raise ValueError(f"Arguments may be nested {MOST_NESTED} levels deep at most.")
    if decision_length(decision) > LONGEST_DECISION:
        raise ValueError(f"A decision has at most {LONGEST_DECISION:,} characters.")
    name = decision.reviewer
    if not name or name != name.strip() or _INVISIBLE.search(name):
        raise ValueError(
            "This is not a decision: it must name its reviewer, in visible characters."
        )
    if unicodedata.normalize("NFKC", name).casefold() in _NOT_REVIEWERS:
        raise ValueError(f"This is not a decision: {name} is no reviewer, but a part of the gate.")
    if decision.answer == "reject" and decision.arguments is not None:
        raise ValueError("A rejection runs nothing, so it can't carry arguments.")
    return decision


def decision_length(decision: Decision) -> int:
    """Count the characters of a decision as JSON."""
    return len(canonical_json(asdict(decision)))


def refusal(
    decision: Decision,
    pending: Pending | None,
    now: datetime,
    *,
    policy: Policy,
    tools: Mapping[str, AnyTool],
    verify: Verify | None = None,
    ended: str = "",
) -> str | None:
    """Say in one sentence why a decision doesn't count; None when it does.

    Args:
        decision: The decision.
        pending: The request that it names; None if that doesn't wait, or no longer.
        now: When the decision arrived.
        policy: Judges edited arguments. No reviewer can approve what it denies.
        tools: The Gate's tools, by name.
        verify: Checks that the decision is its reviewer's; None to leave that out.
        ended: How a request that no longer waits ended, such as "approved by ann".
    """
    if pending is None:
        if ended:
            return f"The request was decided before: {ended}."
        return f"No request {decision.request_id} is waiting here."
    request = pending.request
    if decision.digest != request.digest:
        return "The digest is not this request's: look at the request again, then decide."
    # A rejection never comes too late to be safe: until the call runs, it counts.
    if decision.answer == "approve" and now >= request.expires_at:
        return "The request has expired."
    if pending.may_decide and decision.reviewer not in pending.may_decide:
        names = ", ".join(pending.may_decide)
        return f"{decision.reviewer} may not decide on this request; who may: {names}."
    if decision.reviewer in tools:
        return f"{decision.reviewer} is a tool's name, and no reviewer's."
    tool = tools.get(request.tool)
    if tool is None:
        return f"There is no tool {request.tool} any more."
    if decision.arguments is not None:
        try:
            verdict = judge(policy, decided_call(request.call, decision, tool), tool)
        except InvalidArguments as err:
            return f"The edited arguments are not allowed: {err}"
        if verdict.action == "deny":
            return f"The edited arguments are not allowed: {verdict.reason}"
        may = (*verdict.terms.reviewers, *verdict.terms.escalate_to) if verdict.terms else ()
        if may and decision.reviewer not in may:
            who = f"{decision.reviewer} may not decide on them; who may: {', '.join(may)}."
            return f"The edited arguments are not allowed: {who}"
    try:
        return verify(decision, request) if verify else None
    except Exception as err:  # without its message, which may quote a key
        return f"The decision could not be verified ({type(err).__name__})."


def decided_call(call: ToolCall, decision: Decision | None, tool: AnyTool) -> ToolCall:
    """Return the call that a decision lets run: with its reviewer's arguments, if it has any.

    Raises:
        InvalidArguments: They don't fit the tool.
    """
    if decision is None or decision.arguments is None:
        return call
    return replace(call, input=tool.normalised(decision.arguments))


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


# Authority at the resource


@dataclass(frozen=True)
class Approval:
    """What lets a call run that needs approval: its request, and the decision on it.

    Attributes:
        request: The request.
        decision: The decision as its reviewer has signed it; None if nobody decided in time.
    """

    request: ApprovalRequest
    decision: Decision | None = None


_APPROVAL = pydantic.TypeAdapter(Approval)


def authorizer(policy: Policy, verify: Verify, terms: Terms | None = None) -> Authorize:
    """Make the check by which `tool_activity(authorize=…)` judges a call again, on its worker.

    A Gate is Workflow code, and anyone who reaches the namespace can schedule a tool without it.
    This lets a call run if the policy allows it, or if it needs approval and brings a decision
    that `verify` accepts, by a reviewer of these terms, for exactly this call of this run. After
    a request's time it runs without a decision where these terms say `on_timeout="allow"`.

    Args:
        policy: The Gate's. It must depend on the call alone; where the Gate's depends on the
            run, give one that is as strict, such as `effects_need_approval`.
        verify: The Gate's.
        terms: The Gate's.
    """
    default = terms or Terms()

    def authorize(request: ToolRequest, tool: AnyTool, first_run: str) -> str | None:
        call = request.call
        verdict = judge(policy, call, tool)
        if verdict.action != "needs approval":
            return None if verdict.action == "allow" else verdict.reason or "The policy denies it."
        try:
            approval = _APPROVAL.validate_python(request.approval)
        except pydantic.ValidationError:
            return "It needs approval, and comes with none."
        terms, asked, decision = verdict.terms or default, approval.request, approval.decision
        run = (activity.info().workflow_id, first_run)
        if run != (asked.workflow_id, asked.first_run_id) or digest_of(asked) != asked.digest:
            return "Its approval is another run's, or was changed."
        if asked.tool != tool.name:
            return "Its approval is another call's."
        if decision is None:
            up = activity.info().scheduled_time >= asked.asked_at + terms.timeout
            if not up or terms.on_timeout != "allow":
                return "Nobody has approved it."
        elif decision.answer != "approve":
            return "It was rejected."
        else:
            # By these terms and not the request's, which nobody has signed. Escalation counts from
            # the beginning, and time doesn't: the Gate knows when a decision arrived.
            pending = Pending(replace(asked, terms=terms), {"escalated": "delivered"})
            why = refusal(
                decision,
                pending,
                asked.asked_at,
                policy=policy,
                tools={tool.name: tool},
                verify=lambda signed, _: verify(signed, asked),
            )
            if why is not None:
                return why
        approved = decided_call(asked.call, decision, tool)
        if canonical_json(asdict(approved)) != canonical_json(asdict(call)):
            return "Its approval is another call's."
        return None

    return authorize


# Reviewers' keys


def verify_from_environment() -> Verify:
    """Make the `verify` hook that the environment asks for.

    `APPROVAL_KEYS` holds a key for each reviewer, separated by spaces: `ann=… bob=…`. Without it
    every name is believed (`trust_names`), which `require_keys` allows in two cases only.

    Raises:
        ValueError: The keys can't be used; the message says which and why, and quotes none.
    """
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(os.environ.get("APPROVAL_KEYS", "").split(), 1):
        name, is_pair, key = entry.partition("=")
        # A key may stand in the name's place, so that is quoted only if it looks like a name.
        is_name = re.fullmatch(r"\w[\w.@+-]{0,30}", name) and not re.search("[0-9a-fA-F]{8}", name)
        which = f"APPROVAL_KEYS, entry {number}" + (f" ({name})" if is_pair and is_name else "")
        if "," in entry:
            raise ValueError(f"{which}: separate the entries by spaces, not by commas.")
        if not is_pair or not name:
            raise ValueError(f"{which}: write NAME=KEY.")
        if not re.fullmatch("[0-9a-fA-F]{32,}", key) or len(set(key)) == 1:
            raise ValueError(f"{which}: a key is 32 random hexadecimal digits or more. {_MAKE_KEY}")
        if name in keys:
            raise ValueError(f"{which}: the name has a key already; remove one of the two.")
        if key.encode() in keys.values():
            raise ValueError(f"{which}: another reviewer has the same key. {_MAKE_KEY}")
        keys[name] = key.encode()
    return signed_by(keys) if keys else trust_names


def require_keys(verify: Verify, client: Client) -> None:
    """Refuse to start a worker that believes every name, unless it is meant to.

    It is where the server that the client is connected to is on this machine, or where
    `APPROVAL_TRUST_NAMES` is 1.

    Raises:
        ConnectionError: Neither is the case; the message says what to do.
    """
    if verify is not trust_names:
        return
    address = client.service_client.config.target_host
    if not _is_loopback(address) and os.environ.get("APPROVAL_TRUST_NAMES") != "1":
        raise ConnectionError(
            "This worker would believe every reviewer's name, and its server isn't on this "
            "machine. Set APPROVAL_KEYS to a key for each reviewer (APPROVAL_KEYS='ann=… bob=…'), "
            "or APPROVAL_TRUST_NAMES=1 if everyone who reaches the server may approve. " + _MAKE_KEY
        )
    logging.getLogger(__name__).warning(
        "APPROVAL_KEYS isn't set: anyone who reaches the server can approve in any name."
    )


_MAKE_KEY = "This makes a key: python -c 'import secrets; print(secrets.token_hex(32))'"


def _is_loopback(address: str) -> bool:
    try:
        host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
