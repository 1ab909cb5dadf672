"""The bookshop that every lesson works on: a SQLite file, its data, and the desk's tools."""

from classroom.shop.carrier import book_van
from classroom.shop.database import connect, count, path, reset, rows, session
from classroom.shop.research import search_passages, shop_figures
from classroom.shop.slowness import bank_confirms
from classroom.shop.tickets import answer_ticket, next_ticket
from classroom.shop.tools import (
    TOOLS,
    check_stock,
    find_order,
    find_orders_of_customer,
    refund,
    search_handbook,
    send_email,
    track_shipment,
)

__all__ = [
    "TOOLS",
    "answer_ticket",
    "bank_confirms",
    "book_van",
    "check_stock",
    "connect",
    "count",
    "find_order",
    "find_orders_of_customer",
    "next_ticket",
    "path",
    "refund",
    "reset",
    "rows",
    "search_handbook",
    "search_passages",
    "send_email",
    "session",
    "shop_figures",
    "track_shipment",
]
