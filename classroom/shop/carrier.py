"""The carrier's booking line: an old interface that blocks, and that takes no key."""

from __future__ import annotations

import time
from datetime import date

from classroom.shop.database import session
from classroom.shop.slowness import seconds


def book_van(order_id: int, day: date) -> None:
    """Send a van to fetch a parcel at a customer's door; asked twice, two vans come.

    Args:
        order_id: Whose parcel.
        day: When.
    """
    with session() as db:
        db.execute("insert into pickups (order_id, day) values (?, ?)", (order_id, str(day)))
    time.sleep(seconds("SHOP_CARRIER_SECONDS", 1))  # booked; the carrier's word is on its way
