"""How the support desk works: look up first, in parallel; then act; each thing once."""

from __future__ import annotations

import re
from typing import Any

from agentkit.classroom.offline.answers import LOOK_UPS, findings, refunded
from agentkit.classroom.offline.arguments import (
    MissingArgument,
    dig,
    fill,
    fill_each,
    fit,
    names,
    quoted,
    stems,
)
from agentkit.classroom.offline.case import Case
from agentkit.classroom.offline.request import ToolRun

ToolUse = tuple[str, dict[str, Any]]

SHOP_TOOLS = {
    *("find_order", "find_orders_of_customer", "track_shipment", "search_handbook"),
    *("check_stock", "refund", "send_email"),
}
_FILLER_WORDS = stems(
    "a about an and any are at be book books can could do does for from get have how i in is it "
    "its long many me my of on or our please policy policies handbook rule rules say says tell "
    "that the their there this to us we what when which who will with would you your if order "
    "shop stock not was were am has had but so they them use tool using return s t"
) - stems("return")
_WEAK_WORDS = _FILLER_WORDS | stems(
    "customer item list search look lookup find fetch show read check number id name user data "
    "send make create set update run new all one"
)
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
    if case.needs_order:
        wanted += [("find_order", {"order_id": n}) for n in case.orders]
    if case.wants_tracking:
        wanted += [("track_shipment", {"order_id": n}) for n in case.orders]
    if case.wants_policy:
        wanted.append(("search_handbook", {"query": _handbook_query(case)}))
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


def own_tools(case: Case, *, look_ups_first: bool) -> list[ToolUse]:
    """Choose tools that aren't the shop's, by the words of their names and descriptions.

    Args:
        case: The case.
        look_ups_first: Whether the shop's look-ups are still to come: what may have an effect
            then waits for them.

    Returns:
        The calls that haven't been made for this question.

    Raises:
        MissingArgument: A tool fits, but the question doesn't say what to give it.
    """
    said = stems(case.question)
    calls: list[ToolUse] = []
    missing: MissingArgument | None = None
    for name, tool in case.tools.items():
        if name in SHOP_TOOLS or case.done(name):
            continue
        words, description = stems(name), stems(tool.get("description") or "")
        telling = 2 * len((words - _WEAK_WORDS) & said) + len((description - _WEAK_WORDS) & said)
        shared = ((words | description) - _FILLER_WORDS) & said
        reads = name.lower().startswith(LOOK_UPS) and bool(shared)
        if telling < 2 and (look_ups_first or case.runs or not reads):
            continue
        if look_ups_first and not name.lower().startswith(LOOK_UPS):
            continue
        try:
            calls += [(name, a) for a in fill_each(tool["input_schema"], case.question, case.known)]
        except MissingArgument as err:
            missing = missing or err
    if missing and not calls:
        raise missing
    return calls


def forced(case: Case, name: str | None) -> ToolUse:
    """Choose a tool because the request says that one must be used.

    Args:
        case: The case.
        name: The tool that the request names, if any.

    Returns:
        The call; what the question leaves open is filled with the emptiest value.
    """
    said = stems(case.question)
    name = name or max(
        case.tools,
        key=lambda n: len((stems(n) | stems(case.tools[n].get("description") or "")) & said),
    )
    known = {**case.known, "query": _handbook_query(case)}
    schema = case.tools.get(name, {}).get("input_schema", {})
    return name, fill(schema, case.question, known, forced=True)


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


def _handbook_query(case: Case) -> str:
    """A few keywords: a full-text search finds nothing for a whole sentence."""
    if case.wants_refund:
        trouble = {"arrived damaged": "damaged", "wrong item": "wrong", "arrived late": "late"}
        return f"refund {trouble.get(case.trouble, '')}".strip()
    found = re.findall(r"[A-Za-z][\w-]*", case.question)
    words = [w.lower() for w in found if not stems(w) <= _FILLER_WORDS]
    return " ".join(dict.fromkeys(words)) or case.question.strip()


def _titles(case: Case) -> list[str]:
    if found := quoted(case.question):
        return found
    after = re.search(
        r"\b(?:of|have|sell|carry|is|are)\s+(?:any |a |the book |copies of )*(.+?)"
        r"(?:\s+(?:in stock|available|left)\b|[?.!]|$)",
        case.question,
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
        amount = dig(order.value, "total", "amount")
    wants_amount = "amount" in (case.tools["refund"]["input_schema"].get("required") or [])
    if (amount is None and wants_amount) or (order is None and "find_order" in case.tools):
        return None
    values = {"order_id": number, "reason": case.trouble}
    if amount is not None:
        values["amount"] = amount
    return "refund", _shape(case, "refund", values)


def _email(case: Case) -> ToolUse | None:
    found = next((run for n in case.orders if (run := case.order(n))), None)
    customer = dig(found.value, "email") if found else None
    address = case.emails[0] if case.emails else customer
    if not address:
        return None
    name = dig(found.value, "customer") if found and address == customer else None
    subject, lines = _letter(case)
    body = [
        f"Dear {[*str(name or '').split(), 'customer'][0]},",
        "\n".join(lines),
        "Please write to us if anything is still open.",
        "Kind regards\nThe bookshop's support desk",
    ]
    values = {"to": address, "subject": subject, "body": "\n\n".join(body)}
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
    return subject, findings(case) or quoted(case.question) or [request]
