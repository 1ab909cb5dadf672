"""Why a decision doesn't count: one pure function, tested without a server."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from agentkit import AnyTool, ToolCall, tool
from agentkit.approvals import Decision, Terms, Verdict, deny, needs_approval, sign, signed_by
from agentkit.approvals.decisions import read_decision, refusal
from agentkit.approvals.policy import effects_need_approval
from agentkit.approvals.requests import ApprovalRequest, Pending, digest_of

KEY = b"ann's key, 32 bytes of a secret."
ASKED = datetime(2026, 1, 1, tzinfo=UTC)
IN_TIME = ASKED + timedelta(minutes=59)
TERMS = Terms(timedelta(hours=1), reviewers=("ann",), escalate_at=0.75, escalate_to=("bob",))


@tool(effect="idempotent")
async def pay(amount: float) -> str:
    """Pay money back.

    Args:
        amount: How much.
    """
    return f"paid {amount}"


def policy(call: ToolCall, tool: AnyTool) -> Verdict:
    if call.input["amount"] == 13:
        return cast(Verdict, None)
    return deny("too much") if call.input["amount"] > 500 else needs_approval("over 50")


def waiting(**changes: Any) -> Pending:
    call = ToolCall("toolu_1", "pay", {"amount": 80.0})
    request = ApprovalRequest(call, TERMS, "desk", "over 50", "w", "r", ASKED)
    request = replace(request, **changes)
    return Pending(replace(request, digest=digest_of(request)))


def answer(pending: Pending, **changes: Any) -> Decision:
    decision = Decision(pending.request.id, pending.request.digest, "approve", "ann")
    return replace(decision, **changes)


def refused(decision: Decision, pending: Pending | None, **changes: Any) -> str | None:
    given: dict[str, Any] = {"now": IN_TIME, "policy": policy, "tools": {"pay": pay}, **changes}
    return refusal(decision, pending, **given)


def test_decision_on_what_was_seen_counts() -> None:
    pending = waiting()
    assert refused(answer(pending), pending) is None
    assert refused(answer(pending, answer="reject"), pending) is None
    assert refused(answer(pending, arguments={"amount": 60}), pending) is None


def test_request_that_does_not_wait_is_named() -> None:
    decision = answer(waiting())
    assert refused(decision, None) == "No request toolu_1 is waiting here."
    words = "The request was decided before: approved by bob."
    assert refused(decision, None, ended="approved by bob") == words


def test_digest_of_another_request_is_refused() -> None:
    pending, other = waiting(), waiting(why="over 60")
    words = "The digest is not this request's: look at the request again, then decide."
    assert refused(answer(other), pending) == words


def test_approval_after_the_end_is_refused_and_rejection_still_counts() -> None:
    pending, end = waiting(), ASKED + timedelta(hours=1)
    assert refused(answer(pending), pending, now=end) == "The request has expired."
    assert refused(answer(pending, answer="reject"), pending, now=end) is None


def test_only_named_reviewers_may_decide_and_more_after_escalation() -> None:
    pending = waiting()
    bobs = answer(pending, reviewer="bob")
    assert refused(bobs, pending) == "bob may not decide on this request; who may: ann."
    pending.notices["escalated"] = "failed"
    assert refused(bobs, pending) is None
    anyone = waiting(terms=Terms(timedelta(hours=1)))
    assert refused(answer(anyone, reviewer="eve"), anyone) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"amount": 501}, "too much"),
        ({"amount": "60"}, "Invalid arguments for pay: amount: Input should be a valid number"),
        ({"amount": True}, "Invalid arguments for pay: amount: Input should be a valid number"),
        ({}, "Invalid arguments for pay: amount: Field required"),
        ({"amount": 13}, "The policy failed on this call (TypeError). A person must look."),
    ],
)
def test_edited_arguments_must_pass_the_policy(arguments: dict[str, Any], words: str) -> None:
    pending = waiting()
    why = refused(answer(pending, arguments=arguments), pending)
    assert str(why).startswith(f"The edited arguments are not allowed: {words}")


def test_decision_on_a_tool_that_is_gone_is_refused() -> None:
    pending = waiting()
    assert refused(answer(pending), pending, tools={}) == "There is no tool pay any more."


ODD_NAMES = ["", " ", "policy", "Timeout", "gate", "\uff47ate", "ann ", "\x1b[2Jann", "a\nb"]
INVISIBLE = ["\u200b", "a\u202en", "\u2800", "\u3164", "ann\ufe0f", "\xa0", "\ud800", "\U000e0041"]


@pytest.mark.parametrize("name", ODD_NAMES + INVISIBLE, ids=ascii)
def test_names_that_nobody_sees_or_that_the_audit_uses_are_no_reviewers(name: str) -> None:
    with pytest.raises(ValueError, match="This is not a decision: "):
        read_decision({**asdict(answer(waiting())), "reviewer": name})


@pytest.mark.parametrize("name", ["ann", "Zoë Müller", "李雷", "ann@example.com", "Gatekeeper"])
def test_names_of_people_are_taken(name: str) -> None:
    assert read_decision({**asdict(answer(waiting())), "reviewer": name}).reviewer == name


def test_name_of_a_tool_is_no_reviewers() -> None:
    pending = waiting(terms=Terms(timedelta(hours=1)))
    words = "pay is a tool's name, and no reviewer's."
    assert refused(answer(pending, reviewer="pay"), pending) == words


def test_default_policy_lets_reviewers_edit() -> None:
    pending = waiting()
    decision = answer(pending, arguments={"amount": 60})
    assert refused(decision, pending, policy=effects_need_approval) is None


@pytest.mark.parametrize("effect", ["undeclared", "none", "idempotent", "at_most_once"])
def test_default_policy_asks_for_all_but_declared_reads(effect: Any) -> None:
    given = {} if effect == "undeclared" else {"effect": effect}
    made = tool(**given)(pay.function)
    verdict = effects_need_approval(waiting().request.call, made)
    assert verdict.action == ("allow" if effect == "none" else "needs approval")


def test_signature_is_checked_last_and_a_broken_check_quotes_no_key() -> None:
    pending, verify = waiting(), signed_by({"ann": KEY})
    decision = answer(pending)
    unsigned = "The decision isn't signed: sign it with ann's key."
    assert refused(decision, pending, verify=verify) == unsigned
    assert refused(sign(decision, KEY), pending, verify=verify) is None

    def broken(*_: object) -> None:
        raise RuntimeError(KEY.decode())

    words = "The decision could not be verified (RuntimeError)."
    assert refused(decision, pending, verify=broken) == words
    assert refused(decision, None, verify=broken) == "No request toolu_1 is waiting here."
