"""The support desk's way of working: look up in parallel, then act, each thing once."""

from __future__ import annotations

from typing import Any

from offline_claude.mind.conversation import ToolUse, dig, pairs
from offline_claude.mind.fill import MissingArgument, fill
from offline_claude.mind.shop_case import Case
from offline_claude.mind.values import Passage, quoted
from offline_claude.mind.wording import findings, refunded
from offline_claude.mind.words import TROUBLES, pattern, stems

_FEW = 3  # so many orders are looked up beside their parcels


def look_ups(case: Case) -> list[ToolUse]:
    """Choose the look-ups that the question needs, of tools on offer and not made yet."""
    wanted: list[ToolUse] = []
    parcels = case.wants_tracking and "track_shipment" in case.tools and not case.says("contents")
    # Of one order, the answer names the books; of many, who asks for parcels gets parcels.
    if case.needs_order and not (parcels and len(case.orders) > _FEW):
        wanted += [("find_order", {"order_id": n}) for n in case.orders]
    if case.wants_tracking:
        wanted += [("track_shipment", {"order_id": n}) for n in case.orders]
    if case.wants_policy:
        wanted.append(("search_handbook", {"query": case.handbook_query}))
    if case.says("stock") and not case.orders:
        wanted += [("check_stock", {"title": t}) for t in _titles(case)]
    lost = any(r.is_error for r in case.uses("find_order"))
    if case.emails and (lost or case.lacks_order or case.lists_orders):
        wanted.append(("find_orders_of_customer", {"email": case.emails[0]}))
    calls = [(n, _shape(case, n, values)) for n, values in wanted if n in case.tools]
    return [(n, a) for n, a in calls if not case.done(n, **a)]


def effects(case: Case) -> list[ToolUse]:
    """Choose what to do next, refunds before the email about them, once all is looked up.

    Raises:
        MissingArgument: The question wants a refund of a part, and doesn't say of how much.
    """
    if any(r.is_error for r in case.runs if r.name in ("find_order", "refund", "send_email")):
        return []
    if case.wants_refund:
        if "refund" not in case.tools and not case.succeeded("refund"):
            return []
        made = [str(value) for run in case.uses("refund") for value in run.input.values()]
        due = [n for n in case.orders if "refund" in case.tools and str(n) not in made]
        if due or not case.orders:
            return [c for n in due if (c := _refund(case, n))]
    if case.wants_email and "send_email" in case.tools and not case.done("send_email"):
        return [email] if (email := _email(case)) else []
    return []


def _shape(case: Case, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Fit values to the schema on offer: a learner may have renamed or added arguments."""
    spec = case.spec(name)
    arguments = {k: v for k, v in values.items() if k in spec.properties}
    left = {k: v for k, v in values.items() if k not in arguments}
    for missing in [p for p in spec.required if p not in arguments]:
        if key := next((k for k in left if stems(missing) & stems(k)), None):
            arguments[missing] = left.pop(key)
    arguments = {k: spec.properties[k].fitted(v) for k, v in arguments.items()}
    known = {**case.known_for(), **arguments}
    return {**fill(spec, case.question, known, forced=True), **arguments}


def _titles(case: Case) -> list[str]:
    names = [spot.value for spot in Passage(case.reading).spots("name")]
    return quoted(case.question) or (names or pattern("title").findall(case.reading))[:1]


def _refund(case: Case, number: int) -> ToolUse | None:
    order, amount = case.order(number), case.amount
    if order and amount is None:
        titles = [v.lower() for k, v in pairs(order.value) if k == "title" and isinstance(v, str)]
        named = [title for title in titles if title in case.reading.lower()]
        if case.says("part") or 0 < len(named) < len(titles):
            raise MissingArgument("amount")  # what a part of an order costs isn't guessed
        amount = dig(order.value, "total", "amount")
    wants_amount = "amount" in (case.tools["refund"]["input_schema"].get("required") or [])
    if (amount is None and wants_amount) or (order is None and "find_order" in case.tools):
        return None
    values = {"order_id": number, "reason": case.trouble}
    return "refund", _shape(case, "refund", values | ({} if amount is None else {"amount": amount}))


def _email(case: Case) -> ToolUse | None:
    found = next((run for n in case.orders if (run := case.order(n))), None)
    customer = dig(found.value, "email") if found else None
    address = case.emails[0] if case.emails else customer
    if not address:
        return None
    name = dig(found.value, "customer") if found and address == customer else None
    written = case.said_before("send_email")
    subject, lines = _letter(case)
    body = [
        f"Dear {[*str(name or '').split(), 'customer'][0]},",
        "\n".join(lines),
        "Please write to us if anything is still open.",
        "Kind regards\nThe bookshop's support desk",
    ]
    values = {"to": address, "subject": subject, "body": "\n\n".join(body)}
    values |= {key: written[key] for key in ("subject", "body") if written.get(key)}
    return "send_email", _shape(case, "send_email", values)


def _letter(case: Case) -> tuple[str, list[str]]:
    """The letter's subject and lines: about the refund if one was made, else what was found."""
    orders = " and ".join(map(str, case.orders))
    if told := refunded(case):
        sorry = next((told for _, trouble, told in TROUBLES if trouble == case.trouble), "")
        apology = f"We are sorry that {sorry}. " if sorry else ""
        return f"Your refund for order {orders}", [f"{apology}We have {told.rstrip(',')}."]
    request = f"This is about your request: “{case.question.strip()}”"
    subject = f"Your order {orders}" if orders else "A message from the bookshop"
    said = [case.last_reply] if case.refers_back and case.last_reply else [request]
    return subject, findings(case) or quoted(case.question) or said
