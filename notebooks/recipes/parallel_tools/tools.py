"""What the agent can do, and what each tool declares. Your own tools go here, nowhere else."""

from datetime import date, timedelta

from agentkit import AnyTool, tool
from classroom.shop import book_van, find_order, refund, search_handbook, send_email, track_shipment


@tool(effect="at_most_once", timeout=timedelta(minutes=2))
def book_pickup(order_id: int, day: date) -> str:
    """Have the carrier pick a parcel up at the customer's door, as for a return.

    Args:
        order_id: The order's number, for example 1042.
        day: The day of the pickup, for example 2026-05-04.
    """
    book_van(order_id, day)
    return f"A van will fetch the parcel of order {order_id} on {day}."


TOOLS: list[AnyTool] = [
    find_order,
    track_shipment,
    search_handbook,
    refund,
    send_email,
    book_pickup,
]
