"""How the support desk works: look up first, in parallel; then act; each thing once."""

from __future__ import annotations

import re
from typing import Any

from offline_claude.mind.answers import findings, refunded
from offline_claude.mind.arguments import fill
from offline_claude.mind.case import Case
from offline_claude.mind.choice import ToolUse, handbook_query
from offline_claude.mind.json_schema import fit
from offline_claude.mind.results import dig
from offline_claude.mind.values import names, quoted
from offline_claude.mind.words import stems
from offline_claude.request import ToolRun

_FEW = 3
"""So many orders are looked up beside their parcels."""

_REGRETS = {
    "arrived damaged": "your order arrived damaged",
    "wrong item": "we sent you the wrong item",
    "never arrived": "your order never arrived",
    "arrived late": "your order arrived late",
    "faulty copy": "your copy is faulty",
}


def look_ups(case: Case) -> list[ToolUse]:
    """Choose the look-ups that the question needs and that don't wait for each other.

    Args:
        case: The case.

    Returns:
        The calls that haven't been made for this question, only of tools on offer.
    """
    wanted: list[ToolUse] = []
    parcels = case.wants_tracking and "track_shipment" in case.tools and not case.asks_contents
    # Of one order, the answer names the books; of many, who asks for parcels gets parcels.
    if case.needs_order and not (parcels and len(case.orders) > _FEW):
        wanted += [("find_order", {"order_id": n}) for n in case.orders]
    if case.wants_tracking:
        wanted += [("track_shipment", {"order_id": n}) for n in case.orders]
    if case.wants_policy:
        wanted.append(("search_handbook", {"query": handbook_query(case)}))
    if case.wants_stock:
        wanted += [("check_stock", {"title": t}) for t in _titles(case)]
    lost = any(r.is_error for r in case.runs if r.name == "find_order")
    if case.emails and (lost or case.lacks_order or case.lists_orders):
        wanted.append(("find_orders_of_customer", {"email": case.emails[0]}))
    calls = [(n, _shape(case, n, values)) for n, values in wanted if n in case.tools]
    return [(n, a) for n, a in calls if not case.done(n, **a)]


def effects(case: Case) -> list[ToolUse]:
    """Choose the next thing to do, once everything about it is known.

    Args:
        case: A case whose look-ups are done.

    Returns:
        Refunds first, the e-mail about them later; empty when done, or when something said no.
    """
    if any(r.is_error for r in case.runs if r.name in ("find_order", "refund", "send_email")):
        return []
    if case.wants_refund:
        if "refund" not in case.tools and not case.succeeded("refund"):
            return []
        due = [n for n in case.orders if not _refund_of(case, n)] if "refund" in case.tools else []
        if calls := [c for n in due if (c := _refund(case, n))]:
            return calls
        if due or not case.orders:
            return []
    if case.wants_email and "send_email" in case.tools and not case.done("send_email"):
        email = _email(case)
        return [email] if email else []
    return []


def _shape(case: Case, name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Fit values to the schema on offer: a learner may have renamed or added arguments."""
    schema = case.tools[name]["input_schema"]
    properties = schema.get("properties") or {}
    arguments = {k: fit(v, properties[k]) for k, v in values.items() if k in properties}
    left = {k: v for k, v in values.items() if k not in properties}
    for missing in [p for p in schema.get("required") or [] if p not in arguments]:
        for key in list(left):
            if stems(missing) & stems(key):
                arguments[missing] = fit(left.pop(key), properties.get(missing, {}))
                break
    return {**fill(schema, case.question, {**case.known, **arguments}, forced=True), **arguments}


def _titles(case: Case) -> list[str]:
    if found := quoted(case.question):
        return found
    counted = re.search(
        r"\bcopies of (?:the book )?(.+?) (?:do|are|is|have|has|in stock|left)\b",
        case.reading,
        re.I,
    )
    if counted:
        return [counted[1]]
    after = re.search(
        r"\b(?:of|have|sell|carry|is|are)\s+(?:any |a |the book |copies of )*(.+?)"
        r"(?:\s+(?:in stock|available|left)\b|[?.!]|$)",
        case.reading,
        re.IGNORECASE,
    )
    return names(case.question)[:1] or ([after[1]] if after else [])


def _refund_of(case: Case, number: int) -> ToolRun | None:
    for run in case.runs:
        if run.name == "refund" and str(number) in map(str, run.input.values()):
            return run
    return None


def _refund(case: Case, number: int) -> ToolUse | None:
    order = case.order(number)
    amount = case.amount
    if amount is None and order:
        amount = _named_share(case, order.value) or dig(order.value, "total", "amount")
    wants_amount = "amount" in (case.tools["refund"]["input_schema"].get("required") or [])
    if (amount is None and wants_amount) or (order is None and "find_order" in case.tools):
        return None
    values = {"order_id": number, "reason": case.trouble}
    if amount is not None:
        values["amount"] = amount
    return "refund", _shape(case, "refund", values)


def _named_share(case: Case, order: Any) -> float | None:
    """What is due when only a part of an order is named: a fraction, or some of its books."""
    total, books = dig(order, "total", "amount"), _books(order)
    if case.part is not None and isinstance(total, int | float):
        return round(total * case.part, 2)
    asked = [b for b in books if str(b.get("title", "")).lower() in case.reading.lower()]
    one = case.says(r"\b(?:one|a|1) cop(?:y|ies)\b")
    if not asked or (len(asked) == len(books) and not one):
        return None
    try:
        share = sum(float(b["price"]) * (1 if one else int(b["quantity"])) for b in asked)
    except (KeyError, TypeError, ValueError):
        return None
    return round(share, 2)


def _books(order: Any) -> list[dict[str, Any]]:
    books = order.get("books") if isinstance(order, dict) else None
    return [b for b in books if isinstance(b, dict)] if isinstance(books, list) else []


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
    values = {"to": address, "subject": subject, "body": "\n\n".join(body)} | {
        key: written[key] for key in ("subject", "body") if written.get(key)
    }
    return "send_email", _shape(case, "send_email", values)


def _letter(case: Case) -> tuple[str, list[str]]:
    """What the letter is about: the refund if one was made, else what was found."""
    orders = " and ".join(map(str, case.orders))
    if told := refunded(case):
        sorry = _REGRETS.get(case.trouble)
        apology = f"We are sorry that {sorry}. " if sorry else ""
        return f"Your refund for order {orders}", [f"{apology}We have {told.rstrip(',')}."]
    request = f"This is about your request: “{case.question.strip()}”"
    subject = f"Your order {orders}" if orders else "A message from the bookshop"
    said = [case.last_reply] if case.refers_back and case.last_reply else [request]
    return subject, findings(case) or quoted(case.question) or said
