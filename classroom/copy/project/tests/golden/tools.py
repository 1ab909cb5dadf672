"""The tools that recorded runs have called: replay runs none, but looks at what they declare."""

from __future__ import annotations

from agentkit import AnyTool, tool


@tool
async def find_order(order_id: int) -> str:
    """Look up one order.

    Args:
        order_id: The order's number.
    """
    raise NotImplementedError


@tool
async def track_shipment(order_id: int) -> str:
    """Ask where an order's parcel is.

    Args:
        order_id: The order's number.
    """
    raise NotImplementedError


@tool
async def check_stock(title: str) -> str:
    """Check whether a book can be ordered.

    Args:
        title: The title or a part of it.
    """
    raise NotImplementedError


@tool
async def search_handbook(query: str) -> str:
    """Search the shop's handbook.

    Args:
        query: A few words on the subject.
    """
    raise NotImplementedError


@tool(effect="idempotent")
async def refund(order_id: int, amount: float, reason: str) -> str:
    """Pay money back.

    Args:
        order_id: The order's number.
        amount: How much.
        reason: Why.
    """
    raise NotImplementedError


@tool(effect="idempotent")
async def send_email(to: str, subject: str, body: str) -> str:
    """Send an email.

    Args:
        to: The recipient's address.
        subject: The subject line.
        body: The text.
    """
    raise NotImplementedError


RECORDED: list[AnyTool] = [
    find_order,
    track_shipment,
    check_stock,
    search_handbook,
    refund,
    send_email,
]
