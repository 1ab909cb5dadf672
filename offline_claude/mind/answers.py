"""The words: an answer quotes what the tools returned, and says what was not done."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from offline_claude.mind.case import Case
from offline_claude.mind.order_words import order_of
from offline_claude.mind.results import dig, is_unsettled
from offline_claude.mind.wording import (
    MOST_QUOTED,
    cut,
    describe,
    enumerated,
    money,
    quote,
    tidy,
)
from offline_claude.mind.words import LOOK_UPS, stems
from offline_claude.request import ToolRun

_DONE = {"refund": "refunded", "send_email": "sent"}
_SLIP = re.compile(r"invalid (?:arguments?|input)\b|(?:there is no|no such|unknown) tool\b", re.I)
_ABOUT_AN_ADDRESS = r"\be-?mail|\baddress|\bcontact"


def announcement(case: Case, calls: list[tuple[str, dict[str, Any]]]) -> str:
    """Say in one sentence what is about to be done.

    Args:
        case: The case.
        calls: The tools about to be asked for, with their arguments.

    Returns:
        The sentence.
    """
    by_tool: dict[str, list[dict[str, Any]]] = {}
    for name, arguments in calls:
        by_tool.setdefault(name, []).append(arguments)
    return (
        f"I will {enumerated([_step(case, name, *several) for name, several in by_tool.items()])}."
    )


def answer(case: Case) -> str:
    """Answer from what the tools returned.

    Args:
        case: A case for which no tool is needed any more.

    Returns:
        What was done, what went wrong, what was left undone, what was found.
    """
    failed = [run for run in case.runs if run.is_error and not _was_a_slip(run, case)]
    refused = [_refused(case, run) for run in failed]
    sentences = [*_done(case), *refused, *_left_undone(case), *findings(case)]
    return (" " if len(sentences) <= 3 else "\n").join(sentences)


def still_open(case: Case) -> str:
    """Say once more what only a person can find out.

    Args:
        case: A case in which no tool has been used for this question.

    Returns:
        What was tried before, and what it said; empty unless the question is about that.
    """
    asked = stems(case.focus)
    last = {run.name: run for run in case.earlier_runs}
    about = [r for r in last.values() if is_unsettled(r) and stems(r.name) & asked]
    return " ".join(_refused(case, run) for run in about)


def refunded(case: Case) -> str:
    """Say what has been refunded.

    Args:
        case: The case.

    Returns:
        Such as "refunded 38.50 EUR for order 1042, “The Lighthouse Ledger”," with the comma that
        a following "and" wants; empty when no refund was made.
    """
    made = [
        f"{money(dig(run.value, 'amount') or dig(run.input, 'amount'), case.currency)} "
        f"for {_named(case, order_of(run.input))}"
        for run in case.runs
        if run.name == "refund" and _succeeded(run)
    ]
    return f"refunded {enumerated(made)}".replace(",,", ",") if made else ""


def findings(case: Case) -> list[str]:
    """Say what the tools found, without the look-ups that only served to do something.

    Args:
        case: The case.

    Returns:
        A sentence or two for each result.
    """
    good = [run for run in case.runs if not run.is_error]
    acts = [run for run in case.runs if not run.name.startswith(LOOK_UPS)]
    acted = bool(acts) and (case.wants_refund or case.wants_email)
    orders_found = any(run.name == "find_order" for run in good)
    tracked = {order_of(run.input) for run in good if run.name == "track_shipment"}
    told = []
    for run in good:
        served = {
            "find_order": (acted or order_of(run.input) in tracked) and not case.asks_contents,
            "find_orders_of_customer": orders_found and not case.lists_orders,
            "search_handbook": case.wants_refund and not case.succeeded("refund"),
        }
        if not _succeeded(run) and not served.get(run.name):
            told.append(_sentence(run, case))
    return list(filter(None, told))


def _step(case: Case, name: str, arguments: dict[str, Any], *more: dict[str, Any]) -> str:
    if more:
        many = {"find_order": "look up {} orders", "track_shipment": "track {} shipments"}
        return many.get(name, f"use {name} {{}} times").format(1 + len(more))
    order = order_of(arguments)
    return {
        "find_order": f"look up order {order}",
        "find_orders_of_customer": f"look up the orders of {dig(arguments, 'email')}",
        "track_shipment": f"track the shipment of order {order}",
        "search_handbook": "check the handbook",
        "check_stock": f"check the stock of “{dig(arguments, 'title')}”",
        "refund": f"refund {money(dig(arguments, 'amount'), case.currency)} for order {order}",
        "send_email": f"send an email to {dig(arguments, 'to')}",
    }.get(name, f"use {name}{_given(arguments)}")


def _given(arguments: dict[str, Any]) -> str:
    """The arguments that are short enough to tell one call from another."""
    short = [str(v) for v in arguments.values() if isinstance(v, str | int | float)]
    return f" ({', '.join(v for v in short if len(v) <= 40)})".replace(" ()", "")


def _was_a_slip(run: ToolRun, case: Case) -> bool:
    """Whether a call was wrong by itself, and was put right: nobody wants to hear of it."""
    if not _SLIP.match(run.text):
        return False
    return any(run.name.startswith(later.name) for later in case.runs if not later.is_error)


def _succeeded(run: ToolRun) -> bool:
    """Whether an effect says that it was made; a learner's version may answer otherwise."""
    return isinstance(run.value, dict) and run.value.get("status") == _DONE.get(run.name, ...)


def _refused(case: Case, run: ToolRun) -> str:
    step, told = _step(case, run.name, run.input), quote(run.text)
    if is_unsettled(run):
        return f"I tried to {step}, and can't say whether it worked: {told} A person has to check."
    return f"I could not {step}: {told}"


def _done(case: Case) -> list[str]:
    refunds = refunded(case)
    parts = [refunds] if refunds else []
    for run in case.runs:
        if run.name == "send_email" and _succeeded(run):
            what = "a confirmation" if refunds else f"“{dig(run.input, 'subject')}”"
            parts.append(f"sent {what} to {dig(run.input, 'to')}")
    return [tidy(f"I have {enumerated(parts)}.")] if parts else []


def _left_undone(case: Case) -> list[str]:
    """What was wanted and hasn't been done, so that nobody takes it for done."""
    left = {}
    unsettled = {run.name for run in case.runs if is_unsettled(run)}
    if case.wants_refund and not case.succeeded("refund"):
        left["refund"] = "refunded anything"
    if case.wants_email and not case.succeeded("mail", "notif", "send"):
        left["send_email"] = "sent an email"
    left = {name: what for name, what in left.items() if name not in unsettled}
    lacking = [name for name in left if name not in case.tools]
    reason = f": I have no {' or '.join(lacking)} tool here" if lacking else ""
    return [f"I have not {' or '.join(left.values())}{reason}."] if left else []


def _sentence(run: ToolRun, case: Case) -> str:
    """One result in words: as the desk says it, or as it is when its shape is a learner's."""
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
        said = cut(describe(value)).rstrip(".") + "."
    return f"{run.name}{_given(run.input)} returned {said}"


# One function for each of the shop's results. What they take out of a result is told, or left
# out on purpose; what is left in it, a learner has added, and `_sentence` tells it.


def _order(found: dict[str, Any], case: Case) -> str:
    number, customer, email, placed = _take(found, "order_id customer email placed_on")
    books, total, currency, status = _take(found, "books total currency status")
    if case.says(_ABOUT_AN_ADDRESS) and not case.wants_email:
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
    order = f"order {number}" if case.asks_contents else _named(case, str(number))
    if carrier is None:
        return tidy(f"There is no parcel for {order}: {status}.")
    if delivered:
        return tidy(f"O{order[1:]} was delivered by {carrier} on {delivered}.")
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
    most = MOST_QUOTED // max(1, len(best))
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
