"""The words: an answer quotes what the tools returned, and says what could not be done."""

from __future__ import annotations

from typing import Any

from agentkit.classroom.offline.case import Case, dig
from agentkit.classroom.offline.desk import SHOP_TOOLS, ToolUse, money, orders_of
from agentkit.classroom.offline.request import ToolRun

IDENTITY = (
    "I am the offline Claude, a deterministic stand-in that speaks the Messages API, not a model. "
    "I follow rules written down in this repository, so that lessons need no API key."
)
_LONGEST = 400


def announcement(calls: list[ToolUse]) -> str:
    """Say in one sentence what is about to be done.

    Args:
        calls: The tools about to be asked for.

    Returns:
        The sentence.
    """
    by_tool: dict[str, list[dict[str, Any]]] = {}
    for name, arguments in calls:
        by_tool.setdefault(name, []).append(arguments)
    steps = [_step(name, *several) for name, several in by_tool.items()]
    joined = " and ".join([", ".join(steps[:-1]), steps[-1]] if len(steps) > 1 else steps)
    return f"I will {joined}."


def _step(name: str, arguments: dict[str, Any], *more: dict[str, Any]) -> str:
    if more:
        many = {"find_order": "look up {} orders", "track_shipment": "track {} shipments"}
        return many.get(name, f"use {name} {{}} times").format(1 + len(more))
    order = dig(arguments, "order") or "?"
    return {
        "find_order": f"look up order {order}",
        "find_orders_of_customer": f"look up the orders of {dig(arguments, 'email')}",
        "track_shipment": f"track the shipment of order {order}",
        "search_handbook": "check the handbook",
        "check_stock": f"check the stock of “{dig(arguments, 'title')}”",
        "refund": f"refund {money(dig(arguments, 'amount'), None)} for order {order}",
        "send_email": f"send an e-mail to {dig(arguments, 'to')}",
    }.get(name, f"use {name}")


def describe(value: Any) -> str:
    """Put a result into words, without adding to it.

    Args:
        value: A result read as JSON.

    Returns:
        Its fields as "name value", nested ones in brackets.
    """
    if isinstance(value, dict):
        fields = [f"{k} {describe(v)}" for k, v in value.items() if v not in (None, "", [], {})]
        return ", ".join(fields) or "nothing"
    if isinstance(value, list):
        shown = "; ".join(
            f"({describe(v)})" if isinstance(v, dict) else describe(v) for v in value[:5]
        )
        return (shown or "nothing") + (f"; and {len(value) - 5} more" if len(value) > 5 else "")
    return "yes" if value is True else "no" if value is False else str(value)


def answer(case: Case) -> str:
    """Answer from what the tools returned.

    Args:
        case: A case for which no tool is needed any more.

    Returns:
        The answer; what went wrong is quoted first.
    """
    failed = [r for r in case.runs if r.is_error]
    order = ["refund", "send_email", "track_shipment"]
    good = sorted(
        (r for r in case.runs if not r.is_error),
        key=lambda r: order.index(r.name) if r.name in order else len(order),
    )
    lines = [f"{r.name} said no: “{_cut(r.text)}”." for r in failed]
    lines += [_sentence(r, case) for r in good]
    return " ".join([*lines, *_left_undone(case)])


def _left_undone(case: Case) -> list[str]:
    """What was wanted and hasn't been done, so that nobody takes it for done."""
    left = []
    if case.wants_refund and not case.succeeded("refund"):
        reason = "" if "refund" in case.tools else ": I have no refund tool here"
        left.append(f"So I have not refunded anything{reason}.")
    if case.wants_email and not case.succeeded("mail", "notif", "send"):
        reason = "" if "send_email" in case.tools else ": I have no send_email tool here"
        left.append(f"I have not sent an e-mail{reason}.")
    return left


def _sentence(run: ToolRun, case: Case) -> str:
    if run.name == "refund":
        currency = dig([r.value for r in case.runs], "currency")
        amount = money(dig(run.input, "amount") or dig(run.value, "amount"), currency)
        return f"I have refunded {amount} for order {orders_of(run)} ({_quote(run)})."
    if run.name == "send_email":
        subject, to = dig(run.input, "subject"), dig(run.input, "to")
        return f"I have sent “{subject}” to {to} ({_quote(run)})."
    if run.name == "search_handbook":
        return f"The handbook says: {_articles(run)}"
    if run.name == "find_order":
        return f"Order {orders_of(run)}: {_quote(run)}."
    if run.name == "track_shipment":
        return f"The shipment of order {orders_of(run)}: {_quote(run)}."
    return f"{run.name} returned: {_quote(run)}."


def _articles(run: ToolRun) -> str:
    found = run.value
    if isinstance(found, dict):
        found = next((v for v in found.values() if isinstance(v, list)), [found])
    if not isinstance(found, list):
        return f"“{_cut(run.text)}”."
    if not found:
        return "nothing about this."
    titles = [str(t) for a in found if (t := dig(a, "title", "name", "heading"))]
    text = dig(found[0], "body", "text", "content", "snippet", "excerpt") or describe(found[0])
    more = f" See also: {'; '.join(titles[1:])}." if titles[1:] else ""
    return (f"{titles[0]}: " if titles else "") + f"“{_cut(str(text))}”{more}"


def _quote(run: ToolRun) -> str:
    """Quote a result, leaving out what only repeats the arguments."""
    value = run.value
    if isinstance(value, dict):
        value = {k: v for k, v in value.items() if k not in run.input or run.input[k] != v}
    return _cut(run.text or "nothing" if value is None else describe(value)).rstrip(".")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"


def ask_for_order() -> str:
    """Ask which order is meant.

    Returns:
        The question.
    """
    return "I can do that once I know which order it is about. What is the order number?"


def ask_for(argument: str) -> str:
    """Ask for what a tool needs.

    Args:
        argument: The tool's argument.

    Returns:
        The question.
    """
    return f"I need one more thing from you, the {argument.replace('_', ' ')}. What should it be?"


def cannot_help(case: Case) -> str:
    """Say what isn't possible.

    Args:
        case: A case for which no tool fits.

    Returns:
        What the offline Claude is, and what it can be asked.
    """
    question = _cut(case.question.strip())
    if not case.tools:
        return (
            "I am the offline Claude, not a model. This request offers me no tools, so I can't "
            f"look anything up or do anything about “{question}”."
        )
    offered = ", ".join(case.tools)
    hint = (
        " Ask me about an order, a shipment or the handbook." if SHOP_TOOLS & {*case.tools} else ""
    )
    return (
        f"I am the offline Claude, not a model, and I see no tool among {offered} that fits "
        f"“{question}”.{hint}"
    )
