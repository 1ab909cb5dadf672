"""Which tool calls run at once, which wait for a person, and which never run.

A policy is Workflow code: a replay must reach the same verdict from the same arguments, and a
changed policy needs a version (https://docs.temporal.io/develop/python/versioning).
"""

# No `from __future__ import annotations` here: see agentkit/messages.py.

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias, get_args

from temporalio import workflow

from agentkit.messages import ToolCall
from agentkit.tools import AnyTool


@dataclass(frozen=True)
class Terms:
    """How long a request waits, for whom, and what happens when nobody decides.

    Attributes:
        timeout: Time in which the request can be approved; 24 hours by default.
        on_timeout: What happens to the call after that: "deny" it, or "allow" it to run.
        reviewers: Names of those who may decide; empty for anyone whom `verify` accepts.
        remind_at: Share of the timeout, between 0 and 1, after which reviewers hear of the
            request again; None for never.
        escalate_at: Share of the timeout after which `escalate_to` hear of it; None for never.
        escalate_to: Names of those who may decide from then on, besides the first reviewers.
    """

    timeout: timedelta = timedelta(hours=24)
    on_timeout: Literal["deny", "allow"] = "deny"
    reviewers: tuple[str, ...] = ()
    remind_at: float | None = 0.5
    escalate_at: float | None = None
    escalate_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.timeout <= timedelta(0):
            raise ValueError(f"timeout is {self.timeout}; a request needs time to be decided on.")
        if self.on_timeout not in ("deny", "allow"):
            raise ValueError(f"on_timeout is {self.on_timeout!r}; it must be 'deny' or 'allow'.")
        for name in ("remind_at", "escalate_at"):
            share = getattr(self, name)
            if share is not None and not 0 < share < 1:
                raise ValueError(f"{name} is {share}; it is a share of the timeout: 0 < share < 1.")
        if (self.escalate_at is None) != (not self.escalate_to):
            raise ValueError("Escalation needs both: escalate_at says when, escalate_to to whom.")


Action: TypeAlias = Literal["allow", "needs approval", "deny"]


@dataclass(frozen=True)
class Verdict:
    """A policy's answer on one call; made by `allow`, `needs_approval` and `deny`.

    Attributes:
        action: "allow", "needs approval" or "deny".
        reason: Why. Reviewers read it before they approve, Claude reads it when it is denied.
        terms: Terms of this one request; None for the Gate's.
    """

    action: Action
    reason: str = ""
    terms: Terms | None = None

    def __post_init__(self) -> None:
        if self.action not in get_args(Action) or not isinstance(self.reason, str):
            raise ValueError(f"action must be one of {get_args(Action)}, and reason a text.")


Policy: TypeAlias = Callable[[ToolCall, AnyTool], Verdict]
"""Judges one call of a tool. The arguments fit the tool, and are what its function will get: every
one is there, defaults included. When a policy raises an exception, the call is denied."""


def allow(reason: str = "") -> Verdict:
    """Let the call run at once; if its tool has an effect, the audit keeps the reason."""
    return Verdict("allow", reason)


def needs_approval(why: str, terms: Terms | None = None) -> Verdict:
    """Let the call wait for a person, who reads why; `terms` replace the Gate's own."""
    return Verdict("needs approval", why, terms)


def deny(reason: str) -> Verdict:
    """Refuse the call; Claude reads the reason, and can explain or try something else."""
    return Verdict("deny", reason)


def effects_need_approval(call: ToolCall, tool: AnyTool) -> Verdict:
    """Let declared reads run and all else wait for a person: a Gate's policy by default."""
    if tool.effect == "none":
        return allow()
    has = "declares no effect" if tool.effect == "undeclared" else "has an effect"
    return needs_approval(f"{call.name} {has}")


def judge(policy: Policy, call: ToolCall, tool: AnyTool) -> Verdict:
    """Ask a policy for its verdict on a call whose arguments are normalised.

    A policy that fails denies: what no rule has looked at must not wait for a tired reviewer. Its
    exception goes to the worker's log alone, as the message may quote what Claude must not read.
    """
    try:
        # A copy: a policy that edits the arguments must not change what runs.
        verdict = policy(copy.deepcopy(call), tool)
        if not isinstance(verdict, Verdict):
            raise TypeError(f"a {type(verdict).__name__} is no verdict")
    except Exception as err:
        # If this escaped, the Workflow Task would be retried forever and the run would hang.
        log = workflow.logger if workflow.in_workflow() else logging.getLogger(__name__)
        log.exception("The policy failed on a call of %s, which is denied.", tool.name)
        return deny(f"The policy failed on this call ({type(err).__name__}). A person must look.")
    return verdict
