"""Which tool calls run at once, which wait for a person, which are never run.

A policy is Workflow code: it decides by its arguments alone, so that a replay comes to the same
verdict. Changing one changes what runs in flight would have done: version it like any other
Workflow code (https://docs.temporal.io/develop/python/versioning).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from agentkit.messages import ToolCall
from agentkit.tools import AnyTool


@dataclass(frozen=True)
class Terms:
    """How long a request waits, for whom, and what happens when nobody decides.

    Attributes:
        timeout: How long the request may be decided on.
        on_timeout: What then becomes of the call: "deny" it, or "allow" it to run.
        reviewers: Who may decide, by name; empty means whoever the Gate's `verify` accepts.
        remind_at: The share of the timeout, between 0 and 1, after which the reviewers are
            told again; None for never.
        escalate_at: The share after which `escalate_to` are told as well; None for never.
        escalate_to: Who may decide from then on *too*. The first reviewers may go on deciding:
            a decision of theirs that is on its way should not fail.

    Raises:
        ValueError: The terms can't be met, such as no time or a share that isn't one.
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


@dataclass(frozen=True)
class Verdict:
    """What a policy says of one call; made by `allow`, `ask` and `deny`.

    Attributes:
        action: "allow", "ask" or "deny".
        reason: Why; reviewers read it of an `ask`, Claude reads it of a `deny`.
        terms: The terms of an `ask`, if they differ from the Gate's.
    """

    action: Literal["allow", "ask", "deny"]
    reason: str = ""
    terms: Terms | None = None


Policy: TypeAlias = Callable[[ToolCall, AnyTool], Verdict]
"""Judges one call of a tool that exists. The arguments are Claude's and need not fit: a policy
that raises an exception makes the Gate ask."""


def allow(reason: str = "") -> Verdict:
    """Let the call run at once.

    Args:
        reason: Why, for the audit of an effect that nobody was asked about.
    """
    return Verdict("allow", reason)


def ask(why: str, terms: Terms | None = None) -> Verdict:
    """Let the call wait until a person has decided.

    Args:
        why: What the reviewer should know, such as "refunds over 50 EUR".
        terms: How long it waits and for whom; None for the Gate's own terms.
    """
    return Verdict("ask", why, terms)


def deny(reason: str) -> Verdict:
    """Refuse the call.

    Args:
        reason: What Claude is told, so that it can explain or try something else.
    """
    return Verdict("deny", reason)


def ask_for_effects(call: ToolCall, tool: AnyTool) -> Verdict:
    """Judge as a Gate does unless told otherwise: reads may run, effects need a person.

    Args:
        call: The call; only its tool matters here.
        tool: The tool that it names.
    """
    return allow() if tool.effect == "none" else ask(f"{call.name} has an effect")
