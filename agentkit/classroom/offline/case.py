"""One support case, read from the conversation: what is wanted, what is known, what was done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agentkit.classroom.offline.arguments import EMAIL, dig, pairs
from agentkit.classroom.offline.request import (
    MessagesRequest,
    ToolRun,
    question_index,
    tool_runs,
)

_NOT = r"(?:don't|do not|without|never|not)\s+(?:\w+\s+)?"
_REFUND = r"\b(?:refund\w*|money back|reimburs\w*)"
_EMAIL_ORDER = (
    r"\be-?mail\s+(?:(?:me|him|her|them|us|the customer|an?|my)\b|[\w.+-]+@)|\bby e-?mail|\bsend\b"
    r"|\bconfirmation\b|\bnotify\b|\bwrite to\b|\blet (?:me|him|her|them|the customer) know\b"
)
_POLICY = r"\b(?:polic\w+|rules?|handbook|guidelines?|terms)\b|\bhow (?:long|many days)\b"
_HANDBOOK = (
    "refund|return|exchang|ship|gift|pay|deliver|cancel|damag|open|hour|invoic|loyal|custom|privac"
)
_ASKS_IN_GENERAL = r"^\s*(?:what|how|do you|does|may (?:i|we)|when do|can customers?)\b"
_TRACK = (
    r"\bwhere(?:'s| is| are| the| my| it)\b|\btrack|\bship(?:ment|ped)|\bdeliver(?:y|ed)\b"
    r"|\bstatus\b|\bon its way\b|\bwhen (?:will|does)\b|\b(?:not|n't) (?:yet )?arrived?\b"
)
_STOCK = r"\bin stock\b|\bstock\b|\bavailab\w+|\bdo you (?:have|sell|carry)\b|\bcopies\b"
_AN_ORDER = r"\border|\bparcel\b|\bpackage\b"
_CURRENCY = r"(?:€|\$|£|EUR\b|USD\b|GBP\b|euros?\b|dollars?\b|pounds?\b)"
_AMOUNT = re.compile(
    rf"{_CURRENCY}\s*(\d+(?:[.,]\d{{1,2}})?)|(\d+(?:[.,]\d{{1,2}})?)\s*{_CURRENCY}", re.IGNORECASE
)
_ORDER_RUN = re.compile(
    r"(?:\borders?|\bnumbers?|\bno\.|#)\s*(?:ids?|numbers?|no\.?)?[\s:#]*"
    r"(\d+(?:\s*(?:,|and|&|,\s*and|or)\s*#?\d+(?![\d.,]*\s*(?:€|eur|days?|%)))*)",
    re.IGNORECASE,
)
_ORDER_SPAN = re.compile(
    r"\borders\s+(?:from\s+)?#?(\d{1,8})\s*(?:to|through|-|–)\s*#?(\d{1,8})\b",
    re.IGNORECASE,
)
_LONE_NUMBER = re.compile(
    r"(?<![\w.,€$£@-])(\d{3,8})(?![\w@%-]|[.,]\d|\s*(?:€|\$|£|eur|usd|gbp|dollars|pounds|days|weeks"
    r"|words|copies|years|tokens))",
    re.IGNORECASE,
)


def order_of(arguments: dict[str, Any]) -> str:
    """Name the order that a tool is used on.

    Args:
        arguments: The tool's arguments.

    Returns:
        The order number, or "?" when there is none.
    """
    return str(arguments.get("order_id", dig(arguments, "order") or "?"))


def order_numbers(text: str) -> list[int]:
    """Find order numbers: after the word "order" or a "#", or any lone number of 3 to 8 digits.

    Args:
        text: What the user wrote.

    Returns:
        The numbers, in order, each once.
    """
    if span := _ORDER_SPAN.search(text):
        first, last = int(span[1]), int(span[2])
        if first <= last < first + 100:
            return list(range(first, last + 1))
    listed = [n for run in _ORDER_RUN.findall(text) for n in re.findall(r"\d+", run)]
    found = listed or _LONE_NUMBER.findall(text)
    return list(dict.fromkeys(int(n) for n in found if len(n) <= 18))


@dataclass(frozen=True)
class Case:
    """What there is to work on.

    Attributes:
        question: The question being worked on. A short answer to something that was asked back
            is read together with the question before it.
        earlier: What the user wrote before, oldest first.
        runs: The tools used for this question, with their results.
        earlier_runs: The tools used before.
        tools: The client tools on offer, by name.
    """

    question: str
    earlier: list[str]
    runs: list[ToolRun]
    earlier_runs: list[ToolRun]
    tools: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, request: MessagesRequest) -> Case:
        """Read the case from a request.

        Args:
            request: A checked request.

        Returns:
            The case.
        """
        messages = request.messages
        at = question_index(messages)
        before = messages[:at]
        earlier = [m.text for m in before if m.role == "user" and m.text]
        question = messages[at].text
        asked_back = bool(before) and before[-1].text.rstrip().endswith("?")
        if asked_back and earlier and len(question.split()) <= 8:
            question = f"{earlier[-1]}\n{question}"
        offered = {t["name"]: t for t in request.tools} if request.tool_choice != "none" else {}
        return cls(question, earlier, tool_runs(messages[at:]), tool_runs(before), offered)

    def says(self, pattern: str) -> bool:
        """Tell whether the question has certain words.

        Args:
            pattern: A regular expression; upper and lower case are the same.

        Returns:
            True when it is found.
        """
        return bool(re.search(pattern, self.question, re.IGNORECASE))

    @cached_property
    def wants_refund(self) -> bool:
        """A refund is to be made, rather than talked about."""
        general = self.says(_POLICY) or self.says(_ASKS_IN_GENERAL)
        return (
            self.says(_REFUND)
            and not self.says(_NOT + _REFUND.removeprefix(r"\b"))
            and not (general and not order_numbers(self.question))
        )

    @cached_property
    def wants_email(self) -> bool:
        """A message is to be sent."""
        return self.says(_EMAIL_ORDER) and not self.says(_NOT + r"(?:send|e-?mail|notify)")

    @cached_property
    def wants_tracking(self) -> bool:
        """Somebody wants to know where a parcel is."""
        return self.says(_TRACK) and not self.wants_refund and not self.says(_POLICY)

    @cached_property
    def wants_policy(self) -> bool:
        """The handbook may help: asked for, or a refund has to follow it."""
        asked = self.says(_POLICY) or (
            self.says(_ASKS_IN_GENERAL)
            and self.says(rf"\b(?:{_HANDBOOK})\w*")
            and not order_numbers(self.question)
        )
        return asked or (self.wants_refund and bool(self.orders))

    @cached_property
    def wants_stock(self) -> bool:
        """Somebody wants to know whether a book is there."""
        return self.says(_STOCK) and not self.orders

    @cached_property
    def needs_order(self) -> bool:
        """The question is about an order, whether or not it says which."""
        letter = self.wants_email and not self.emails and "send_email" in self.tools
        wants = self.wants_refund or self.wants_tracking or letter
        return (
            wants
            or bool(order_numbers(self.question))
            or (self.says(_AN_ORDER) and not self.wants_policy and not self.emails)
        )

    @cached_property
    def emails(self) -> list[str]:
        """Addresses in the question."""
        return list(dict.fromkeys(EMAIL.findall(self.question)))

    @cached_property
    def orders(self) -> list[int]:
        """Order numbers in the question, else the last one talked about before."""
        if found := order_numbers(self.question):
            # An answer to something asked back stands on the last line.
            return order_numbers(self.question.rsplit("\n", 1)[-1]) or found
        if not self._refers_back():
            return []
        for run in self.runs:
            if run.name == "find_orders_of_customer":
                only = [v for k, v in pairs(run.value) if k in ("order_id", "id")]
                return only if len(only) == 1 else []
        for text in reversed(self.earlier):
            if found := order_numbers(text):
                return found[-1:]
        return []

    @cached_property
    def lists_orders(self) -> bool:
        """Somebody wants to know which orders there are."""
        return self.says(r"\borders\b") and not order_numbers(self.question)

    @cached_property
    def lacks_order(self) -> bool:
        """The question can't be answered before it is known which order it is about."""
        return self.needs_order and not self.orders

    def _refers_back(self) -> bool:
        return self.wants_refund or self.wants_tracking or self.wants_email or self.says(_AN_ORDER)

    @cached_property
    def amount(self) -> float | None:
        """An amount of money that the question names."""
        if not (found := _AMOUNT.search(self.question)):
            return None
        value = float((found[1] or found[2]).replace(",", "."))
        return int(value) if value.is_integer() else value

    @cached_property
    def currency(self) -> Any:
        """The currency that the results name, or None."""
        return dig([run.value for run in self.runs], "currency")

    @cached_property
    def trouble(self) -> str:
        """What is wrong with the order, in two words."""
        for pattern, words in (
            (r"damag\w*|broken|torn", "arrived damaged"),
            (r"wrong|not what", "wrong item"),
            (r"never (?:came|arrived)|lost|missing", "never arrived"),
            (r"\blate\b|delayed", "arrived late"),
            (r"faulty|defect\w*|misprint\w*", "faulty copy"),
        ):
            if self.says(pattern):
                return words
        return "requested by the customer"

    def done(self, name: str, **some: Any) -> ToolRun | None:
        """Find a tool that was used for this question.

        Args:
            name: The tool.
            **some: Arguments it must have had.

        Returns:
            Its last use, or None.
        """
        for run in reversed(self.runs):
            if run.name == name and all(run.input.get(k) == v for k, v in some.items()):
                return run
        return None

    def order(self, number: int | str) -> ToolRun | None:
        """Find an order as it was looked up for this question.

        Args:
            number: Its number.

        Returns:
            The look-up, or None when there was none or it failed.
        """
        for run in self.runs:
            if run.name == "find_order" and str(number) in map(str, run.input.values()):
                return None if run.is_error else run
        return None

    def succeeded(self, *words: str) -> bool:
        """Tell whether a tool did something, whatever a learner has called it.

        Args:
            *words: Parts of a tool's name, such as "refund".

        Returns:
            True when a tool named so returned a result for this question.
        """
        return any(not r.is_error and any(w in r.name for w in words) for r in self.runs)

    @cached_property
    def known(self) -> dict[str, Any]:
        """Values for arguments of any tool, by likely name; the question beats the results."""
        facts: dict[str, Any] = {}
        for run in [*self.earlier_runs, *self.runs]:
            facts |= {k: v for k, v in pairs(run.value) if isinstance(v, str | int | float)}
            if (total := dig(run.value, "total", "amount")) is not None:
                facts["amount"] = total
            if email := dig(run.value, "email"):
                facts["email"] = email
        if self.orders:
            facts |= {"order_id": self.orders[0], "order": self.orders[0]}
        if self.amount is not None:
            facts["amount"] = self.amount
        if self.emails:
            facts["email"] = self.emails[0]
        return {**facts, "reason": self.trouble}
