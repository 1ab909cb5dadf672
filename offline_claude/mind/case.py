"""One support case, read from the conversation: what is wanted, what is known, what was done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from offline_claude.mind.conversation import Conversation
from offline_claude.mind.order_words import order_numbers, pointed_at
from offline_claude.mind.patterns import EMAIL
from offline_claude.mind.results import dig, pairs
from offline_claude.mind.words import collapse
from offline_claude.request import ToolRun

_NOT = (
    r"\b(?:don't|dont|do not|without|never|not|no|stop|cancel|before you)\s+"
    r"(?:(?:want|need|wish|like|a|an|the|any|that|this|my|to|get|make|give|me|have|pay|issue|your|just|simply)\s+){0,4}"
)
_ONLY_ASKS = re.compile(
    r"\W*(?:(?:and|but|so|ok|hi|hello)\W+)*(?:has|have|had|did|does|do (?:you|i|we|they|refunds)|is"
    r"|are|was|were|how|why|when|what|which|who)\b"
    r"(?!.*\b(?:(?:can|could|would|will) you|please|want|need|like)\b)|.*\bif i wanted\b",
    re.IGNORECASE,
)
"""A sentence that asks about something, rather than for it."""

_SENTENCE = re.compile(r"[^.!?\n]+(?:\.\d+[^.!?\n]*)*[.!?]*")
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
    rf"{_CURRENCY}\s*(\d+(?:[.,]\d{{1,2}})?)|(?<!\d)(\d+(?:[.,]\d{{1,2}})?)\s*{_CURRENCY}",
    re.IGNORECASE,
)
_BARE_AMOUNT = re.compile(
    r"\b(?:refund(?:ing)?|only|just)\s+(?:only\s+|just\s+)?(\d{1,5}(?:[.,]\d{1,2})?)"
    r"(?![\d%]|\s*(?:%|percent|cop|books?|of\b))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Case(Conversation):
    """A conversation, as the shop's support desk understands it."""

    @cached_property
    def reading(self) -> str:
        """The question as it is read for words."""
        return collapse(self.question)

    def says(self, pattern: str) -> bool:
        """Tell whether the question has certain words.

        Args:
            pattern: A regular expression; upper and lower case are the same.

        Returns:
            True when it is found.
        """
        return bool(re.search(pattern, self.reading, re.IGNORECASE))

    @cached_property
    def wants_refund(self) -> bool:
        """A refund is to be made, rather than talked about."""
        general = self.says(_POLICY) or self.says(_ASKS_IN_GENERAL)
        return self._orders(_REFUND, _NOT + _REFUND.removeprefix(r"\b")) and not (
            general and not order_numbers(self.question)
        )

    def _orders(self, wish: str, refusal: str) -> bool:
        """Whether something that has an effect is asked for, and nowhere refused."""
        sentences = (match[0] for match in _SENTENCE.finditer(self.reading))
        wished = [s for s in sentences if re.search(wish, s, re.IGNORECASE)]
        asked_for = any(not _ONLY_ASKS.match(s) for s in wished)
        return asked_for and not self.says(refusal)

    @cached_property
    def wants_email(self) -> bool:
        """A message is to be sent."""
        return self._orders(_EMAIL_ORDER, _NOT + r"(?:send|e-?mail|notify)")

    @cached_property
    def wants_tracking(self) -> bool:
        """Somebody wants to know where a parcel is."""
        return self.says(_TRACK) and not self.wants_refund and not self.says(_POLICY)

    @cached_property
    def asks_contents(self) -> bool:
        """Somebody wants to know whose an order is, or what is in it."""
        return self.says(
            r"\bwho(?:se)?\b|\bwhich (?:book|title)|\bwhat(?:'s| is| was) in\b|\bhow much\b"
        )

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
        return list(dict.fromkeys(EMAIL.findall(self.focus) or EMAIL.findall(self.reading)))

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
        if (pointed := pointed_at(self.focus, self.earlier)) is not None:
            return pointed
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
        found = _AMOUNT.search(self.reading) or _BARE_AMOUNT.search(self.reading)
        if not found:
            return None
        value = float(next(filter(None, found.groups())).replace(",", "."))
        if value in self.orders:
            return None
        return int(value) if value.is_integer() else value

    @cached_property
    def part(self) -> float | None:
        """The part of a total that the question names, such as 0.5 for "half"."""
        if self.says(r"\bhalf\b"):
            return 0.5
        found = re.search(r"(?<![\d.])(\d{1,2})\s*(?:%|percent\b)", self.reading)
        return int(found[1]) / 100 if found else None

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

    def done(self, name: str, /, **some: Any) -> ToolRun | None:
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
        return self.known_for("")

    @cached_property
    def material(self) -> list[str]:
        """The texts that an answer can be made of, the most telling first."""
        returned = [run.text for run in self.runs if run.value is None and not run.is_error]
        return [self.written, *returned, *reversed(self.earlier)]

    @cached_property
    def listed(self) -> dict[str, Any]:
        """What the results name several times: every "title" as "titles", the rows by their key."""
        found: dict[str, list[Any]] = {}
        results = [r.value for n, r in enumerate(self.runs) if r not in self.runs[:n]]
        for key, value in pairs(results):
            if isinstance(value, str | int | float):
                found.setdefault(key if key.endswith("s") else f"{key}s", []).append(value)
        rows = {k: v for k, v in pairs(results) if isinstance(v, list) and v}
        return {k: v for k, v in found.items() if len(v) > 1} | rows

    def known_for(self, tool: str) -> dict[str, Any]:
        """Values for the arguments of one tool, which its own results don't change.

        Args:
            tool: The tool's name.

        Returns:
            Values by likely name.
        """
        facts = self.facts(without=tool)
        for run in [*self.earlier_runs, *self.runs]:
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
        return {**facts, "reason": self.trouble} if self.is_desk else facts
