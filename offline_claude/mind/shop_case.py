"""A support case: what a customer wants of the bookshop, what is known, what was done."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from offline_claude.mind.conversation import Conversation, ToolRun, dig, pairs
from offline_claude.mind.words import FILLER, TROUBLES, collapse, pattern, stems

_NOT = pattern("not_to_do").pattern + (
    r"\s+(?:(?:want|need|wish|like|a|an|the|any|that|this|my|to|get|make|give|me|have|pay|issue|your"
    r"|just|simply)\s+){0,4}"
)


def order_numbers(text: str) -> list[int]:
    """Find order numbers: after the word "order" or a "#", or any lone number of 3 to 8 digits."""
    text = collapse(text)
    if span := pattern("from_to").search(text):
        first, last = int(span[1]), int(span[2])
        if first <= last < first + 100:
            return list(range(first, last + 1))
    listed = [n for run in pattern("orders").findall(text) for n in re.findall(r"\d+", run)]
    found = listed or pattern("lone_number").findall(text)
    return list(dict.fromkeys(int(n) for n in found if len(n) <= 18))


class Case(Conversation):
    """A conversation as the shop's support desk understands it."""

    @cached_property
    def reading(self) -> str:
        """The question as it is read for words."""
        return collapse(self.question)

    def says(self, name: str) -> bool:
        """Tell whether the question has one of the phrases of the shop that have this name."""
        return bool(pattern(name).search(self.reading))

    @cached_property
    def named_orders(self) -> list[int]:
        """Order numbers in the question."""
        return order_numbers(self.question)

    @cached_property
    def wants_refund(self) -> bool:
        """A refund is to be made, rather than talked about."""
        general = self.says("policy") or self.says("general")
        asked_for = self._asks_for("refund", pattern("refund").pattern)
        return asked_for and not (general and not self.named_orders)

    @cached_property
    def wants_email(self) -> bool:
        """A message is to be sent."""
        return self._asks_for("letter", r"(?:send|e-?mail|notify)")

    def _asks_for(self, wish: str, refusal: str) -> bool:
        """Whether something that has an effect is asked for, and nowhere refused."""
        sentences = (match[0] for match in pattern("sentence").finditer(self.reading))
        wished = [s for s in sentences if pattern(wish).search(s)]
        refused = re.search(_NOT + refusal, self.reading, re.IGNORECASE)
        return any(not pattern("only_asks").match(s) for s in wished) and not refused

    @cached_property
    def wants_tracking(self) -> bool:
        """The question is where a parcel is."""
        return self.says("tracking") and not self.wants_refund and not self.says("policy")

    @cached_property
    def wants_policy(self) -> bool:
        """The handbook may help: asked for, or a refund has to follow it."""
        general = self.says("general") and self.says("handbook") and not self.named_orders
        return self.says("policy") or general or (self.wants_refund and bool(self.orders))

    @cached_property
    def lists_orders(self) -> bool:
        """The question is which orders there are."""
        return self.says("all_orders") and not self.named_orders

    @cached_property
    def needs_order(self) -> bool:
        """The question is about an order, whether or not it says which."""
        letter = self.wants_email and not self.emails and "send_email" in self.tools
        wants = self.wants_refund or self.wants_tracking or letter
        about = self.says("order") and not self.wants_policy and not self.emails
        return wants or bool(self.named_orders) or about

    @cached_property
    def lacks_order(self) -> bool:
        """The question can't be answered before it is known which order it is about."""
        return self.needs_order and not self.orders

    @cached_property
    def emails(self) -> list[str]:
        """Addresses in the question."""
        found = pattern("email").findall(self.focus) or pattern("email").findall(self.reading)
        return list(dict.fromkeys(found))

    @cached_property
    def orders(self) -> list[int]:
        """Order numbers in the question, else the last one talked about before."""
        if self.named_orders:  # an answer to something asked back is on the last line
            return order_numbers(self.question.rsplit("\n", 1)[-1]) or self.named_orders
        acts = self.wants_refund or self.wants_tracking or self.wants_email
        if not (acts or self.says("order")):
            return []
        if listed := self.uses("find_orders_of_customer"):
            only = [v for k, v in pairs(listed[0].value) if k in ("order_id", "id")]
            return only if len(only) == 1 else []
        before = [n for text in self.earlier for n in order_numbers(text)]
        if len({*before}) > 1 and pattern("one_of_several").search(self.focus):
            return []  # which of them isn't guessed: it may be a refund
        return before[-1:]

    @cached_property
    def amount(self) -> float | None:
        """An amount of money that the question names."""
        if not (found := pattern("amount").search(self.reading)):
            return None
        value = float(next(filter(None, found.groups())).replace(",", "."))
        if value in self.orders:
            return None
        return int(value) if value.is_integer() else value

    @cached_property
    def currency(self) -> Any:
        """The currency that the results name, or None."""
        return dig([run.value for run in self.runs], "currency")

    @cached_property
    def trouble(self) -> str:
        """The complaint about the order, in two words."""
        found = (words for look, words, _ in TROUBLES if re.search(look, self.reading, re.I))
        return next(found, "requested by the customer")

    @cached_property
    def handbook_query(self) -> str:
        """Keywords: a full-text search finds nothing for a whole sentence."""
        if self.wants_refund:
            trouble = {"arrived damaged": "damaged", "wrong item": "wrong", "arrived late": "late"}
            return f"refund {trouble.get(self.trouble, '')}".strip()
        found = re.findall(r"[A-Za-z][\w-]*", self.reading)
        words = [w.lower() for w in found if not stems(w) <= FILLER - {"return"}]
        return " ".join(dict.fromkeys(words)) or self.question.strip()

    def done(self, name: str, /, **some: Any) -> ToolRun | None:
        """Find the last use of a tool for this question, with certain arguments."""
        uses = [r for r in self.uses(name) if all(r.input.get(k) == v for k, v in some.items())]
        return uses[-1] if uses else None

    def order(self, number: int | str) -> ToolRun | None:
        """Find an order as it was looked up for this question; None if that failed."""
        uses = [r for r in self.uses("find_order") if str(number) in map(str, r.input.values())]
        return uses[0] if uses and not uses[0].is_error else None

    def succeeded(self, *words: str) -> bool:
        """Tell whether a tool whose name has one of these words returned a result."""
        return any(not r.is_error and any(w in r.name for w in words) for r in self.runs)

    def known_for(self, tool: str = "") -> dict[str, Any]:
        """Values for a tool's arguments, by likely name; its own results don't change them."""
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
