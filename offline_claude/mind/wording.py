"""Wording: an answer quotes what the tools returned, and says what was not done."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from offline_claude.mind.conversation import ToolRun, ToolUse, dig
from offline_claude.mind.shop_case import Case
from offline_claude.mind.words import STEPS, pattern, stems, word_list

_MOST_QUOTED = 450  # how many characters of a result are told
_LOOK_UPS = tuple(word_list("look_ups"))
_DONE = {"refund": "refunded", "send_email": "sent"}


def announcement(case: Case, calls: list[ToolUse]) -> str:
    """Say in one sentence what is about to be done."""
    by_tool: dict[str, list[dict[str, Any]]] = {}
    for name, arguments in calls:
        by_tool.setdefault(name, []).append(arguments)
    return f"I will {enumerated([_step(case, name, each) for name, each in by_tool.items()])}."


def answer(case: Case) -> str:
    """Answer from the results: what was done, refused, left undone, found."""
    good = tuple(run.name for run in case.runs if not run.is_error)
    # The user needn't hear of a call that was malformed and was corrected.
    errors, slip = [run for run in case.runs if run.is_error], pattern("slip")
    failed = [r for r in errors if not (slip.match(r.text) and r.name.startswith(good))]
    told = [*_done(case), *(refused(case, run) for run in failed), *_left_undone(case)]
    sentences = [*told, *findings(case)]
    return (" " if len(sentences) <= 3 else "\n").join(sentences)


def refunded(case: Case) -> str:
    """Say what was refunded, with the comma that a following "and" wants; "" for nothing."""
    made = []
    for run in filter(_succeeded, case.uses("refund")):
        amount = money(dig(run.value, "amount") or dig(run.input, "amount"), case.currency)
        made.append(f"{amount} for {_named(case, order_of(run.input))}")
    return f"refunded {enumerated(made)}".replace(",,", ",") if made else ""


def findings(case: Case) -> list[str]:
    """Say what the tools found, without look-ups that only served to do something."""
    good = [run for run in case.runs if not run.is_error]
    acts = [run for run in case.runs if not run.name.startswith(_LOOK_UPS)]
    acted = bool(acts) and (case.wants_refund or case.wants_email)
    orders_found = any(run.name == "find_order" for run in good)
    tracked = {order_of(run.input) for run in good if run.name == "track_shipment"}
    told = []
    for run in good:
        served = {
            "find_order": (acted or order_of(run.input) in tracked) and not case.says("contents"),
            "find_orders_of_customer": orders_found and not case.lists_orders,
            "search_handbook": case.wants_refund and not case.succeeded("refund"),
        }
        if not _succeeded(run) and not served.get(run.name):
            told.append(_sentence(run, case))
    return list(filter(None, told))


def order_of(arguments: dict[str, Any]) -> str:
    """Name the order that a tool is used on; "?" for none."""
    return str(arguments.get("order_id", dig(arguments, "order") or "?"))


def describe(value: Any, depth: int = 0) -> str:
    """Tell a result as "name: value", without what is empty; inner values stand in brackets."""
    if not isinstance(value, dict | list):
        return "yes" if value is True else "no" if value is False else str(value)
    if depth > 50:
        return "…"
    if isinstance(value, dict):
        fields = {k: v for k, v in value.items() if v not in (None, "", [], {})}
        named = [f"{k.replace('_', ' ')}: {describe(v, depth + 1)}" for k, v in fields.items()]
        told = ", ".join(named) or "nothing"
    else:
        few = [describe(v, depth + 1) for v in value[:5]]
        told = "; ".join(few + [f"and {len(value) - 5} more"] * (len(value) > 5)) or "nothing"
    return f"({told})" if depth and value else told


def enumerated(parts: list[str]) -> str:
    """Join parts as in "one, two and three"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def money(amount: Any, currency: Any) -> str:
    """Tell a sum of money such as "38.50 EUR"."""
    if amount is None:
        return "the amount"
    number = f"{amount:.2f}" if isinstance(amount, float) else amount
    return f"{number} {currency or ''}".rstrip()


def quote(text: str) -> str:
    """Put a text in quotation marks, cut if it is long, so that it ends like a sentence."""
    shown = _cut(text.strip())
    return f"“{shown}”{'' if shown.endswith(('.', '!', '?', '…')) else '.'}"


def _cut(text: str, most: int = _MOST_QUOTED) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _tidy(text: str) -> str:  # drops the comma after a title where the sentence has its own mark
    return re.sub(r",(?=[,.:]|$)", "", text)


def _step(case: Case, name: str, uses: list[dict[str, Any]]) -> str:
    if len(uses) > 1:
        many = {"find_order": "look up {} orders", "track_shipment": "track {} shipments"}
        return many.get(name, f"use {name} {{}} times").format(len(uses))
    [arguments] = uses
    told = {key: dig(arguments, key) for key in ("email", "title", "to")}
    told |= {"order": order_of(arguments), "amount": money(dig(arguments, "amount"), case.currency)}
    return STEPS[name].format_map(told) if name in STEPS else f"use {name}{_given(arguments)}"


def _given(arguments: dict[str, Any]) -> str:
    """The arguments that are short enough to tell one call from another."""
    short = [str(v) for v in arguments.values() if isinstance(v, str | int | float)]
    return f" ({', '.join(v for v in short if len(v) <= 40)})".replace(" ()", "")


def _succeeded(run: ToolRun) -> bool:
    """Whether an effect says that it was made; a learner's version may answer otherwise."""
    return isinstance(run.value, dict) and run.value.get("status") == _DONE.get(run.name, ...)


def refused(case: Case, run: ToolRun) -> str:
    """Say what failed, and what only a person can find out."""
    step, told = _step(case, run.name, [run.input]), quote(run.text)
    if run.unsettled:
        return f"I tried to {step}, and can't say whether it worked: {told} A person has to check."
    return f"I could not {step}: {told}"


def _done(case: Case) -> list[str]:
    refunds = refunded(case)
    parts = [refunds] if refunds else []
    for run in case.uses("send_email"):
        if _succeeded(run):
            what = "a confirmation" if refunds else f"“{dig(run.input, 'subject')}”"
            parts.append(f"sent {what} to {dig(run.input, 'to')}")
    return [_tidy(f"I have {enumerated(parts)}.")] if parts else []


def _left_undone(case: Case) -> list[str]:
    """A sentence on what was wanted and wasn't done, so that it isn't taken for done."""
    left = {}
    if case.wants_refund and not case.succeeded("refund"):
        left["refund"] = "refunded anything"
    if case.wants_email and not case.succeeded("mail", "notif", "send"):
        left["send_email"] = "sent an email"
    unsettled = {run.name for run in case.runs if run.unsettled}
    left = {name: what for name, what in left.items() if name not in unsettled}
    lacking = [name for name in left if name not in case.tools]
    reason = f": I have no {' or '.join(lacking)} tool here" if lacking else ""
    return [f"I have not {' or '.join(left.values())}{reason}."] if left else []


def _sentence(run: ToolRun, case: Case) -> str:
    """One result in words: as the desk says it, or field by field if its shape is a learner's."""
    value = run.value
    if run.name in _SENTENCES:
        with suppress(KeyError, TypeError, AttributeError):
            left = dict(value) if isinstance(value, dict) else value
            told = _SENTENCES[run.name](left, case)
            more = describe(left) if isinstance(left, dict) and left else ""
            return f"{told} {more[0].upper()}{more[1:]}." if more else told
    if isinstance(value, dict):  # what only repeats the arguments says nothing
        value = {k: v for k, v in value.items() if k not in run.input or run.input[k] != v}
    if value is None or isinstance(value, str):
        text = run.text if value is None else value
        said = quote(text) if text.strip() else "nothing."
    else:
        said = _cut(describe(value)).rstrip(".") + "."
    return f"{run.name}{_given(run.input)} returned {said}"


# One function for each of the shop's results. What they take out of a result is told, or left
# out on purpose; what remains in it a learner has added, and `_sentence` tells it.


def _order(found: dict[str, Any], case: Case) -> str:
    number, customer, email, placed = _take(found, "order_id customer email placed_on")
    books, total, currency, status = _take(found, "books total currency status")
    if case.says("address") and not case.wants_email:
        customer = f"{customer} ({email})"
    titles = []
    for book in books:
        copies, each = (f"{book['quantity']} × ", " each") if book["quantity"] > 1 else ("", "")
        price = f", {money(book['price'], currency)}{each}" if each or len(books) > 1 else ""
        titles.append(f"{copies}“{book['title']}” ({book['format']}{price})")
    return (
        f"Order {number} was placed by {customer} on {placed}. It holds {enumerated(titles)} for "
        f"{money(total, currency)} in total, and its status is “{status}”."
    )


def _orders(found: list[dict[str, Any]], case: Case) -> str:
    orders = []
    for order in found:
        paid = money(order["total"], order["currency"])
        orders.append(f"{order['order_id']} on {order['placed_on']} ({paid}, {order['status']})")
    customer = case.emails[0] if case.emails else "this customer"
    return f"The orders of {customer}: {enumerated(orders) or 'none'}."


def _shipment(found: dict[str, Any], case: Case) -> str:
    number, status, carrier, tracking = _take(found, "order_id status carrier tracking_number")
    seen, _, expected, delivered = _take(found, "last_seen shipped_on expected_on delivered_on")
    order = f"order {number}" if case.says("contents") else _named(case, str(number))
    if carrier is None:
        return _tidy(f"There is no parcel for {order}: {status}.")
    if delivered:
        return _tidy(f"O{order[1:]} was delivered by {carrier} on {delivered}.")
    expects = "expected" if status == "delayed" else "expects"
    return (
        f"O{order[1:]} is {status}: {carrier} last saw it at “{seen}” and {expects} to deliver it "
        f"on {expected}. The tracking number is {tracking}."
    )


def _articles(found: list[dict[str, Any]], case: Case) -> str:
    if case.wants_refund:  # the rule that was followed, if the handbook has one for this trouble
        best = [a for a in found if stems(a["title"]) & stems(case.trouble)][:1]
    elif found != []:
        best = [a for a in found if stems(a["title"]) <= stems(case.question)] or found[:1]
    else:
        return "I have found nothing about this in our handbook."
    most = _MOST_QUOTED // max(1, len(best))
    some = r".+?" if case.wants_refund else f".{{1,{most}}}"  # one sentence, or those that fit
    quotes = []
    for article in best:
        whole = re.match(some + r"[.!?](?=\s|$)", article["text"], re.DOTALL)
        told = quote(whole[0] if whole else article["text"])
        quotes.append(f"Our handbook on “{article['title']}” says: {told}")
    return " ".join(quotes)


def _stock(found: list[dict[str, Any]], _: Case) -> str:
    editions: dict[str, list[str]] = {}
    for book in found:
        copies = f"{book['copies']} copies in stock" if book["copies"] else "in stock"
        there = copies if book["in_stock"] else "out of stock"
        price = money(book["price"], book["currency"])
        of_title = editions.setdefault(f"“{book['title']}” by {book['author']}", [])
        of_title.append(f"as {book['format']} for {price} ({there})")
    return " ".join(f"We have {title} {enumerated(each)}." for title, each in editions.items())


_SENTENCES: dict[str, Callable[[Any, Case], str]] = {
    "find_order": _order,
    "find_orders_of_customer": _orders,
    "track_shipment": _shipment,
    "search_handbook": _articles,
    "check_stock": _stock,
}


def _take(found: dict[str, Any], fields: str) -> list[Any]:
    return [found.pop(field) for field in fields.split()]


def _named(case: Case, number: str) -> str:
    """An order with its books, between commas, if it was looked up."""
    found = case.order(number)
    with suppress(KeyError, TypeError):
        titles = [f"“{book['title']}”" for book in found.value["books"]] if found else []
        shown = titles if len(titles) <= 2 else [titles[0], f"{len(titles) - 1} more books"]
        return f"order {number}, {enumerated(shown)}," if shown else f"order {number}"
    return f"order {number}"
